/* Exactly once, over restarts, cut connections and refusals, from the shipper's
 * side, on a simulated disk and clock. */
#include "tests/shipper/rig.h"

#include "tests/support/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define LOG "/log/app.log"

static void start(struct rig *rig)
{
    rig_init(rig, "/log/app.log");
    rig_start(rig);
}

static void expect_lines(struct rig *rig, const char *path, unsigned last)
{
    struct buf text = buf_empty(64 << 20);

    for (unsigned i = 1; i <= last; i++)
        assert_true(buf_printf(&text, "line %u\n", i));
    assert_true(buf_append_byte(&text, '\0'));
    rig_expect(rig, path, text.data);
    buf_release(&text);
}

static void test_killed_before_the_ack(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig);
    rig_lines(&rig, LOG, "line", 1, 100);
    rig_run(&rig, 2000);
    rig.fake->hold_acks = true;
    rig_lines(&rig, LOG, "line", 101, 200); /* stored, not acked */
    rig_run(&rig, 2000);
    rig_kill(&rig);
    rig_lines(&rig, LOG, "line", 201, 250);
    rig.fake->hold_acks = false;
    rig_start(&rig);
    rig_run(&rig, 5000);
    expect_lines(&rig, LOG, 250);
    rig_release(&rig);
}

static void test_state_is_lost(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig);
    rig_lines(&rig, LOG, "line", 1, 100);
    rig_run(&rig, 2000);
    rig_kill(&rig);
    rig_unlink(&rig, "/state/positions.0000000001");
    (void)rig.io->path->unlink(rig.io, "/state/positions.0000000002");
    rig_lines(&rig, LOG, "line", 101, 120);
    rig_start(&rig);
    rig_run(&rig, 5000);
    expect_lines(&rig, LOG, 120);
    assert_int_equal(rig.fake->duplicates_trimmed, 0); /* the question avoids sending them */
    rig_release(&rig);
}

/* The file was truncated meanwhile and has the same first line: it must not be trimmed. */
static void test_state_is_lost_and_file_truncated(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig);
    rig_append(&rig, LOG, "banner\n");
    rig_lines(&rig, LOG, "line", 1, 100);
    rig_run(&rig, 2000);
    rig_kill(&rig);
    rig_unlink(&rig, "/state/positions.0000000001");
    (void)rig.io->path->unlink(rig.io, "/state/positions.0000000002");
    rig_truncate(&rig, LOG, 0);
    rig_append(&rig, LOG, "banner\n");
    rig_lines(&rig, LOG, "other", 1, 200);
    rig_start(&rig);
    rig_run(&rig, 5000);
    assert_int_equal(rig.fake->line_count, 101 + 201);
    assert_int_equal(fake_collector_source(rig.fake, LOG, 1)->source.truncations, 1);
    rig_release(&rig);
}

/* A batch is of one file as long as that has more, the next one of the other file. */
static void test_one_file_per_batch(void **unused)
{
    static const char *const paths[] = {"/log/app.log", "/log/web.log"};
    size_t first[COUNT_OF(paths)] = {SIZE_MAX, SIZE_MAX}, last[COUNT_OF(paths)] = {0};
    struct rig rig;

    (void)unused;
    rig_init(&rig, "/log/*.log");
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        rig_lines(&rig, paths[i], i == 0 ? "line" : "page", 1, 100000); /* 1.2 MB */
    rig_start(&rig);
    rig_run(&rig, 5000);
    for (size_t i = 0; i < COUNT_OF(paths); i++)
        assert_int_equal(fake_collector_count(rig.fake, paths[i]), 100000);
    assert_true(rig.fake->batch_count > 8);
    assert_true(rig.fake->range_count <= rig.fake->batch_count + 2); /* where a file ends */
    for (size_t n = 0; n < rig.fake->line_count; n++) {
        size_t i = strcmp(rig.fake->lines[n].path, paths[0]) != 0;

        first[i] = n < first[i] ? n : first[i];
        last[i] = n;
    }
    assert_true(first[0] < last[1] && first[1] < last[0]); /* none waits for the other's end */
    rig_release(&rig);
}

static void test_connection_cut_again_and_again(void **unused)
{
    struct rig rig;

    (void)unused;
    rig_init(&rig, LOG);
    rig.settings.batch_size = 16384;
    rig_start(&rig);
    for (unsigned i = 0; i < 40; i++) {
        rig_lines(&rig, LOG, "line", i * 500 + 1, i * 500 + 500);
        rig.fake->drop_after_frames = 2 + i % 5;
        rig_run(&rig, 500);
    }
    rig_run(&rig, 120000);
    expect_lines(&rig, LOG, 20000);
    rig_release(&rig);
}

static void test_collector_restarts(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig);
    for (unsigned i = 0; i < 10; i++) {
        rig_lines(&rig, LOG, "line", i * 10 + 1, i * 10 + 10);
        rig.fake->hold_acks = i % 2 == 0;
        rig_run(&rig, 300);
        rig.fake->forgets = true; /* sequence numbers are gone, positions are stored */
        rig.fake->hold_acks = false;
        fake_collector_cut(rig.fake);
        rig_run(&rig, 3000);
    }
    rig_run(&rig, 60000);
    expect_lines(&rig, LOG, 100);
    rig_release(&rig);
}

