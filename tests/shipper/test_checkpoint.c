/* The checkpoint: round trip, damage, and a crash after every I/O call of a workload. */
#include "shipper/checkpoint.h"
#include "shipper/checkpoint_format.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SOURCES = 4, ROUNDS = 40 };

/* What a reader was told, by first byte of the gen_id. */
struct told {
    struct checkpoint_meta meta;
    bool has_meta;
    bool there[256];
    struct generation generations[256];
};

static void on_meta(void *user, const struct checkpoint_meta *meta)
{
    struct told *told = user;

    told->meta = *meta;
    told->has_meta = true;
}

static void on_generation(void *user, const struct generation *generation)
{
    struct told *told = user;

    told->there[generation->gen_id[0]] = true;
    told->generations[generation->gen_id[0]] = *generation;
}

static void on_forget(void *user, const uint8_t gen_id[GEN_ID_SIZE], uint32_t trunc_no)
{
    struct told *told = user;

    (void)trunc_no;
    told->there[gen_id[0]] = false;
}

static enum status read_back(struct io *io, struct told *told, struct checkpoint_report *report)
{
    struct checkpoint_reader reader = {on_meta, on_generation, on_forget, told};

    memset(told, 0, sizeof(*told));
    return checkpoint_read(io, "/state", &reader, report, NULL);
}

static struct generation generation_of(uint8_t id, uint64_t acked)
{
    return (struct generation){.key = {1, id, 3, 4},
                               .gen_id = {id},
                               .trunc_no = 2,
                               .prefix_len = 100,
                               .prefix_hash = 5,
                               .begin_off = 6,
                               .acked_off = acked,
                               .acked_tail = 8,
                               .size_seen = 9,
                               .first_seen_ns = -10,
                               .last_seen_ns = 11,
                               .finished = true,
                               .path = "/log/a b\n.log"};
}

static void test_round_trip(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    struct checkpoint_meta meta = {{1, 2, 3}, 77, 88};
    struct generation generation = generation_of(9, 7);
    struct checkpoint *checkpoint;
    struct checkpoint_report report;
    static struct told told;
    const struct generation *got = &told.generations[9];

    (void)unused;
    assert_int_equal(io->path->make_dir(io, "/state"), 0);
    assert_int_equal(checkpoint_new(io, "/state", 0, &checkpoint, NULL), STATUS_OK);
    assert_true(checkpoint_wants_snapshot(checkpoint));
    assert_int_equal(checkpoint_snapshot(checkpoint, &meta, NULL), STATUS_OK);
    assert_int_equal(checkpoint_put(checkpoint, &generation, NULL), STATUS_OK);
    assert_int_equal(checkpoint_commit(checkpoint, NULL), STATUS_OK);
    assert_false(checkpoint_wants_snapshot(checkpoint));
    assert_int_equal(read_back(io, &told, &report), STATUS_OK);
    assert_int_equal(report.records, 3);
    assert_int_equal(report.bytes_damaged, 0);
    assert_memory_equal(&told.meta, &meta, sizeof(meta));
    assert_memory_equal(&got->key, &generation.key, sizeof(got->key));
    assert_int_equal(got->trunc_no, 2);
    assert_int_equal(got->prefix_len, 100);
    assert_int_equal(got->prefix_hash, 5);
    assert_int_equal(got->begin_off, 6);
    assert_int_equal(got->acked_off, 7);
    assert_int_equal(got->acked_tail, 8);
    assert_int_equal(got->size_seen, 9);
    assert_int_equal(got->first_seen_ns, -10);
    assert_int_equal(got->last_seen_ns, 11);
    assert_true(got->finished);
    assert_int_equal(checkpoint_forget(checkpoint, generation.gen_id, 2, NULL), STATUS_OK);
    assert_int_equal(checkpoint_commit(checkpoint, NULL), STATUS_OK);
    assert_int_equal(read_back(io, &told, &report), STATUS_OK);
    assert_false(told.there[9]);
    checkpoint_free(checkpoint);
    assert_int_equal(sim_io_open_count(sim), 0);
    sim_io_free(sim);
}

/* ---- crash enumeration ---- */

struct model {
    uint64_t committed[SOURCES]; /* at least this must be recovered */
    uint64_t put[SOURCES];       /* and at most this */
    uint64_t epoch_committed, epoch_put;
};

