/* base/zone.h -- time zones: names in stamps, and IANA zones from the system's tzdata.
 *
 * Clocks that jump: in the repeated hour of autumn a local time means its *first* occurrence; in
 * the skipped hour of spring it is read with the offset from before the jump, so that it lands
 * after it. Both keep the order of a file in all but that one hour.
 * Sources: RFC 8536 (TZif), POSIX.1 TZ strings for the years after the last transition.
 * Thread safety: a zone never changes after it was loaded; a cursor belongs to one thread. */
#ifndef DENDRO_BASE_ZONE_H
#define DENDRO_BASE_ZONE_H

#include "base/error.h"
#include "base/io.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { ZONE_NAME_SIZE_MAX = 64 }; /* with the zero byte; the longest in tzdata has 32 */

struct zone;

/* `name`: an IANA name ("Africa/Johannesburg"), "UTC", or a fixed offset ("+05:30", "-0300").
 * Errors: INVALID    no such name (the nearest one is in the message), or not a name at all
 *         NOT_FOUND  a name, but there is no tzdata on this system to look it up in
 *         CORRUPT    the system's file is damaged
 *         IO, NO_MEMORY */
enum status zone_load(struct io *io, const char *name, struct zone **out,
                      struct error *err) WARN_UNUSED;
/* The name of tzdata's list that is nearest to a misspelt one; "" if none is near.
 * Errors: those of io_read_file(); NOT_FOUND: no tzdata. */
enum status zone_nearest(struct io *io, struct slice word, char out[ZONE_NAME_SIZE_MAX],
                         struct error *err) WARN_UNUSED;
void zone_free(struct zone *zone); /* NULL does nothing */
const char *zone_name(const struct zone *zone);

/* Seconds east of UTC at an instant; NULL is UTC. `abbreviation` (may be NULL) gets static or
 * zone-owned text such as "CEST". */
int32_t zone_offset_at(const struct zone *zone, int64_t utc_s, const char **abbreviation);
/* The instant of a local clock reading, both in nanoseconds. */
int64_t zone_to_utc(const struct zone *zone, int64_t local_ns);
/* The offset that this zone has ever used under an abbreviation; false: never. */
bool zone_offset_of_name(const struct zone *zone, struct slice abbreviation, int32_t *offset_s);

/* A zone abbreviation as stamps carry them: "UTC", "Z", "CEST". `ambiguous`: different countries
 * mean different zones by it, and the answer is only the commonest. */
bool zone_name_offset(struct slice abbreviation, int32_t *offset_s, bool *ambiguous);

#endif
