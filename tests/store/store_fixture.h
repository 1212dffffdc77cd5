/* tests/store/store_fixture.h -- a store on a simulated disk, batches of numbered lines, and rows
 * read back through the public interface.
 * Thread safety: one thread. */
#ifndef DENDRO_TESTS_STORE_FIXTURE_H
#define DENDRO_TESTS_STORE_FIXTURE_H

#include "store/scan.h"
#include "store/store.h"
#include "tests/support/sim_io.h"

#define FIXTURE_DIR "/store"
#define FIXTURE_TIME_NS (1767225600LL * 1000000000LL) /* 2026-01-01T00:00:00Z */

/* A source made from a small number: host web<n>, generation n. */
struct event_source fixture_source(uint8_t number);

struct store_options fixture_options(struct sim_io *sim);
/* Opens with fixture_options(); fails the test on an error. */
struct store *fixture_open(struct sim_io *sim);

/* Lines of one source. `times` NULL: FIXTURE_TIME_NS plus the offset in seconds. Every line gets
 * the fields status (its length, as a number at its start if it has one) and tenant. */
struct fixture_batch {
    uint8_t source;
    const char *const *lines;
    const int64_t *times;
    uint32_t count;
    uint64_t offset;           /* of the first line; lines are one byte longer than their text */
    const char *open;          /* one open event behind them, or NULL */
    bool queue_only;           /* leave it in the queue: the next step commits all of them at once */
};
/* Append and commit; the watermark is the end of the last line. */
enum status fixture_append(struct store *store, const struct fixture_batch *batch,
                           struct error *err);
/* Run store_step() until nothing is left. */
void fixture_settle(struct store *store);

/* Rows of the whole store as text, one per line, sorted by (order time, source, sequence). */
struct fixture_rows {
    char **lines;
    int64_t *orders;
    uint64_t *sequences;
    uint32_t *sources;
    uint32_t count;
    uint32_t damaged; /* blocks whose pages turned out to be damaged */
    struct scan_cost cost;
};
struct fixture_rows fixture_scan(struct store *store, const struct predicate *filter,
                                 bool open_events);
void fixture_rows_free(struct fixture_rows *rows);

/* Six lines that many tests store: four (35 bytes with newlines), then two (22 bytes). */
extern const char *const fixture_first_lines[4], *const fixture_more_lines[2];
void fixture_append_lines(struct store *store, uint8_t source, const char *const *lines,
                          uint32_t count, uint64_t offset);
void fixture_check_lines(const struct fixture_rows *rows, const char *const *expected,
                         uint32_t count);
/* All six, of source 1, are there, once, in order, numbered from 1, with their watermark. */
void fixture_check_six(struct store *store);

#endif
