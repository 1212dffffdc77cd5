/* collector/source_parser.h -- lines of one source in, events out: format detection, assembly of
 * multi-line events, parsing, derived fields (tenant, url_group, ...).
 *
 * Bounds of an event: 1,000 lines, 256 KiB, 2 s without a continuation.
 * The event that the next line may still continue is open: it is listed by source_parser_open(),
 * travels to the store as provisional, and is restored from there after a restart.
 *
 * Thread safety: one thread at a time per parser. */
#ifndef DENDRO_COLLECTOR_SOURCE_PARSER_H
#define DENDRO_COLLECTOR_SOURCE_PARSER_H

#include "base/error.h"
#include "collector/event_sink.h"

#include <stdint.h>

struct source_parser;

struct source_line {
    struct slice bytes;  /* without the newline */
    uint64_t offset;     /* of its first byte in the source */
    uint32_t source_len; /* bytes it covers in the source, newline included */
    uint8_t flags;       /* EVENT_PARTIAL, EVENT_CONTINUED, EVENT_TRUNCATED, EVENT_NUL_RUN */
    /* Before these bytes go away, another line of the source is fed that is not followed, or
     * source_parser_idle() finishes everything: so an open event need not copy them. */
    bool followed;
};

/* `format` NULL: detect from the lines. The settings' slices and the rules must outlive it. */
enum status source_parser_new(const struct format *format, const struct format_settings *settings,
                              const struct field_names *names, const struct derive_rules *rules,
                              struct source_parser **out, struct error *err) WARN_UNUSED;
void source_parser_free(struct source_parser *parser);

/* One line, in order of offset. Finished events are added to `sink`.
 * Errors: NO_MEMORY, TOO_LARGE (the sink's arena is full): nothing was taken, feed it again. */
enum status source_parser_feed(struct source_parser *parser, const struct source_line *line,
                               int64_t receive_ns, struct event_sink *sink,
                               struct error *err) WARN_UNUSED;
/* Finish what has waited 2 s (`mono_ns` clock) for a continuation; `all`: finish everything. */
enum status source_parser_idle(struct source_parser *parser, int64_t mono_ns, bool all,
                               struct event_sink *sink, struct error *err) WARN_UNUSED;
/* Add the open events to `sink`, flagged EVENT_OPEN, without finishing them. */
enum status source_parser_open(struct source_parser *parser, struct event_sink *sink,
                               struct error *err) WARN_UNUSED;
/* Take up an event that was open before a restart; before the first feed. */
enum status source_parser_restore(struct source_parser *parser, const struct format *format,
                                  const struct event *event, struct error *err) WARN_UNUSED;

#endif
