/* The pipeline over a fake store, stepped by hand: what is given back when, what the store gets,
 * and that every byte is stored once whatever the borders of batches, crashes and refusals. */
#include "base/diag.h"
#include "collector/pipeline.h"
#include "tests/collector/fake_file.h"
#include "tests/collector/fake_store.h"
#include "tests/support/random.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const char lines_text[] = "line one\nline two is longer\n\nline four\n";

struct bench {
    struct sim_io *sim;
    struct store *store;
    struct derive_rules *rules;
    struct pipeline *pipeline;
    struct parse_guard *guard;
    struct pipeline_frame *done[256];
    uint32_t done_count;
};

static void on_done(void *user, struct pipeline_frame *frame)
{
    struct bench *bench = user;

    assert_true(bench->done_count < COUNT_OF(bench->done));
    bench->done[bench->done_count++] = frame;
}

static void open_pipeline(struct bench *bench)
{
    struct pipeline_options options = { .store = bench->store,
                                        .io = sim_io_table(bench->sim),
                                        .geo = "fr",
                                        .rules = bench->rules,
                                        .guard = bench->guard,
                                        .worker_count = FAKE_SHARDS,
                                        .manual = true,
                                        .done = on_done,
                                        .user = bench };
    struct error err = {0};

    assert_int_equal(pipeline_open(&options, &bench->pipeline, &err), STATUS_OK);
}

static void start(struct bench *bench)
{
    struct error err = {0};

    *bench = (struct bench){ .sim = sim_io_new(1), .store = fake_store_new(false) };
    assert_int_equal(derive_rules_new(NULL, &bench->rules, &err), STATUS_OK);
    open_pipeline(bench);
}

static void free_done(struct bench *bench)
{
    for (uint32_t i = 0; i < bench->done_count; i++)
        pipeline_frame_free(bench->done[i]);
    bench->done_count = 0;
}

static void stop(struct bench *bench)
{
    pipeline_close(bench->pipeline);
    free_done(bench);
    derive_rules_free(bench->rules);
    fake_store_free(bench->store);
    sim_io_free(bench->sim);
}

static void work(struct bench *bench)
{
    while (pipeline_step(bench->pipeline))
        continue;
}

/* Work and commit until nothing moves. */
static void settle(struct bench *bench)
{
    do
        work(bench);
    while (store_step(bench->store, NULL) == STATUS_OK);
    work(bench);
}

/* kill -9: what the store has not committed is gone, and so is the pipeline's memory. */
static void crash(struct bench *bench)
{
    /* Commits that run must end before close; a crash loses them first, so end them as refused. */
    fake_store_refuse(bench->store, STATUS_IO, UINT32_MAX, true);
    while (store_step(bench->store, NULL) == STATUS_OK)
        continue;
    fake_store_refuse(bench->store, STATUS_OK, 0, false);
    pipeline_close(bench->pipeline);
    free_done(bench);
    open_pipeline(bench);
}

static struct pipeline_frame *frame_of(struct slice encoded)
{
    struct pipeline_frame *frame = pipeline_frame_new();
    struct frame view;
    struct error err = {0};

    assert_int_equal(frame_read(&encoded, FRAME_BODY_SIZE_MAX, &view, &err), STATUS_OK);
    frame->header = view.header;
    assert_true(buf_append_slice(&frame->body, view.body));
    frame->shipper[0] = 7;
    memcpy(frame->host, "web-1", 6);
    frame->receive_ns = SIM_WALL_START_NS;
    return frame;
}

static void submit_range(struct bench *bench, const struct fake_file *file, uint64_t begin,
                         uint64_t end, uint8_t flags)
{
    struct buf encoded = buf_empty(1 << 20);

    fake_file_frame(file, begin, end, flags, 1, &encoded);
    pipeline_submit(bench->pipeline, frame_of(buf_slice(&encoded)));
    buf_release(&encoded);
}

static struct source_id id_of(const struct fake_file *file)
{
    struct source_id id = { .shipper = { 7 }, .truncations = file->source.truncations };

    memcpy(id.generation, file->source.generation, sizeof(id.generation));
    return id;
}

