/* tests/store/erase_fixture.h -- filters of tests ("has TEXT": the line has it somewhere), and a look
 * for bytes that must not be anywhere in a data directory.
 * Thread safety: one thread. */
#ifndef DENDRO_TESTS_STORE_ERASE_FIXTURE_H
#define DENDRO_TESTS_STORE_ERASE_FIXTURE_H

#include "store/erase.h"
#include "tests/store/store_fixture.h"

/* store_filter_make: "has TEXT"; "unsure TEXT" matches no line and cannot decide those that have it;
 * anything else is INVALID. */
enum status fixture_make_filter(void *user, struct store *store, struct slice text,
                                struct store_filter **out, struct error *err);

/* fixture_options() with these filters. */
struct store_options fixture_erase_options(struct sim_io *sim);
struct store *fixture_erase_open(struct sim_io *sim);

/* Order it; fails the test on an error. */
uint64_t fixture_erase(struct store *store, const char *filter);
/* State of the newest erasure, with its counts. */
struct erase_receipt fixture_last_erasure(struct store *store);

/* Number of files below FIXTURE_DIR in which `text` is, as raw bytes or, in segments, in a decoded
 * string, template, name or line. Their paths are printed. */
uint32_t fixture_files_with(struct sim_io *sim, const char *text);

#endif
