/* BATCH bodies: golden bytes, the builder gives them again, damage and limits. */
#include "base/batch_message.h"
#include "tests/base/wire_golden.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct expected_line {
    uint32_t range;
    const char *bytes;
    uint64_t offset;
    uint32_t source_len;
    uint8_t flags;
} golden_lines[] = { /* tests/golden/wire/README.md */
    { 0, "alpha", 0, 6, 0 },
    { 0, "be", 10, 3, 0 },
    { 1, "xyz", 300, 3, WIRE_LINE_PARTIAL },
};

static void check_golden_ranges(const struct batch_range *range, uint32_t index)
{
    struct slice labels = range->label_bytes;
    struct wire_label label;

    if (index == 0) {
        assert_int_equal(range->flags, RANGE_BEGIN);
        assert_int_equal(range->end_offset, 20);
        assert_int_equal(range->prev_tail, 0x1111);
        assert_int_equal(range->end_tail, 0x2222);
        assert_true(slice_is(range->path, "/var/log/a.log"));
        assert_true(slice_is(range->format, "gunicorn"));
        assert_true(label_next(&labels, &label));
        assert_true(slice_is(label.name, "zone"));
        assert_true(slice_is(label.value, "UTC"));
    } else {
        assert_int_equal(range->flags, RANGE_HANDOFF);
        assert_int_equal(range->source.truncations, 1);
        assert_int_equal(range->previous.generation[15], 0x0f);
        assert_int_equal(range->start_offset, 300);
        assert_int_equal(range->end_offset, 303);
        assert_true(slice_is(range->role, "task"));
    }
    assert_false(label_next(&labels, &label));
}

static void test_decode_golden_lines(void **unused)
{
    struct buf golden;
    struct frame frame = golden_frame("batch_lines", FRAME_BATCH, &golden);
    struct batch_message message;
    struct batch_reader reader;
    struct batch_range range;
    struct batch_line line;
    struct error err = {0};
    size_t seen = 0;

    (void)unused;
    assert_int_equal(batch_decode(frame.body, &message, &err), STATUS_OK);
    assert_int_equal(message.range_count, 2);
    assert_int_equal(message.line_count, 3);
    assert_int_equal(message.clock_offset_ns, -5);
    reader = batch_read(&message);
    for (uint32_t i = 0; batch_range_next(&reader, &range); i++) {
        check_golden_ranges(&range, i);
        while (batch_line_next(&reader, &line)) {
            const struct expected_line *e = &golden_lines[seen++];

            assert_int_equal(e->range, i);
            assert_true(slice_is(line.bytes, e->bytes));
            assert_int_equal(line.offset, e->offset);
            assert_int_equal(line.source_len, e->source_len);
            assert_int_equal(line.flags, e->flags);
        }
    }
    assert_int_equal(seen, 3);
    reader = batch_read(&message); /* ranges can also be walked without their lines */
    assert_true(batch_range_next(&reader, &range));
    assert_true(batch_range_next(&reader, &range));
    assert_int_equal(range.first_line, 2);
    assert_true(batch_line_next(&reader, &line));
    assert_true(slice_is(line.bytes, "xyz"));
    assert_false(batch_range_next(&reader, &range));
    buf_release(&golden);
}

static void build_golden(struct batch_builder *builder, struct error *err)
{
    struct wire_label zone = { slice_of("zone"), slice_of("UTC") };
    struct batch_range a = { .flags = RANGE_BEGIN, .prev_tail = 0x1111,
                             .path = slice_of("/var/log/a.log"), .role = slice_of("web"),
                             .format = slice_of("gunicorn"), .labels = &zone, .label_count = 1 };
    struct batch_range b = { .start_offset = 300, .prev_tail = 0x3333,
                             .flags = RANGE_HANDOFF,
                             .path = slice_of("/var/log/b.log"), .role = slice_of("task") };
    struct batch_line be = { slice_of("be"), 10, 3, 0 };
    struct batch_line xyz = { slice_of("xyz"), 300, 3, WIRE_LINE_PARTIAL };

    for (unsigned i = 0; i < WIRE_ID_SIZE; i++) {
        a.source.generation[i] = b.previous.generation[i] = (uint8_t)i;
        b.source.generation[i] = (uint8_t)(0x10 + i);
    }
    b.source.truncations = 1;
    assert_int_equal(batch_builder_begin(builder, &a, err), STATUS_OK);
    assert_int_equal(batch_builder_text(builder, slice_of("alpha\n"), 0, err), STATUS_OK);
    assert_int_equal(batch_builder_line(builder, &be, err), STATUS_OK);
    assert_int_equal(batch_builder_end(builder, 20, 0x2222, 0, err), STATUS_OK);
    assert_int_equal(batch_builder_begin(builder, &b, err), STATUS_OK);
    assert_int_equal(batch_builder_line(builder, &xyz, err), STATUS_OK);
    assert_int_equal(batch_builder_end(builder, 303, 0x4444, 0, err), STATUS_OK);
}