static void check_text(struct bench *bench, const struct fake_file *file, uint64_t end)
{
    struct source_id id = id_of(file);
    struct buf text = buf_empty(1 << 20);

    fake_store_text(bench->store, &id, 0, &text);
    assert_true(slice_equal(buf_slice(&text), slice_first(file->content, end)));
    buf_release(&text);
}

static const struct fake_file file_a = { .source = { .generation = { 1 } },
                                         .path = "/var/log/a.log",
                                         .content = { lines_text, sizeof(lines_text) - 1 } };

/* ---- durable, then done ---- */

static void test_done_after_durable(void **unused)
{
    struct bench bench;
    struct watermark mark;
    struct source_id id = id_of(&file_a);

    (void)unused;
    start(&bench);
    submit_range(&bench, &file_a, 0, file_a.content.len, 0);
    assert_true(pipeline_queued_size(bench.pipeline) > 0);
    work(&bench);
    assert_int_equal(bench.done_count, 0); /* appended, not committed */
    assert_int_equal(store_watermark(bench.store, &id, &mark), STATUS_NOT_FOUND);
    settle(&bench);
    assert_int_equal(bench.done_count, 1);
    assert_int_equal(bench.done[0]->nack_code, 0);
    assert_int_equal(pipeline_queued_size(bench.pipeline), 0);
    assert_int_equal(store_watermark(bench.store, &id, &mark), STATUS_OK);
    assert_int_equal(mark.durable_offset, file_a.content.len);
    assert_int_equal(mark.tail_hash, fake_file_tail(&file_a, file_a.content.len));
    check_text(&bench, &file_a, file_a.content.len);
    stop(&bench);
}

/* What repeats an append that is still on its way is not given back before that is durable. */
static void test_duplicate_waits_for_the_first(void **unused)
{
    struct bench bench;

    (void)unused;
    start(&bench);
    submit_range(&bench, &file_a, 0, 9, 0);
    work(&bench);
    submit_range(&bench, &file_a, 0, 9, 0);
    work(&bench);
    assert_int_equal(bench.done_count, 0);
    settle(&bench);
    assert_int_equal(bench.done_count, 2);
    assert_int_equal(bench.done[1]->ahead_count, 1);
    assert_int_equal(bench.done[1]->ahead[0].durable_offset, 9);
    assert_int_equal(fake_store_appends(bench.store), 1);
    check_text(&bench, &file_a, 9);
    stop(&bench);
}

/* While one append runs, the next frames gather: two appends for many frames. */
static void test_group_commit(void **unused)
{
    static const uint64_t ends[] = { 9, 28, 29, 39 };
    struct bench bench;
    uint64_t from = 0;

    (void)unused;
    start(&bench);
    for (size_t i = 0; i < COUNT_OF(ends); from = ends[i++]) {
        submit_range(&bench, &file_a, from, ends[i], 0);
        work(&bench);
    }
    settle(&bench);
    assert_int_equal(bench.done_count, 4);
    assert_int_equal(fake_store_appends(bench.store), 2);
    check_text(&bench, &file_a, 39);
    stop(&bench);
}

/* ---- refusals ---- */

static const struct position_case {
    const char *name;
    struct { uint64_t start, end; uint8_t flags; } first, second;
    uint8_t nack_code;
    uint64_t watermark; /* told with it */
} position_cases[] = {
    { "goes on", { 0, 9, 0 }, { 9, 28, 0 }, 0, 0 },
    { "gap", { 0, 9, 0 }, { 28, 39, 0 }, NACK_GAP, 9 },
    { "BEGIN does not excuse it", { 0, 9, 0 }, { 28, 39, RANGE_BEGIN }, NACK_GAP, 9 },
    { "straddles", { 0, 28, 0 }, { 9, 39, 0 }, 0, 0 },
    { "again in larger pieces", { 0, 9, 0 }, { 0, 39, RANGE_BEGIN }, 0, 0 },
};

