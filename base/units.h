/* base/units.h -- durations (1h30m), sizes (64KiB) and instants as people write them in queries,
 * options and configuration (docs/query.md). Whole slices only; nothing is left over.
 * Thread safety: pure functions. */
#ifndef DENDRO_BASE_UNITS_H
#define DENDRO_BASE_UNITS_H

#include "base/error.h"
#include "base/slice.h"
#include "base/zone.h"

#include <stddef.h>
#include <stdint.h>

enum { UNITS_TEXT_SIZE = 48 };

/* [-]NUMBER UNIT {NUMBER UNIT}, units ns us µs ms s m h d w y (365 d); NUMBER may have a fraction;
 * a bare 0 needs no unit. INVALID with a sentence, also beyond +-292 years. */
enum status duration_parse(struct slice text, int64_t *out_ns, struct error *err) WARN_UNUSED;
/* The shortest exact text that duration_parse() reads: "1h30m", "1.5ms", "0s". Gives the length. */
size_t duration_print(int64_t ns, char out[UNITS_TEXT_SIZE]);

/* NUMBER [UNIT]: B, K KB M MB G GB T TB = 10^3.., Ki KiB .. Ti TiB = 2^10..; any case; a bare
 * number counts bytes. INVALID with a sentence, also beyond 2^63 - 1. */
enum status size_parse(struct slice text, uint64_t *out, struct error *err) WARN_UNUSED;
/* Exact, in the largest binary or decimal unit that divides it: "64KiB", "10KB", "1001B". */
size_t size_print(uint64_t size, char out[UNITS_TEXT_SIZE]);

/* What an instant covers: "2026-03" is a month, "2026-03-02T14:05" a minute, "now" nothing. */
struct instant {
    int64_t from_ns;
    int64_t until_ns; /* exclusive; equal to `from_ns` for relative instants */
};

/* RFC 3339 or a prefix of it (in `zone` if it names none; NULL is UTC), Unix time in s, ms, us or
 * ns by size (not in 1970, but 0), "now", "now-1h30m", "now+5m", or a duration alone: that long before now ("1h",
 * "-1h"). INVALID with a sentence. */
enum status instant_parse(struct slice text, const struct zone *zone, int64_t now_ns,
                          struct instant *out, struct error *err) WARN_UNUSED;

#endif
