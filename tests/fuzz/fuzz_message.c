/* Bodies of all messages, as they arrive behind a sound frame: the first byte chooses the type.
 * What decodes is walked to its end and must encode to a body that decodes to the same. */
#include "base/batch_message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void walk_lines(const struct batch_message *message)
{
    struct batch_reader reader = batch_read(message);
    struct batch_range range;
    struct batch_line line;
    struct wire_label label;
    uint32_t ranges = 0, lines = 0;

    for (; batch_range_next(&reader, &range); ranges++) {
        uint64_t offset = range.start_offset;

        while (label_next(&range.label_bytes, &label))
            continue;
        for (; batch_line_next(&reader, &line); lines++) {
            require(line.offset >= offset && line.source_len > 0);
            offset = line.offset + line.source_len;
            require(offset <= range.end_offset);
        }
    }
    require(ranges == message->range_count && lines == message->line_count);
}

static void walk_samples(const struct batch_message *message)
{
    struct series_reader series_reader = batch_read_series(message);
    struct sample_reader reader = batch_read_samples(message);
    struct wire_series series;
    struct wire_sample sample;
    uint32_t count = 0;

    for (; batch_series_next(&series_reader, &series); count++)
        require(series.range < message->range_count && series.metric.len > 0);
    require(count == message->series_count);
    for (count = 0; batch_sample_next(&reader, &sample); count++)
        require(sample.series < message->series_count && sample.time_ns >= 0);
    require(count == message->sample_count);
}

/* Build the same lines again: the second body must be as good as the first. */
static void rebuild(const struct batch_message *message, struct buf *out)
{
    struct batch_builder builder = batch_builder_empty(FRAME_RAW_SIZE_MAX);
    struct batch_reader reader = batch_read(message);
    struct batch_message again;
    struct batch_range range;
    struct batch_line line;
    struct wire_label labels[BATCH_LABELS_MAX];
    bool fits = true;

    while (fits && batch_range_next(&reader, &range)) {
        range.labels = labels;
        for (uint32_t i = 0; label_next(&range.label_bytes, &labels[i]);)
            i++;
        fits = batch_builder_begin(&builder, &range, NULL) == STATUS_OK;
        while (fits && batch_line_next(&reader, &line))
            fits = batch_builder_line(&builder, &line, NULL) == STATUS_OK;
        if (fits)
            fits = batch_builder_end(&builder, range.end_offset, range.end_tail, 0, NULL) ==
                   STATUS_OK;
    }
    if (fits && batch_builder_finish(&builder, message->wall_ns, 0, out, NULL) == STATUS_OK) {
        require(batch_decode(buf_slice(out), &again, NULL) == STATUS_OK);
        require(again.line_count == message->line_count);
        require(slice_equal(again.payload, message->payload));
        walk_lines(&again);
    }
    batch_builder_release(&builder);
}

static void try_batch(struct slice body, struct buf *out)
{
    struct batch_message message;

    if (batch_decode(body, &message, NULL) != STATUS_OK)
        return;
    if (message.kind == BATCH_SAMPLES) {
        walk_samples(&message);
    } else {
        walk_lines(&message);
        rebuild(&message, out);
    }
}

static void try_control(unsigned type, struct slice body, struct buf *out)
{
    struct hello hello;
    struct welcome welcome;
    struct ack ack;
    struct nack nack;
    struct loss_message loss;
    struct source_query query;
    struct source_answer answer;
    struct wire_watermark mark;
    struct slice rest, reason;
    uint32_t count;

    switch (type) {
    case FRAME_HELLO:
        if (hello_decode(body, &hello, NULL) == STATUS_OK) {
            hello_append(out, &hello);
            require(hello_decode(buf_slice(out), &hello, NULL) == STATUS_OK);
        }
        break;
    case FRAME_WELCOME:
        if (welcome_decode(body, &welcome, NULL) == STATUS_OK) {
            welcome_append(out, &welcome);
            require(welcome_decode(buf_slice(out), &welcome, NULL) == STATUS_OK);
        }
        break;
    case FRAME_ACK:
        if (ack_decode(body, &ack, NULL) == STATUS_OK) {
            for (count = 0; watermark_next(&ack.watermark_bytes, &mark); count++)
                continue;
            require(count == ack.watermark_count);
        }
        break;
    case FRAME_NACK:
        if (nack_decode(body, &nack, NULL) == STATUS_OK && nack.detail.len <= WIRE_DETAIL_SIZE_MAX) {
            nack_append(out, &nack);
            require(nack_decode(buf_slice(out), &nack, NULL) == STATUS_OK);
        }
        break;
    case FRAME_LOSS:
        if (loss_message_decode(body, &loss, NULL) == STATUS_OK) {
            loss_message_append(out, &loss);
            require(loss_message_decode(buf_slice(out), &loss, NULL) == STATUS_OK);
        }
        break;
    case FRAME_SOURCE_QUERY:
        if (source_query_decode(body, &query, NULL) == STATUS_OK) {
            source_query_append(out, &query);
            require(source_query_decode(buf_slice(out), &query, NULL) == STATUS_OK);
        }
        break;
    case FRAME_SOURCE_ANSWER:
        if (source_answers_decode(body, &count, &rest, NULL) == STATUS_OK)
            for (uint32_t i = 0; i < count; i++)
                require(source_answer_next(&rest, &answer));
        break;
    default:
        (void)bye_decode(body, &reason, NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out = buf_empty(FRAME_RAW_SIZE_MAX);
    struct slice body;

    if (size < 1 || size > (1 << 20))
        return 0;
    body = slice_make(data + 1, size - 1);
    if (data[0] % FRAME_TYPE_END == FRAME_BATCH)
        try_batch(body, &out);
    else
        try_control(data[0] % FRAME_TYPE_END, body, &out);
    buf_release(&out);
    return 0;
}
