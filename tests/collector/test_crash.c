/* Pipeline and real store on the simulated disk, with power cuts at random calls: what was given
 * back as durable is there after the restart, nothing is there twice, every byte is right. */
#include "base/diag.h"
#include "collector/pipeline.h"
#include "store/block.h"
#include "store/scan.h"
#include "tests/collector/fake_file.h"
#include "tests/support/random.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { SHARDS = 2, ROWS_MAX = 4096, SEEDS = 6 /* a long dose: DENDRO_SEEDS=1000 */ };

struct life {
    struct test_random random;
    struct sim_io *sim;
    struct store *store;
    struct derive_rules *rules;
    struct pipeline *pipeline;
    struct fake_file file;
    uint64_t read;  /* the shipper's position */
    uint64_t acked; /* durable, as far as the shipper knows */
    unsigned crashes;
};

static void on_done(void *user, struct pipeline_frame *frame)
{
    struct life *life = user;
    uint64_t end = (uint64_t)(uintptr_t)frame->owner; /* where its range ends */

    if (frame->nack_code != 0)
        life->read = life->acked;
    else if (end > life->acked)
        life->acked = end;
    pipeline_frame_free(frame);
}

/* False: the power went during recovery. */
static bool open_all(struct life *life)
{
    struct store_options store_options = { .dir = "/data",
                                           .io = sim_io_table(life->sim),
                                           .shard_count = SHARDS,
                                           .seal_size = 4096, /* so that seals happen, too */
                                           .manual = true };
    struct pipeline_options options = { .io = sim_io_table(life->sim),
                                        .geo = "fr",
                                        .rules = life->rules,
                                        .worker_count = SHARDS,
                                        .manual = true,
                                        .done = on_done,
                                        .user = life };
    struct error err = {0};

    life->store = NULL;
    life->pipeline = NULL;
    if (store_open(&store_options, &life->store, &err) != STATUS_OK) {
        assert_true(sim_io_crashed(life->sim));
        return false;
    }
    options.store = life->store;
    assert_int_equal(pipeline_open(&options, &life->pipeline, &err), STATUS_OK);
    return true;
}

static void close_all(struct life *life)
{
    pipeline_close(life->pipeline);
    if (life->store != NULL)
        store_close(life->store);
}

/* Cut the power; and again, if it goes away during recovery. */
static void restart(struct life *life)
{
    do {
        close_all(life);
        sim_io_crash(life->sim, (enum sim_crash)test_random_below(&life->random, 3));
        life->crashes++;
        if (test_random_chance(&life->random, 30))
            sim_io_faults(life->sim)->crash_after = 1 + test_random_below(&life->random, 40);
    } while (!open_all(life));
    life->read = test_random_chance(&life->random, 20) ? 0 : life->acked;
}

static void submit(struct life *life, uint64_t end)
{
    struct buf encoded = buf_empty(1 << 20);
    struct pipeline_frame *frame = pipeline_frame_new();
    struct frame view;
    struct slice rest;
    struct error err = {0};

    fake_file_frame(&life->file, life->read, end, 0, 1, &encoded);
    rest = buf_slice(&encoded);
    assert_int_equal(frame_read(&rest, FRAME_BODY_SIZE_MAX, &view, &err), STATUS_OK);
    frame->header = view.header;
    assert_true(buf_append_slice(&frame->body, view.body));
    frame->shipper[0] = 7;
    memcpy(frame->host, "web-1", 6);
    frame->receive_ns = io_wall_ns(sim_io_table(life->sim));
    frame->owner = (void *)(uintptr_t)end;
    pipeline_submit(life->pipeline, frame);
    life->read = end;
    buf_release(&encoded);
}

/* One to five whole lines. */
static void send_some(struct life *life)
{
    struct slice rest = slice_from(life->file.content, life->read), line;
    uint64_t count = 1 + test_random_below(&life->random, 5);

    while (count-- > 0 && slice_cut(&rest, '\n', &line))
        continue;
    if (rest.len < life->file.content.len - life->read)
        submit(life, life->file.content.len - rest.len);
}