/* Several starts, each with changes and new snapshots; stops at the first failure. */
static void workload(struct io *io, struct model *model)
{
    struct checkpoint *checkpoint = NULL;
    struct checkpoint_meta meta = {{7}, 0, 0};
    bool fine = io->path->make_dir(io, "/state") == 0 && io->path->sync_dir(io, "/") == 0 &&
                checkpoint_new(io, "/state", 0, &checkpoint, NULL) == STATUS_OK;

    for (unsigned round = 0; fine && round < ROUNDS; round++) {
        bool whole = round % 7 == 0;

        if (whole) {
            meta.epoch_count++;
            model->epoch_put = meta.epoch_count;
            fine = checkpoint_snapshot(checkpoint, &meta, NULL) == STATUS_OK;
        }
        for (uint8_t id = 0; fine && id < SOURCES; id++) {
            struct generation generation;

            if (!whole && (round + id) % 3 != 0)
                continue;
            model->put[id] += 100 + round;
            generation = generation_of(id, model->put[id]);
            fine = checkpoint_put(checkpoint, &generation, NULL) == STATUS_OK;
        }
        fine = fine && checkpoint_commit(checkpoint, NULL) == STATUS_OK;
        if (fine) {
            memcpy(model->committed, model->put, sizeof(model->put));
            model->epoch_committed = model->epoch_put;
        }
    }
    checkpoint_free(checkpoint);
}

static void check_recovered(struct io *io, const struct model *model)
{
    static struct told told;
    struct checkpoint_report report = {0};
    enum status status = read_back(io, &told, &report);

    if (model->epoch_committed == 0)
        return; /* nothing was promised yet */
    assert_int_equal(status, STATUS_OK);
    assert_true(told.has_meta);
    assert_in_range(told.meta.epoch_count, model->epoch_committed, model->epoch_put);
    for (unsigned id = 0; id < SOURCES; id++) {
        assert_true(told.there[id]);
        assert_in_range(told.generations[id].acked_off, model->committed[id], model->put[id]);
    }
}

static void test_crash_after_every_call(void **unused)
{
    static const enum sim_crash modes[] = {SIM_CRASH_ALL_LOST, SIM_CRASH_ALL_KEPT, SIM_CRASH_RANDOM,
                                           SIM_CRASH_RANDOM,   SIM_CRASH_RANDOM,   SIM_CRASH_RANDOM,
                                           SIM_CRASH_RANDOM,   SIM_CRASH_RANDOM};
    uint64_t crashes = 0;

    (void)unused;
    for (size_t mode = 0; mode < COUNT_OF(modes); mode++)
        for (uint64_t call = 1;; call++, crashes++) {
            struct sim_io *sim = sim_io_new(call * 31 + mode);
            struct model model = {{0}, {0}, 0, 0};
            bool done;

            sim_io_faults(sim)->crash_after = call;
            workload(sim_io_table(sim), &model);
            done = !sim_io_crashed(sim);
            sim_io_crash(sim, modes[mode]);
            check_recovered(sim_io_table(sim), &model);
            sim_io_free(sim);
            if (done)
                break;
        }
    print_message("  %u crashes\n", (unsigned)crashes);
    assert_true(crashes > 500);
}

/* ---- damage ---- */

static void make_file(struct sim_io *sim)
{
    struct model model = {{0}, {0}, 0, 0};

    workload(sim_io_table(sim), &model);
}

/* 40 rounds with a snapshot in every seventh: files 1 to 6; two are kept. */
#define NEWEST "/state/positions.0000000006"

static void test_damage_is_seen_and_survived(void **unused)
{
    uint64_t size;

    (void)unused;
    for (uint64_t offset = 0;; offset += 13) {
        struct sim_io *sim = sim_io_new(1);
        struct io *io = sim_io_table(sim);
        struct checkpoint_report report = {0};
        struct io_info info;
        static struct told told;

        make_file(sim);
        assert_int_equal(io->path->info(io, NEWEST, &info), 0);
        size = info.size;
        if (offset >= size) {
            sim_io_free(sim);
            break;
        }
        assert_true(sim_io_flip(sim, NEWEST, offset, 0x10));
        assert_int_equal(read_back(io, &told, &report), STATUS_OK);
        assert_true(report.bytes_damaged > 0);
        assert_true(told.has_meta);
        for (unsigned id = 0; id < SOURCES; id++)
            assert_true(told.there[id]);
        sim_io_free(sim);
    }
}