static void test_positions(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(position_cases); i++) {
        const struct position_case *c = &position_cases[i];
        struct bench bench;

        print_message("  %s\n", c->name);
        start(&bench);
        submit_range(&bench, &file_a, c->first.start, c->first.end, c->first.flags);
        submit_range(&bench, &file_a, c->second.start, c->second.end, c->second.flags);
        settle(&bench);
        assert_int_equal(bench.done_count, 2);
        assert_int_equal(bench.done[1]->nack_code, c->nack_code);
        if (c->nack_code != 0) {
            assert_false(bench.done[1]->permanent);
            assert_true(bench.done[1]->has_watermark);
            assert_int_equal(bench.done[1]->watermark.durable_offset, c->watermark);
        }
        check_text(&bench, &file_a, c->nack_code != 0 ? c->first.end : c->second.end);
        stop(&bench);
    }
}

/* The file was replaced: same positions, other bytes before them. */
static void test_ident(void **unused)
{
    struct fake_file other = file_a;
    struct bench bench;

    (void)unused;
    other.content = slice_of("LINE ONE\nline two is longer\n");
    start(&bench);
    submit_range(&bench, &file_a, 0, 9, 0);
    submit_range(&bench, &other, 9, 28, 0);
    settle(&bench);
    assert_int_equal(bench.done[1]->nack_code, NACK_IDENT);
    check_text(&bench, &file_a, 9);
    other.source.truncations = 1; /* what the shipper then does */
    submit_range(&bench, &other, 0, 28, 0);
    settle(&bench);
    assert_int_equal(bench.done[2]->nack_code, 0);
    check_text(&bench, &other, 28);
    stop(&bench);
}

static void submit_bytes(struct bench *bench, struct slice body, uint32_t raw_size,
                         enum codec codec)
{
    struct frame_fields fields = { .type = FRAME_BATCH, .lane = LANE_NORMAL, .seq = 1 };
    struct buf encoded = buf_empty(1 << 20);
    struct pipeline_frame *frame;
    struct error err = {0};

    assert_int_equal(frame_append(&encoded, &fields, body, NULL, &err), STATUS_OK);
    frame = frame_of(buf_slice(&encoded));
    frame->header.codec = (uint8_t)codec;
    frame->header.raw_size = raw_size;
    pipeline_submit(bench->pipeline, frame);
    buf_release(&encoded);
}

/* Nothing undecodable is acknowledged, and nothing undecodable blocks what comes after it. */
static void test_undecodable(void **unused)
{
    struct bench bench;

    (void)unused;
    start(&bench);
    submit_bytes(&bench, slice_of("\x01\x01not a batch"), 13, CODEC_NONE);
    submit_bytes(&bench, slice_of("not zstd"), 100000, CODEC_ZSTD);
    submit_range(&bench, &file_a, 0, 9, 0);
    settle(&bench);
    assert_int_equal(bench.done_count, 3);
    assert_int_equal(bench.done[0]->nack_code, NACK_SCHEMA);
    assert_true(bench.done[0]->permanent);
    assert_int_equal(bench.done[1]->nack_code, NACK_DECOMP);
    assert_true(bench.done[1]->permanent);
    assert_int_equal(bench.done[2]->nack_code, 0);
    stop(&bench);
}

/* ---- a store that refuses ---- */

static const struct refuse_case {
    const char *name;
    enum status status;
    bool late;
    uint32_t count;
    bool ready;          /* what pipeline_ready() says meanwhile */
    bool stored;         /* as lines; else as a loss */
} refuse_cases[] = {
    { "disk full in append", STATUS_DISK_FULL, false, 5, false, true },
    { "disk full at commit", STATUS_DISK_FULL, true, 5, false, true },
    { "device error at commit", STATUS_IO, true, 3, false, true },
    { "two heads wait to be sealed", STATUS_AGAIN, false, 20, true, true },
    { "too large with fields, fine without", STATUS_TOO_LARGE, false, 1, true, true },
    { "too large in every way", STATUS_TOO_LARGE, false, 2, true, false },
};

