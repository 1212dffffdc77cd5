/* collector/parse_guard.h -- ranges that were being parsed when the process died.
 *
 * Before a worker parses a range it writes the range into its slot of a small file; the page
 * cache survives the death of the process (a power cut is no parser's fault). At the next start
 * a filled slot makes its range a suspect; a range that overlaps a suspect which was found twice
 * goes to the store unparsed, so no input can keep the collector in a crash loop.
 * A suspect is forgotten when it was parsed well, or its source has gone on: a process that is killed
 * leaves a filled slot, too, if it has just parsed.
 *
 * Layout, little-endian: a header of 16 bytes {magic "DNGUARD1", u32 slot_count,
 * u32 suspect_count_max}, then slots, then suspects, each a struct guard_record. A record whose
 * checksum is wrong counts as empty: losing one costs a crash more, not data.
 *
 * Thread safety: each slot belongs to one worker; suspects are behind a mutex. */
#ifndef DENDRO_COLLECTOR_PARSE_GUARD_H
#define DENDRO_COLLECTOR_PARSE_GUARD_H

#include "base/error.h"
#include "base/io.h"
#include "store/event.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    GUARD_SUSPECTS_MAX = 64,  /* more different crashes than anyone would sit through */
    GUARD_CRASHES_TO_RAW = 2, /* one may be a kill -9 or the memory's fault */
};

struct guard_record {
    struct source_id source;  /* 36 bytes */
    uint32_t crashes;         /* of a suspect; 1 in a slot in use; 0: empty */
    uint64_t start, end;      /* [start, end) in the source */
    uint64_t checksum;        /* XXH3 of the bytes before it, seeded with the record's index */
};
static_assert(sizeof(struct guard_record) == 64, "layout of the file");

struct parse_guard;

/* Open or create `path`; what a crashed process left is counted and its slots are emptied. A file
 * that is no guard is replaced. */
enum status parse_guard_open(struct io *io, const char *path, struct parse_guard **out,
                             struct error *err) WARN_UNUSED;
void parse_guard_close(struct parse_guard *guard); /* NULL does nothing */

/* Before a range is parsed by worker `slot`. True: it crashed us twice, do not parse it. Failing
 * writes are ignored: the guard is lost then, not the data. */
bool parse_guard_enter(struct parse_guard *guard, uint32_t slot, const struct source_id *source,
                       uint64_t start, uint64_t end);
/* After it. The file shows it until the next range of this worker takes its place. */
void parse_guard_leave(struct parse_guard *guard, uint32_t slot);
/* Nothing was to do for the worker: empty its slot if it shows a range that was left. */
void parse_guard_rest(struct parse_guard *guard, uint32_t slot);
/* Ranges known to have crashed us (for status). */
uint32_t parse_guard_suspects(struct parse_guard *guard);

#endif
