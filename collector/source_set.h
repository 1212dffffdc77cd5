/* collector/source_set.h -- the sources that one worker is busy with: how far each is accepted,
 * its parser, and its names. A source that is not here is looked up in the store (watermark), so
 * that forgetting an idle one costs only the lookup.
 * Thread safety: the set belongs to one worker; source_set_visit() may be called by others. */
#ifndef DENDRO_COLLECTOR_SOURCE_SET_H
#define DENDRO_COLLECTOR_SOURCE_SET_H

#include "base/map.h"
#include "collector/dedup.h"
#include "collector/source_parser.h"
#include "collector/source_settings.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct source {
    struct event_source about;        /* its texts are owned by the source */
    struct source_position position;  /* accepted: durable or on its way */
    struct format_settings settings;
    const struct format *format;      /* set by configuration or hint; NULL: detect */
    struct source_parser *parser;     /* NULL until its first line */
    uint32_t open_count;              /* events still being assembled */
    uint32_t pending;                 /* batches that are not durable yet and name it */
    uint64_t batch_number;            /* of the filling batch, if it names it already */
    uint32_t batch_index;             /* its index there */
    bool final;                       /* the shipper said that nothing comes any more */
    int64_t used_ns;                  /* monotonic */
    _Atomic uint64_t accepted_offset; /* the next three are for source_set_visit() */
    _Atomic uint64_t line_count;
    _Atomic int64_t received_ns;      /* wall clock of its last range */
    char *text;                       /* memory of all texts */
};

struct source_set {
    struct store *store;
    const struct source_overrides *overrides;
    struct map by_id;                 /* source_id bytes -> index in `sources` */
    struct source **sources;
    uint32_t count;
    pthread_mutex_t lock;             /* of membership, against source_set_visit() */
};

/* What a shipper or the store says of a source. */
struct source_description {
    struct event_source about;
    struct slice format;       /* hint, "" = detect */
    struct slice label_bytes;  /* of a batch_range */
};

enum status source_set_init(struct source_set *set, struct store *store,
                              const struct source_overrides *overrides,
                              struct error *err) WARN_UNUSED;
void source_set_release(struct source_set *set);

/* The source with that id, made from the description if it is new here; its position then comes
 * from the store. Errors: TOO_LARGE (the set is full of busy sources), NO_MEMORY. */
enum status source_set_get(struct source_set *set, const struct source_description *said,
                             int64_t mono_ns, struct source **out, struct error *err) WARN_UNUSED;
/* Forget sources that are idle or final, have nothing open and nothing pending. */
void source_set_sweep(struct source_set *set, int64_t mono_ns);

typedef void source_visit(void *user, const struct source *source);
void source_set_visit(struct source_set *set, source_visit *visit, void *user);

#endif
