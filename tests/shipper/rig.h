/* tests/shipper/rig.h -- a whole shipper on a simulated disk and clock, against a fake collector.
 * Failures abort the test. */
#ifndef DENDRO_TESTS_SHIPPER_RIG_H
#define DENDRO_TESTS_SHIPPER_RIG_H

#include "base/arena.h"
#include "shipper/settings.h"
#include "shipper/shipper.h"
#include "tests/shipper/fake_collector.h"
#include "tests/support/sim_io.h"

struct rig {
    struct sim_io *sim;
    struct io *io;
    struct fake_collector *fake;
    struct shipper *shipper; /* NULL: stopped */
    struct shipper_settings settings;
    struct source_settings source; /* the one source: path and role set */
    struct arena arena;
};

/* Directory /log exists and is empty; the shipper is not started. `pattern` is static text. */
void rig_init(struct rig *rig, const char *pattern);
void rig_release(struct rig *rig);
void rig_start(struct rig *rig);
void rig_stop(struct rig *rig); /* in good order */
void rig_kill(struct rig *rig); /* kill -9: nothing is saved */
/* Let `ms` of simulated time pass, with everything that is due in it. */
void rig_run(struct rig *rig, int64_t ms);
/* read = acked + pending + dropped must hold at any time. */
void rig_check_accounts(const struct rig *rig);

/* Writers. */
void rig_append(struct rig *rig, const char *path, const char *text);
void rig_write_at(struct rig *rig, const char *path, uint64_t offset, const char *text);
void rig_truncate(struct rig *rig, const char *path, uint64_t size);
void rig_rename(struct rig *rig, const char *from, const char *to);
void rig_copy(struct rig *rig, const char *from, const char *to);
void rig_unlink(struct rig *rig, const char *path);
void rig_gzip(struct rig *rig, const char *from, const char *to);
/* "prefix 1\n" ... "prefix count\n" appended, and to `expected` if that is not NULL. */
void rig_lines(struct rig *rig, const char *path, const char *prefix, unsigned first,
               unsigned last);

/* The collector has exactly this text under the path. */
void rig_expect(struct rig *rig, const char *path, const char *text);

#endif
