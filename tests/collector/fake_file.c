/* Ranges of a file, through the real builder. */
#include "tests/collector/fake_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

uint64_t fake_file_tail(const struct fake_file *file, uint64_t offset)
{
    return tail_hash(slice_first(file->content, offset));
}

static void add_lines(struct batch_builder *builder, struct slice text, uint64_t offset)
{
    struct error err = {0};
    size_t whole = slice_find_last_byte(text, '\n');
    struct slice lines = slice_first(text, whole == SIZE_MAX ? 0 : whole + 1);
    struct batch_line rest = { slice_from(text, lines.len), offset + lines.len,
                               (uint32_t)(text.len - lines.len), WIRE_LINE_PARTIAL };

    if (lines.len > 0)
        assert_int_equal(batch_builder_text(builder, lines, offset, &err), STATUS_OK);
    if (rest.bytes.len > 0)
        assert_int_equal(batch_builder_line(builder, &rest, &err), STATUS_OK);
}

void fake_file_body(const struct fake_file *file, uint64_t start, uint64_t end, uint8_t flags,
                    struct buf *out)
{
    struct batch_builder builder = batch_builder_empty(1 << 20);
    struct batch_range range = { .source = file->source,
                                 .flags = flags,
                                 .start_offset = start,
                                 .prev_tail = fake_file_tail(file, start),
                                 .path = slice_of(file->path),
                                 .role = slice_of("web") };
    struct error err = {0};

    assert_int_equal(batch_builder_begin(&builder, &range, &err), STATUS_OK);
    add_lines(&builder, slice_sub(file->content, start, end - start), start);
    assert_int_equal(batch_builder_end(&builder, end, fake_file_tail(file, end), 0, &err),
                     STATUS_OK);
    assert_int_equal(batch_builder_finish(&builder, 0, 0, out, &err), STATUS_OK);
    batch_builder_release(&builder);
}

void fake_file_frame(const struct fake_file *file, uint64_t start, uint64_t end, uint8_t flags,
                     uint64_t seq, struct buf *out)
{
    struct frame_fields fields = { .type = FRAME_BATCH, .lane = LANE_NORMAL, .seq = seq };
    struct buf body = buf_empty(1 << 20);
    struct error err = {0};

    fake_file_body(file, start, end, flags, &body);
    assert_int_equal(frame_append(out, &fields, buf_slice(&body), NULL, &err), STATUS_OK);
    buf_release(&body);
}
