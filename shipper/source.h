/* shipper/source.h -- one followed file generation, and the table of all of them.
 *
 *   NEW       file open, the first line is not complete: no gen_id yet. While `vacant` the file
 *             had no byte yet, so that what it is cannot be said, either
 *   ASKING    has its gen_id; the collector has not said yet how far it has this source
 *   FOLLOWED  is read
 *   ORPHAN    known from before, its file is not found (yet), or was truncated
 *   FINISHED  read to its end and acked; remembered so that a .gz of it is not read again
 *
 *   NEW -> ASKING -> FOLLOWED -> FINISHED; ORPHAN -> ASKING when its file, or a copy, is found;
 *   FOLLOWED -> ORPHAN when truncated; ORPHAN -> FINISHED when given up (the rest is a LOSS);
 *   FOLLOWED -> ASKING when the collector's store is another one.
 *
 * Thread safety: the loop thread only. */
#ifndef DENDRO_SHIPPER_SOURCE_H
#define DENDRO_SHIPPER_SOURCE_H

#include "shipper/content.h"
#include "shipper/identity.h"
#include "shipper/settings.h"
#include "shipper/tail_marks.h"

#include <stdbool.h>
#include <stdint.h>

enum source_state {
    SOURCE_NEW,
    SOURCE_ASKING,
    SOURCE_FOLLOWED,
    SOURCE_ORPHAN,
    SOURCE_FINISHED,
    SOURCE_STATE_COUNT
};

struct source {
    struct generation gen; /* gen.path: the name it is reported under, owned */
    char *where;           /* present path if it is another one, owned; NULL: gen.path */
    const struct source_settings *settings; /* NULL: no pattern leads to it any more */
    struct content content;
    struct source *next;           /* in the hash chain of its inode */
    struct source *older;          /* drained first: the generation before it at this path */
    struct wire_source previous;   /* of `older`, for HANDOFF; with has_previous */
    uint64_t read_off;             /* next byte to read */
    uint64_t read_tail;            /* tail_hash() of what is before read_off */
    uint64_t scan_off;             /* no newline in [read_off, scan_off) */
    struct tail_marks *marks;      /* positions that were read; NULL: none yet, or no memory */
    uint64_t lag_off;              /* the oldest growth that is not acked ends here, */
    int64_t lag_ns;                /* and was seen then (monotonic) */
    uint64_t size;                 /* as last seen */
    uint64_t size_before;          /* as seen before it last grew */
    int64_t mtime_ns;              /* as last seen */
    int64_t next_poll_ns, grew_ns; /* monotonic */
    int64_t since_ns;              /* in this state, or at this name */
    int64_t retry_wait_ns;         /* between attempts to open it again */
    int64_t shrunk_ns;             /* on a network file system: first seen smaller; 0 not */
    uint32_t in_flight;            /* ranges batched or sent, and not acked */
    uint32_t absent_scans;         /* scans of its directory in a row that did not find it */
    uint32_t waiters;              /* sources that name it as `older` */
    uint32_t directory_id;         /* of the directory where it was last found; 0 not yet */
    uint8_t state;                 /* enum source_state */
    uint8_t last_reset;            /* enum reset_reason */
    uint8_t refusals;              /* IDENT answers in a row */
    uint8_t loss_reason;           /* enum loss_reason, should its rest never be found */
    bool asked;                    /* the question is on its way */
    bool begun;                    /* a range was sent, or the collector has one */
    bool rotated;                  /* its name leads to another file, or nowhere */
    bool succeeded;                /* a newer generation has its name */
    bool deleted;                  /* no name leads to it */
    bool seen;                     /* found by the scan that runs now */
    bool dirty;                    /* differs from the checkpoint */
    bool checkpointed;             /* the checkpoint has a record of it */
    bool has_previous;
    bool vacant;                /* NEW: its file was empty whenever we looked */
    bool abandoned;             /* vacant, and to be taken out of the table */
    bool readable;              /* bytes to read, as far as we know */
    bool final_due, final_sent; /* the range that says "no more" */
    bool unreadable;            /* permission or I/O trouble */
    bool remote;                /* on a network file system */
    bool follow_link;           /* its name is a symbolic link */
    const char *decision;       /* last identity decision; static text */
};

static inline const char *source_path(const struct source *source)
{
    return source->where != NULL ? source->where : source->gen.path;
}

const char *source_state_name(enum source_state state);

/* ---- table ---- */

enum { SOURCE_BUCKETS = 4096 };

struct source_table {
    struct source **items; /* in order of age */
    uint32_t count, capacity;
    struct source *buckets[SOURCE_BUCKETS]; /* by inode */
};

/* A source with a copy of `gen` (and of its path) in state NEW; NULL: no memory or too many. */
struct source *source_table_add(struct source_table *table, const struct generation *gen);
/* Take it out and free it; nothing may point to it: in_flight and waiters are 0. */
void source_table_remove(struct source_table *table, struct source *source, struct io *io);
void source_table_release(struct source_table *table, struct io *io);

/* The source whose file has this key; NULL. Those without a file count too; of several
 * truncations of one file the newest. */
struct source *source_table_find(const struct source_table *table, const struct file_key *key);
/* By the id on the wire. */
struct source *source_table_find_id(const struct source_table *table, const uint8_t *gen_id,
                                    uint32_t trunc_no);
/* Change the key of a source that found its bytes in another file. */
void source_table_rekey(struct source_table *table, struct source *source,
                        const struct file_key *key);
/* It was read up to read_off: remember the hash of what is before. */
void source_mark(struct source *source);
/* It has grown to `size`; then, how long do its oldest bytes wait to be acked? 0: none waits. */
void source_note_size(struct source *source, int64_t now_ns);
int64_t source_lag_ns(struct source *source, int64_t now_ns);
/* Its present path; false: no memory. */
bool source_set_where(struct source *source, const char *path);

#endif