static void test_cut_anywhere(void **unused)
{
    (void)unused;
    for (uint64_t size = 0; size < 1500; size += 11) {
        struct sim_io *sim = sim_io_new(1);
        struct checkpoint_report report = {0};
        static struct told told;

        make_file(sim);
        if (!sim_io_cut(sim, NEWEST, size)) {
            sim_io_free(sim);
            break;
        }
        assert_int_equal(read_back(sim_io_table(sim), &told, &report), STATUS_OK);
        assert_true(told.has_meta);
        for (unsigned id = 0; id < SOURCES; id++)
            assert_true(told.there[id]);
        sim_io_free(sim);
    }
}

/* A second fsync after a failed one would lie: the file is given up, a new one takes over. */
static void test_failed_sync_is_final(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    struct checkpoint_meta meta = {{1}, 1, 1};
    struct generation generation = generation_of(1, 50);
    struct checkpoint *checkpoint;
    struct checkpoint_report report;
    static struct told told;

    (void)unused;
    assert_int_equal(io->path->make_dir(io, "/state"), 0);
    assert_int_equal(io->path->sync_dir(io, "/"), 0);
    assert_int_equal(checkpoint_new(io, "/state", 0, &checkpoint, NULL), STATUS_OK);
    assert_int_equal(checkpoint_snapshot(checkpoint, &meta, NULL), STATUS_OK);
    assert_int_equal(checkpoint_commit(checkpoint, NULL), STATUS_OK);
    sim_io_faults(sim)->sync_fails_at = sim_io_counts(sim).syncs + 1;
    assert_int_equal(checkpoint_put(checkpoint, &generation, NULL), STATUS_OK);
    assert_int_equal(checkpoint_commit(checkpoint, NULL), STATUS_IO);
    assert_true(checkpoint_wants_snapshot(checkpoint));
    assert_int_equal(checkpoint_put(checkpoint, &generation, NULL), STATUS_OK);
    assert_int_equal(checkpoint_commit(checkpoint, NULL), STATUS_INVALID);
    assert_int_equal(checkpoint_snapshot(checkpoint, &meta, NULL), STATUS_OK);
    assert_int_equal(checkpoint_put(checkpoint, &generation, NULL), STATUS_OK);
    assert_int_equal(checkpoint_commit(checkpoint, NULL), STATUS_OK);
    checkpoint_free(checkpoint);
    sim_io_crash(sim, SIM_CRASH_ALL_LOST);
    assert_int_equal(read_back(io, &told, &report), STATUS_OK);
    assert_int_equal(told.generations[1].acked_off, 50);
    sim_io_free(sim);
}

struct names {
    char text[512];
};

static bool add_name(void *user, const char *name)
{
    struct names *names = user;
    size_t len = strlen(names->text);

    (void)snprintf(names->text + len, sizeof(names->text) - len, "%s ", name);
    return true;
}

/* On a full disk each attempt fails; none leaves a file, and when there is room again the two newest
 * files are all that there is. */
static void test_full_disk(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    struct checkpoint_meta meta = {{1}, 1, 1};
    struct generation generation = generation_of(9, 7);
    struct checkpoint *checkpoint;
    struct names names = {""};

    (void)unused;
    assert_int_equal(io->path->make_dir(io, "/state"), 0);
    assert_int_equal(checkpoint_new(io, "/state", 0, &checkpoint, NULL), STATUS_OK);
    for (unsigned round = 0; round < 12; round++) { /* three fit; six do not; three fit again */
        bool full = round / 3 == 1 || round / 3 == 2;

        sim_io_faults(sim)->disk_size = full ? 1000 : 0; /* two of 290 bytes, not one of 452 */
        assert_int_equal(checkpoint_snapshot(checkpoint, &meta, NULL), STATUS_OK);
        for (unsigned i = 0; i < 1 + (unsigned)full; i++)
            assert_int_equal(checkpoint_put(checkpoint, &generation, NULL), STATUS_OK);
        assert_int_equal(checkpoint_commit(checkpoint, NULL), full ? STATUS_DISK_FULL : STATUS_OK);
        assert_true(!full || checkpoint_wants_snapshot(checkpoint));
    }
    assert_int_equal(io->path->list(io, "/state", add_name, &names), 0);
    assert_string_equal(names.text, "positions.0000000005 positions.0000000006 ");
    checkpoint_free(checkpoint);
    assert_int_equal(sim_io_open_count(sim), 0);
    sim_io_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_crash_after_every_call),
        cmocka_unit_test(test_damage_is_seen_and_survived),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_failed_sync_is_final),
        cmocka_unit_test(test_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
