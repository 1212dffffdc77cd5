/* store/retention.h -- how long rows stay.
 *
 * Without rules: a segment goes as a whole when its newest row is older than options.retention_ns, and
 * the oldest ones beyond options.retention_bytes.
 *
 * With rules: the first rule whose filter a row passes counts for it; a row that passes none has the
 * store's own time. A row that is past its time, or past the bytes of its rule (the oldest go first),
 * is invisible at once; its bytes go when its whole segment is past the rule (or with the segment).
 *
 * Thread safety: plain data. */
#ifndef DENDRO_STORE_RETENTION_H
#define DENDRO_STORE_RETENTION_H

#include <stdint.h>

enum { RETENTION_RULES_MAX = 32 }; /* each masks every scan, and is a bit of a segment's state */

struct retention_rule {
    const char *filter;  /* see store_filter.h */
    int64_t keep_ns;     /* 0: for ever */
    uint64_t bytes_max;  /* stored bytes of its rows; 0: no limit */
    uint32_t line;       /* in the file it was read from, for messages */
};

#endif