static void test_refusing_store(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(refuse_cases); i++) {
        const struct refuse_case *c = &refuse_cases[i];
        const struct fake_loss *losses;
        struct fake_file file = file_a;
        struct bench bench;
        bool was_ready = true;

        print_message("  %s\n", c->name);
        file.content = slice_of("level=info msg=hello n=1\nlevel=info msg=again n=2\n");
        start(&bench);
        fake_store_refuse(bench.store, c->status, c->count, c->late);
        submit_range(&bench, &file, 0, file.content.len, 0);
        for (int step = 0; step < 100 && bench.done_count == 0; step++) {
            settle(&bench);
            was_ready = was_ready && pipeline_ready(bench.pipeline, NULL);
            sim_io_advance(bench.sim, 100 * 1000000);
        }
        assert_int_equal(bench.done_count, 1);
        assert_int_equal(bench.done[0]->nack_code, 0);
        assert_int_equal(was_ready, c->ready);
        assert_true(pipeline_ready(bench.pipeline, NULL));
        if (c->stored) {
            check_text(&bench, &file, file.content.len);
        } else {
            assert_int_equal(fake_store_losses(bench.store, &losses), 1);
            assert_int_equal(losses[0].from, 0);
            assert_int_equal(losses[0].to, file.content.len);
            assert_string_equal(losses[0].reason, "QUARANTINE");
        }
        stop(&bench);
    }
}

/* ---- two shards ---- */

/* A frame with a source on each shard is given back when both are durable. */
static void test_two_shards(void **unused)
{
    struct fake_file files[2] = { file_a, file_a };
    struct batch_builder builder = batch_builder_empty(1 << 16);
    struct buf body = buf_empty(1 << 16);
    struct bench bench;
    struct error err = {0};

    (void)unused;
    files[0].source.generation[0] = 2; /* shard 0; file_a is on shard 1 */
    for (size_t i = 0; i < 2; i++) {
        struct batch_range range = { .source = files[i].source, .path = slice_of("/x") };

        assert_int_equal(batch_builder_begin(&builder, &range, &err), STATUS_OK);
        assert_int_equal(batch_builder_text(&builder, slice_first(file_a.content, 9), 0, &err),
                         STATUS_OK);
        assert_int_equal(batch_builder_end(&builder, 9, fake_file_tail(&file_a, 9), 0, &err),
                         STATUS_OK);
    }
    assert_int_equal(batch_builder_finish(&builder, 0, 0, &body, &err), STATUS_OK);
    start(&bench);
    submit_bytes(&bench, buf_slice(&body), (uint32_t)body.len, CODEC_NONE);
    work(&bench);
    assert_int_equal(store_step(bench.store, NULL), STATUS_OK);
    work(&bench);
    assert_int_equal(bench.done_count, 0);
    assert_int_equal(store_step(bench.store, NULL), STATUS_OK);
    work(&bench);
    assert_int_equal(bench.done_count, 1);
    check_text(&bench, &files[0], 9);
    check_text(&bench, &files[1], 9);
    batch_builder_release(&builder);
    buf_release(&body);
    stop(&bench);
}

/* ---- open events ---- */

/* An event of three lines (PostgreSQL: continuations begin with a tab), then another. */
static const char two_events[] = "2026-04-02 09:20:11.640 UTC [123] ERROR:  it broke\n"
                                 "\tbecause of this\n"
                                 "\tand that\n"
                                 "2026-04-02 09:20:12.640 UTC [123] LOG:  next\n";
enum { FIRST_LINE = 51, FIRST_EVENT = FIRST_LINE + 17 + 10 };

/* The lines of an event that is not finished are durable, survive a restart, and are joined with
 * the lines that come after it. */
static void test_open_event_over_a_restart(void **unused)
{
    struct fake_file file = file_a;
    const struct fake_event *events;
    struct bench bench;

    (void)unused;
    file.content = slice_of(two_events);
    start(&bench);
    submit_range(&bench, &file, 0, FIRST_LINE, 0);
    settle(&bench);
    assert_int_equal(bench.done_count, 1); /* acked, although the event is not finished */
    assert_true(fake_store_open_events_of(bench.store, &events) >= 1);
    assert_true(events[0].flags & EVENT_OPEN);
    crash(&bench);
    submit_range(&bench, &file, FIRST_LINE, file.content.len, 0);
    settle(&bench);
    check_text(&bench, &file, file.content.len);
    sim_io_advance(bench.sim, 3000000000);
    settle(&bench);
    assert_int_equal(fake_store_open_events_of(bench.store, &events), 0); /* the 2 s are over */
    check_text(&bench, &file, file.content.len);
    assert_int_equal(fake_store_events(bench.store, &events), 2);
    assert_int_equal(events[0].source_len, FIRST_EVENT);
    stop(&bench);
}