static void test_build_golden(void **unused)
{
    struct buf golden, out = buf_empty(4096);
    struct frame frame = golden_frame("batch_lines", FRAME_BATCH, &golden);
    struct batch_builder builder = batch_builder_empty(4096);
    struct error err = {0};

    (void)unused;
    for (int round = 0; round < 2; round++) { /* a reset builder is as good as new */
        build_golden(&builder, &err);
        assert_int_equal(batch_builder_finish(&builder, 1700000000000000000, -5, &out, &err),
                         STATUS_OK);
        assert_true(slice_equal(buf_slice(&out), frame.body));
        buf_reset(&out);
        batch_builder_reset(&builder);
    }
    batch_builder_release(&builder);
    buf_release(&out);
    buf_release(&golden);
}

/* A range without lines moves a position over filtered bytes. */
static void test_no_lines(void **unused)
{
    struct batch_builder builder = batch_builder_empty(4096);
    struct buf out = buf_empty(4096);
    struct batch_range range = { .start_offset = 50 };
    struct batch_message message;
    struct batch_reader reader;
    struct batch_line line;
    struct error err = {0};

    (void)unused;
    assert_int_equal(batch_builder_begin(&builder, &range, &err), STATUS_OK);
    assert_int_equal(batch_builder_end(&builder, 5050, 1, 0, &err), STATUS_OK);
    assert_int_equal(batch_builder_finish(&builder, 0, 0, &out, &err), STATUS_OK);
    assert_int_equal(batch_decode(buf_slice(&out), &message, &err), STATUS_OK);
    reader = batch_read(&message);
    assert_true(batch_range_next(&reader, &range));
    assert_int_equal(range.end_offset, 5050);
    assert_false(batch_line_next(&reader, &line));
    assert_false(batch_range_next(&reader, &range));
    batch_builder_release(&builder);
    buf_release(&out);
}

/* The builder stops below its limit, and what it then gives is whole. */
static void test_builder_limit(void **unused)
{
    struct batch_builder builder = batch_builder_empty(2000);
    struct buf out = buf_empty(2000);
    struct batch_range range = { .path = slice_of("/a") };
    struct batch_message message;
    struct error err = {0};
    uint64_t offset = 0;
    uint32_t lines = 0;

    (void)unused;
    assert_int_equal(batch_builder_begin(&builder, &range, &err), STATUS_OK);
    for (;;) {
        struct batch_line line = { slice_of("twelve bytes"), offset, 13, lines % 2 };
        enum status status = lines % 3 == 0
                                 ? batch_builder_text(&builder, slice_of("twelve bytes\n"), offset,
                                                      &err)
                                 : batch_builder_line(&builder, &line, &err);

        if (status != STATUS_OK) {
            assert_int_equal(status, STATUS_TOO_LARGE);
            break;
        }
        offset += 13;
        lines++;
    }
    assert_true(lines > 80); /* 1,800 of 2,000 bytes at 16 a line, and the description's reserve */
    assert_int_equal(batch_builder_end(&builder, offset, 1, 0, &err), STATUS_OK);
    assert_int_equal(batch_builder_finish(&builder, 0, 0, &out, &err), STATUS_OK);
    assert_int_equal(batch_decode(buf_slice(&out), &message, &err), STATUS_OK);
    assert_int_equal(message.line_count, lines);
    batch_builder_release(&builder);
    buf_release(&out);
}