static void one_turn(struct life *life)
{
    struct error err = {0};

    switch (test_random_below(&life->random, 8)) {
    case 0:
        life->read = life->acked; /* the shipper restarts */
        break;
    case 1:
        sim_io_advance(life->sim, 1000000000);
        break;
    case 2:
        sim_io_faults(life->sim)->crash_after =
            sim_io_counts(life->sim).changes + 1 + test_random_below(&life->random, 25);
        break;
    default:
        send_some(life);
    }
    while (pipeline_step(life->pipeline))
        continue;
    if (test_random_chance(&life->random, 60) && store_step(life->store, &err) != STATUS_END)
        (void)pipeline_step(life->pipeline);
    if (sim_io_crashed(life->sim))
        restart(life);
    if (life->read >= life->file.content.len)
        life->read = life->acked;
}

/* ---- what is stored ---- */

struct row {
    uint64_t offset;
    char *bytes;
    size_t len;
};

static int by_offset(const void *a, const void *b)
{
    const struct row *left = a, *right = b;

    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

static void read_block(struct block *block, struct row *rows, uint32_t *count)
{
    struct error err = {0};
    const uint64_t *offsets = block_offsets(block, &err), *selected = block_selected(block);

    assert_non_null(offsets);
    for (uint32_t i = 0; i < block_row_count(block); i++) {
        struct buf bytes = buf_empty(1 << 20);

        if (!bit_get(selected, i))
            continue;
        assert_true(*count < ROWS_MAX);
        assert_int_equal(block_render(block, i, &bytes, &err), STATUS_OK);
        rows[(*count)++] = (struct row){ offsets[i], bytes.data, bytes.len };
    }
}

static uint32_t read_rows(struct life *life, struct row *rows)
{
    struct scan_options options = { .time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX,
                                    .open_events = true };
    struct scan *scan;
    struct block *block;
    struct error err = {0};
    uint32_t count = 0;

    assert_int_equal(scan_open(life->store, &options, &scan, &err), STATUS_OK);
    while (scan_next(scan, &block, &err) == STATUS_OK) {
        read_block(block, rows, &count);
        block_release(block);
    }
    scan_close(scan);
    return count;
}

/* Rows side by side from 0 to at least `acked`, each with its bytes of the file. */
static void check_rows(struct life *life, uint64_t acked)
{
    struct row *rows = calloc(ROWS_MAX, sizeof(rows[0]));
    uint32_t count = read_rows(life, rows);
    uint64_t at = 0;

    qsort(rows, count, sizeof(rows[0]), by_offset);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(rows[i].offset, at); /* smaller: twice; larger: missing */
        assert_true(slice_equal(slice_make(rows[i].bytes, rows[i].len),
                                slice_sub(life->file.content, at, rows[i].len)));
        at += rows[i].len + 1;
        free(rows[i].bytes);
    }
    assert_true(at >= acked);
    free(rows);
}

static void run_life(uint64_t seed)
{
    struct life life = { .random = { seed }, .sim = sim_io_new(seed),
                         .file = { .source = { .generation = { 1 } }, .path = "/var/log/a.log" } };
    struct buf text = buf_empty(1 << 16);
    struct error err = {0};

    for (int i = 0; i < 150; i++)
        buf_printf(&text, i % 7 == 3 ? "\tcontinued %d\n"
                                     : "2026-01-01 00:00:%02d.000 UTC [7] LOG:  line %d\n",
                   i % 60, i);
    life.file.content = buf_slice(&text);
    assert_int_equal(derive_rules_new(NULL, &life.rules, &err), STATUS_OK);
    assert_true(open_all(&life));
    for (int turn = 0; turn < 3000 && life.acked < text.len; turn++) {
        one_turn(&life);
        if (turn % 100 == 99)
            check_rows(&life, life.acked);
    }
    assert_int_equal(life.acked, text.len);
    restart(&life);
    check_rows(&life, text.len);
    close_all(&life);
    derive_rules_free(life.rules);
    sim_io_free(life.sim);
    buf_release(&text);
}

static void test_power_cuts(void **unused)
{
    const char *wanted = getenv("DENDRO_SEEDS");
    uint64_t count = SEEDS;

    (void)unused;
    if (wanted != NULL)
        assert_true(slice_to_u64(slice_of(wanted), &count));
    for (uint64_t seed = 1; seed <= count; seed++) {
        print_message("  seed %llu\n", (unsigned long long)seed);
        run_life(seed);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(test_power_cuts) };

    diag_init("test", DIAG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