static void test_final_ends_it(void **unused)
{
    struct fake_file file = file_a;
    const struct fake_event *events;
    struct bench bench;

    (void)unused;
    file.content = slice_first(slice_of(two_events), FIRST_LINE);
    start(&bench);
    submit_range(&bench, &file, 0, FIRST_LINE, RANGE_FINAL);
    settle(&bench);
    assert_int_equal(fake_store_open_events_of(bench.store, &events), 0);
    assert_int_equal(fake_store_events(bench.store, &events), 1);
    stop(&bench);
}

/* ---- samples and losses ---- */

static void samples_body(int64_t start_ns, int64_t end_ns, struct buf *out)
{
    struct batch_range range = { .source = { .generation = { 1 } },
                                 .path = slice_of("host"),
                                 .start_offset = (uint64_t)start_ns,
                                 .end_offset = (uint64_t)end_ns };
    struct wire_label label = { slice_of("cpu"), slice_of("0") };
    struct wire_series series = { .metric = slice_of("node_load1"), .labels = &label,
                                  .label_count = 1 };
    struct wire_sample samples[16];
    uint32_t count = 0;
    struct error err = {0};

    for (int64_t at = start_ns; at < end_ns && count < 16; at += 10)
        samples[count++] = (struct wire_sample){ 0, at, (double)at };
    assert_int_equal(batch_samples_append(out,
                                          &(struct batch_samples){ .ranges = &range,
                                                                   .range_count = 1,
                                                                   .series = &series,
                                                                   .series_count = 1,
                                                                   .samples = samples,
                                                                   .sample_count = count },
                                          &err),
                     STATUS_OK);
}

static void test_samples_once(void **unused)
{
    static const struct { int64_t start, end; } ranges[] = {
        { 100, 130 }, { 100, 130 }, { 110, 150 }, { 300, 310 }, /* again, overlapping, after a pause */
    };
    const struct fake_sample *samples;
    struct bench bench;

    (void)unused;
    start(&bench);
    for (size_t i = 0; i < COUNT_OF(ranges); i++) {
        struct buf body = buf_empty(1 << 16);

        samples_body(ranges[i].start, ranges[i].end, &body);
        submit_bytes(&bench, buf_slice(&body), (uint32_t)body.len, CODEC_NONE);
        settle(&bench);
        assert_int_equal(bench.done[i]->nack_code, 0);
        buf_release(&body);
    }
    assert_int_equal(fake_store_samples(bench.store, &samples), 6); /* 100 110 120 130 140 300 */
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(samples[i].time_ns, i < 5 ? 100 + 10 * (int64_t)i : 300);
        assert_string_equal(samples[i].metric, "node_load1");
        assert_int_equal(samples[i].label_count, 1);
    }
    stop(&bench);
}

static void submit_loss(struct bench *bench, const struct fake_file *file, uint64_t from,
                        uint64_t to)
{
    struct frame_fields fields = { .type = FRAME_LOSS, .lane = LANE_NORMAL, .seq = 1 };
    struct loss_message loss = { .source = file->source, .from_offset = from, .to_offset = to,
                                 .size = to - from, .reason = LOSS_DELETED,
                                 .end_tail = fake_file_tail(file, to),
                                 .path = slice_of(file->path) };
    struct buf body = buf_empty(4096), encoded = buf_empty(4096);
    struct error err = {0};

    loss_message_append(&body, &loss);
    assert_int_equal(frame_append(&encoded, &fields, buf_slice(&body), NULL, &err), STATUS_OK);
    pipeline_submit(bench->pipeline, frame_of(buf_slice(&encoded)));
    buf_release(&encoded);
    buf_release(&body);
}

static void test_loss_covers_a_hole(void **unused)
{
    const struct fake_loss *losses;
    struct source_id id = id_of(&file_a);
    struct watermark mark;
    struct bench bench;

    (void)unused;
    start(&bench);
    submit_range(&bench, &file_a, 0, 9, 0);
    submit_loss(&bench, &file_a, 9, 28);
    submit_loss(&bench, &file_a, 9, 28); /* sent again: stored once */
    submit_range(&bench, &file_a, 28, 39, 0);
    settle(&bench);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(bench.done[i]->nack_code, 0);
    assert_int_equal(fake_store_losses(bench.store, &losses), 1);
    assert_int_equal(losses[0].from, 9);
    assert_int_equal(losses[0].to, 28);
    assert_string_equal(losses[0].reason, "DELETED");
    assert_int_equal(store_watermark(bench.store, &id, &mark), STATUS_OK);
    assert_int_equal(mark.durable_offset, 39);
    stop(&bench);
}

