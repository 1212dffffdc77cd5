/* collector/formats/stamp.h -- the time stamps of the formats, eaten from the front of a line.
 * What a stamp leaves out comes from the source: its zone, and the year from the time of receipt.
 * Thread safety: pure functions. */
#ifndef DENDRO_COLLECTOR_FORMATS_STAMP_H
#define DENDRO_COLLECTOR_FORMATS_STAMP_H

#include "base/time_stamp.h"
#include "collector/format.h"

/* The minutes of a source's last stamps. Lines follow each other closely: of most stamps only the
 * seconds are new. Start with {0}; results do not depend on it. One per source. */
struct stamp_memory {
    struct stamp_minute {
        stamp_parser *parser; /* NULL: nothing yet */
        bool local;           /* of stamp_take_local() */
        bool may_have_zone;   /* a zone is looked for behind the seconds */
        bool has_year;        /* else it comes from `receive_ns` */
        uint8_t minute_len;   /* bytes up to the seconds */
        uint8_t zone_len;     /* bytes that the zone took behind them */
        uint8_t behind_len;   /* bytes that are kept of what stood behind the seconds, */
        char minute[20];
        uint64_t behind;      /* and they, as a little-endian number: no more decide over a zone */
        int64_t minute_ns;    /* since the epoch, UTC */
        int64_t receive_ns;
    } minutes[2];             /* with a year; without, as a relay writes them in front of others */
};

/* Eat a stamp of the parser's kind; false leaves `rest` and `out` alone. */
bool stamp_take(const struct format_context *context, stamp_parser *parser, struct slice *rest,
                int64_t *out);
/* YYYY-MM-DD HH:MM:SS[.,]f without zone: what stands behind a blank is not part of it. */
bool stamp_take_local(const struct format_context *context, struct slice *rest, int64_t *out);

bool stamp_has_shape(struct slice text, struct slice pattern);
/* Cheap shape test: a digit where the pattern has 0, any byte at #, else that very byte. */
static inline bool stamp_shaped(struct slice text, const char *pattern)
{
    return stamp_has_shape(text, slice_of(pattern));
}

#endif