static void test_samples(void **unused)
{
    struct buf golden, out = buf_empty(4096);
    struct frame frame = golden_frame("batch_samples", FRAME_BATCH, &golden);
    struct batch_message message;
    struct batch_range range = { .path = slice_of("host"), .role = slice_of("web"),
                                 .start_offset = 1000, .end_offset = 1500 };
    struct wire_label labels[] = { { slice_of("cpu"), slice_of("0") },
                                   { slice_of("mode"), slice_of("idle") } };
    struct wire_series series[] = { { .metric = slice_of("node_load1") },
                                    { .metric = slice_of("node_cpu_seconds_total"),
                                      .labels = labels, .label_count = 2 } };
    struct wire_sample samples[] = { { 0, 1000, 0.5 }, { 1, 1000, 12.25 }, { 0, 1100, -1.0 } };
    const struct batch_samples batch = { .wall_ns = 1700000000000000000,
                                         .ranges = &range, .range_count = 1,
                                         .series = series, .series_count = 2,
                                         .samples = samples, .sample_count = 3 };
    struct sample_reader reader;
    struct wire_sample got;
    struct error err = {0};

    (void)unused;
    for (unsigned i = 0; i < WIRE_ID_SIZE; i++)
        range.source.generation[i] = (uint8_t)i;
    assert_int_equal(batch_decode(frame.body, &message, &err), STATUS_OK);
    assert_int_equal(message.kind, BATCH_SAMPLES);
    assert_int_equal(message.series_count, 2);
    reader = batch_read_samples(&message);
    for (size_t i = 0; i < 3; i++) {
        assert_true(batch_sample_next(&reader, &got));
        assert_int_equal(got.series, samples[i].series);
        assert_int_equal(got.time_ns, samples[i].time_ns);
        assert_true(got.value == samples[i].value);
    }
    assert_false(batch_sample_next(&reader, &got));
    assert_int_equal(batch_samples_append(&out, &batch, &err), STATUS_OK);
    assert_true(slice_equal(buf_slice(&out), frame.body));
    series[1].range = 1; /* there is only range 0 */
    assert_int_equal(batch_samples_append(&out, &batch, &err), STATUS_INVALID);
    assert_true(slice_equal(buf_slice(&out), frame.body));
    buf_release(&out);
    buf_release(&golden);
}

/* Offsets into batch_lines' body (201 bytes): head 0..17, count 18, range 0 from 19 (its length at
 * 38, line_count at 55), columns 171, sizes 172..175, gaps 176..179, extras 180..183,
 * flags 184..187, payload from 188. */
static const struct damage_case {
    const char *name;
    size_t at;
    uint8_t value;
} damage_cases[] = {
    { "version 2", 0, 2 },
    { "kind 3", 1, 3 },
    { "three ranges promised", 18, 3 },
    { "unknown range flag", 19, 0x40 },
    { "range 0 too short for its lines", 38, 12 },    /* `be` ends at 13 */
    { "range 0 has 3 lines, the sum is 4", 55, 3 },
    { "columns bit 3", 171, 0x0f },
    { "size of a line over the payload", 173, 100 },
    { "payload without a newline", 188 + 5, 'x' },
    { "a gap beyond the range", 178, 100 },
    { "source_len 0 (extra -6 of size 5)", 181, 11 },
    { "unknown line flag", 187, 0x20 },
};

static void test_damaged_body(void **unused)
{
    struct buf golden;
    struct batch_message message;
    struct error err = {0};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(damage_cases); i++) {
        const struct damage_case *c = &damage_cases[i];
        struct frame frame = golden_frame("batch_lines", FRAME_BATCH, &golden);

        print_message("  %s\n", c->name);
        assert_int_not_equal((uint8_t)golden.data[FRAME_HEADER_SIZE + c->at], c->value);
        golden.data[FRAME_HEADER_SIZE + c->at] = (char)c->value;
        assert_int_equal(batch_decode(frame.body, &message, &err), STATUS_INVALID);
        buf_release(&golden);
    }
}

static void test_cut_everywhere(void **unused)
{
    static const char *const names[] = { "batch_lines", "batch_samples" };

    (void)unused;
    for (size_t n = 0; n < COUNT_OF(names); n++) {
        struct buf golden;
        struct frame frame = golden_frame(names[n], FRAME_BATCH, &golden);
        struct batch_message message;
        struct error err = {0};

        for (size_t len = 0; len < frame.body.len; len++) {
            char *copy = malloc(len + 1); /* exact size, so that a read behind it is seen */

            memcpy(copy, frame.body.data, len);
            assert_int_equal(batch_decode(slice_make(copy, len), &message, &err), STATUS_INVALID);
            free(copy);
        }
        buf_release(&golden);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode_golden_lines), cmocka_unit_test(test_build_golden),
        cmocka_unit_test(test_no_lines),            cmocka_unit_test(test_builder_limit),
        cmocka_unit_test(test_samples),             cmocka_unit_test(test_damaged_body),
        cmocka_unit_test(test_cut_everywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