/* ---- exactly once, whatever happens ---- */

/* One file, read by a shipper that forgets, repeats and groups as it likes, into a collector that
 * crashes and refuses. */
struct life {
    struct bench bench;
    struct test_random random;
    struct fake_file file;
    uint64_t read, acked;
};

static void send_some(struct life *life)
{
    uint64_t end = life->read + 1 + test_random_below(&life->random, 120);

    if (end > life->file.content.len)
        end = life->file.content.len;
    if (life->bench.done_count > 200 || life->read == end)
        return;
    submit_range(&life->bench, &life->file, life->read, end, 0);
    life->read = end;
    if (test_random_chance(&life->random, 50))
        work(&life->bench);
    if (test_random_chance(&life->random, 30) &&
        store_step(life->bench.store, NULL) == STATUS_OK)
        work(&life->bench);
}

static void one_turn(struct life *life)
{
    switch (test_random_below(&life->random, 12)) {
    case 0: /* the shipper restarts: from what was acked, or from nothing */
        life->read = test_random_chance(&life->random, 50) ? life->acked : 0;
        break;
    case 1:
        crash(&life->bench);
        life->read = life->acked;
        break;
    case 2:
        fake_store_refuse(life->bench.store, STATUS_DISK_FULL, 2,
                          test_random_chance(&life->random, 50));
        break;
    case 3:
        sim_io_advance(life->bench.sim, 300 * 1000000);
        break;
    case 4:
    case 5:
        settle(&life->bench);
        break;
    default:
        send_some(life);
    }
}

static void take_answers(struct life *life)
{
    struct source_id id = id_of(&life->file);
    struct watermark mark;

    for (uint32_t i = 0; i < life->bench.done_count; i++) {
        if (life->bench.done[i]->nack_code != 0)
            life->read = life->acked; /* rewind */
        else if (store_watermark(life->bench.store, &id, &mark) == STATUS_OK)
            life->acked = mark.durable_offset;
    }
    free_done(&life->bench);
    if (life->read >= life->file.content.len)
        life->read = life->acked;
}

static void run_random_life(uint64_t seed)
{
    struct life life = { .random = { seed }, .file = file_a };
    struct buf text = buf_empty(1 << 16);

    for (int i = 0; i < 40; i++)
        buf_printf(&text, i % 7 == 3 ? "  continued %d\n" : "line %d of some length\n", i);
    life.file.content = buf_slice(&text);
    start(&life.bench);
    for (int turn = 0; turn < 2000 && life.acked < text.len; turn++) {
        one_turn(&life);
        take_answers(&life);
    }
    assert_int_equal(life.acked, text.len);
    fake_store_refuse(life.bench.store, STATUS_OK, 0, false);
    for (int i = 0; i < 20; i++) {
        sim_io_advance(life.bench.sim, 300 * 1000000);
        settle(&life.bench);
    }
    check_text(&life.bench, &life.file, text.len);
    stop(&life.bench);
    buf_release(&text);
}

static void test_exactly_once(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        if (seed % 50 == 1)
            print_message("  seeds from %llu\n", (unsigned long long)seed);
        run_random_life(seed);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_done_after_durable),
        cmocka_unit_test(test_duplicate_waits_for_the_first),
        cmocka_unit_test(test_group_commit),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_ident),
        cmocka_unit_test(test_undecodable),
        cmocka_unit_test(test_refusing_store),
        cmocka_unit_test(test_two_shards),
        cmocka_unit_test(test_open_event_over_a_restart),
        cmocka_unit_test(test_final_ends_it),
        cmocka_unit_test(test_samples_once),
        cmocka_unit_test(test_loss_covers_a_hole),
        cmocka_unit_test(test_exactly_once),
    };

    diag_init("test", DIAG_ERROR); /* refusals are the point here */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