static void test_another_store(void **unused)
{
    struct rig rig;

    (void)unused;
    start(&rig);
    rig_lines(&rig, LOG, "line", 1, 50);
    rig_run(&rig, 2000);
    rig_rename(&rig, LOG, "/log/app.log.1");
    rig_lines(&rig, LOG, "line", 51, 60);
    rig_run(&rig, 30000); /* the first generation is finished */
    fake_collector_lose_store(rig.fake);
    rig_lines(&rig, LOG, "line", 61, 70);
    rig_run(&rig, 60000);
    assert_int_equal(rig.fake->line_count, 70); /* all again, from the files that still exist */
    expect_lines(&rig, LOG, 70);
    rig_release(&rig);
}

static void test_refusals(void **unused)
{
    static const struct {
        const char *name;
        unsigned code;
        bool permanent;
        size_t lines; /* stored at the end, of 30 */
        size_t losses;
    } cases[] = {
        {"CRC: sent again", NACK_CRC, false, 30, 0},
        {"DISK_FULL: sent again later", NACK_DISK_FULL, false, 30, 0},
        {"QUOTA: sent again later", NACK_QUOTA, false, 30, 0},
        {"GAP without watermark: sent again", NACK_GAP, false, 30, 0},
        {"SCHEMA, permanent: a loss in its place", NACK_SCHEMA, true, 20, 1},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;

        print_message("  %s\n", cases[i].name);
        start(&rig);
        rig_lines(&rig, LOG, "line", 1, 10);
        rig_run(&rig, 2000);
        rig.fake->nack_next = cases[i].code;
        rig.fake->nack_permanent = cases[i].permanent;
        rig_lines(&rig, LOG, "line", 11, 20);
        rig_run(&rig, 1000);
        rig_lines(&rig, LOG, "line", 21, 30);
        rig_run(&rig, 20000);
        assert_int_equal(rig.fake->line_count, cases[i].lines);
        assert_int_equal(rig.fake->loss_count, cases[i].losses);
        if (cases[i].losses > 0) {
            assert_int_equal(rig.fake->losses[0].reason, LOSS_QUARANTINE);
            assert_int_equal(rig.fake->losses[0].from, 9 * 7 + 8);
            assert_int_equal(rig.fake->losses[0].to, 9 * 7 + 8 + 10 * 8);
        }
        rig_release(&rig);
    }
}

/* No credit: files are not read, and nothing is dropped. */
static void test_back_pressure(void **unused)
{
    struct rig rig;
    struct shipper_accounts accounts;

    (void)unused;
    rig_init(&rig, LOG);
    rig.fake->window_size = 20000;
    rig.fake->window_frames = 2;
    rig.fake->hold_acks = true;
    rig_start(&rig);
    rig_lines(&rig, LOG, "line", 1, 200000); /* 2.3 MB */
    rig_run(&rig, 10000);
    accounts = shipper_accounts_of(rig.shipper);
    assert_true(accounts.pending > 0);
    assert_true(accounts.pending <= 3 * 2 * 256 * 1024); /* two frames and what is being filled */
    rig.fake->hold_acks = false;
    fake_collector_cut(rig.fake);
    rig_run(&rig, 60000);
    expect_lines(&rig, LOG, 200000);
    rig_release(&rig);
}

/* A clone of the machine has our id: we make a new one. The collector knows nothing of it, and yet
 * what was acked is not sent again. */
static void test_fenced(void **unused)
{
    uint8_t before[WIRE_ID_SIZE];
    struct rig rig;

    (void)unused;
    start(&rig);
    rig_lines(&rig, LOG, "line", 1, 10);
    rig_run(&rig, 2000);
    memcpy(before, rig.fake->last_shipper, sizeof(before));
    free(rig.fake->sources[0].path);
    rig.fake->source_count = 0; /* watermarks are kept per shipper */
    rig.fake->fence_next = true;
    fake_collector_cut(rig.fake);
    rig_lines(&rig, LOG, "line", 11, 20);
    rig_run(&rig, 10000);
    assert_memory_not_equal(before, rig.fake->last_shipper, sizeof(before));
    expect_lines(&rig, LOG, 20);
    rig_release(&rig);
}

static void test_wrong_geo_is_refused(void **unused)
{
    struct rig rig;

    (void)unused;
    rig_init(&rig, LOG);
    rig.fake->geo = "elsewhere";
    rig_start(&rig);
    rig_lines(&rig, LOG, "line", 1, 10);
    rig_run(&rig, 10000);
    assert_int_equal(rig.fake->line_count, 0);
    assert_true(rig.fake->hellos >= 1);
    rig_release(&rig);
}

static void test_samples_wait_for_a_collector(void **unused)
{
    struct rig rig;

    (void)unused;
    rig_init(&rig, LOG);
    rig.fake->refuse_connections = true;
    rig_start(&rig);
    rig_run(&rig, 60000);
    rig.fake->refuse_connections = false;
    rig_run(&rig, 90000);
    assert_true(rig.fake->series_count > 20);
    assert_true(rig.fake->sample_count >= 14 * rig.fake->series_count);
    rig_release(&rig);
}

/* ---- random operation: writers, rotations, kills, cuts, on several files ---- */

enum { FILES = 3, OPERATIONS = 400 };

struct writer {
    char path[32];
    unsigned written; /* lines so far */
    unsigned rotations;
};

static void rotate(struct rig *rig, struct writer *writer, bool copy)
{
    char to[64];

    if (writer->written == 0)
        return;
    (void)snprintf(to, sizeof(to), "%s.%u", writer->path, ++writer->rotations);
    if (copy) {
        rig_copy(rig, writer->path, to);
        rig_truncate(rig, writer->path, 0);
    } else {
        rig_rename(rig, writer->path, to);
    }
    rig_append(rig, writer->path, "");
}

static void operate(struct rig *rig, struct test_random *random, struct writer *writer, bool copy)
{
    unsigned count = 1 + (unsigned)test_random_below(random, 40);

    switch (test_random_below(random, 12)) {
    default:
        rig_lines(rig, writer->path, writer->path, writer->written + 1, writer->written + count);
        writer->written += count;
        break;
    case 7:
        rotate(rig, writer, copy);
        break;
    case 8:
        fake_collector_cut(rig->fake);
        break;
    case 9:
        rig->fake->forgets = true;
        rig->fake->drop_after_frames = 1 + test_random_below(random, 8);
        break;
    case 10:
        rig_kill(rig);
        if (test_random_chance(random, 50))
            rotate(rig, writer, copy);
        rig_start(rig);
        break;
    case 11:
        rig->fake->hold_acks = !rig->fake->hold_acks;
        break;
    }
    rig_run(rig, (int64_t)test_random_below(random, 3000));
}

/* Every line once. In order within a generation; a generation that was rotated before anybody saw
 * it under the writer's name is a source of its own, and may come later. */
static void check_writer(struct rig *rig, const struct writer *writer)
{
    unsigned char *seen = calloc(writer->written + 2, 1);
    size_t len = strlen(writer->path);

    assert_non_null(seen);
    for (size_t i = 0; i < rig->fake->line_count; i++) {
        const struct stored_line *line = &rig->fake->lines[i];
        unsigned number;

        if (strncmp(line->bytes, writer->path, len) != 0 || line->bytes[len] != ' ')
            continue;
        number = (unsigned)atoi(line->bytes + len + 1);
        assert_in_range(number, 1, writer->written);
        if (seen[number]++)
            fail_msg("%s: line %u is stored twice", writer->path, number);
        if (line->offset > 0 && !seen[number - 1])
            fail_msg("%s: line %u is stored before the one before it", writer->path, number);
    }
    for (unsigned number = 1; number <= writer->written; number++)
        if (!seen[number])
            fail_msg("%s: line %u of %u is not stored", writer->path, number, writer->written);
    free(seen);
}

static void run_seed(uint64_t seed, bool copy)
{
    struct test_random random = {seed};
    struct writer writers[FILES] = {{{0}, 0, 0}};
    struct rig rig;

    rig_init(&rig, "/log/file*");
    rig_start(&rig);
    for (unsigned i = 0; i < FILES; i++)
        (void)snprintf(writers[i].path, sizeof(writers[i].path), "/log/file%u", i);
    for (unsigned i = 0; i < OPERATIONS; i++)
        operate(&rig, &random, &writers[test_random_below(&random, FILES)], copy);
    rig.fake->hold_acks = false;
    fake_collector_cut(rig.fake);
    rig_run(&rig, 300000);
    for (unsigned i = 0; i < FILES; i++)
        check_writer(&rig, &writers[i]);
    assert_int_equal(rig.fake->loss_count, 0);
    assert_true(shipper_is_idle(rig.shipper));
    rig_release(&rig);
}

static void test_random_operation(void **unused)
{
    enum { SEEDS = 20 };

    (void)unused;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("  rename, seed %u\n", (unsigned)seed);
        run_seed(seed, false);
        print_message("  copytruncate, seed %u\n", (unsigned)seed);
        run_seed(seed, true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_before_the_ack),
        cmocka_unit_test(test_state_is_lost),
        cmocka_unit_test(test_state_is_lost_and_file_truncated),
        cmocka_unit_test(test_one_file_per_batch),
        cmocka_unit_test(test_connection_cut_again_and_again),
        cmocka_unit_test(test_collector_restarts),
        cmocka_unit_test(test_another_store),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_back_pressure),
        cmocka_unit_test(test_fenced),
        cmocka_unit_test(test_wrong_geo_is_refused),
        cmocka_unit_test(test_samples_wait_for_a_collector),
        cmocka_unit_test(test_random_operation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
