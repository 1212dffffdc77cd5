/* query/api/output_framed.c -- original bytes and records in one stream, for programs that pass the
 * bytes on and still want to know how the answer ended (`dendro grep`).
 *
 *   rows 8192\n      then 8192 bytes: whole events, one newline behind each
 *   record 310\n     then 310 bytes: {"_head":...}, {"_progress":...} or {"_end":...} and a newline
 *
 * The last record of a complete answer is the end. */
#include "query/api/output.h"

#include <stdio.h>

/* Records are small: their text is gathered behind the frame's head, whose place is kept free. */
enum { RECORD_HEAD_SIZE = 18 }; /* "record " ten digits "\n" */

static size_t begin_record(struct output *output, struct json_writer *json, const char *name)
{
    size_t at = output->out->len;

    buf_printf(output->out, "record %010u\n", 0u);
    jsonw_begin(json, output->out);
    jsonw_object(json);
    jsonw_key(json, name);
    jsonw_object(json);
    return at;
}

static void end_record(struct output *output, struct json_writer *json, size_t at)
{
    char head[RECORD_HEAD_SIZE + 1];

    jsonw_end_object(json);
    jsonw_end_object(json);
    buf_append_byte(output->out, '\n');
    if (output->out->failed)
        return;
    (void)snprintf(head, sizeof(head), "record %010u\n",
                   (unsigned)(output->out->len - at - RECORD_HEAD_SIZE));
    memcpy(output->out->data + at, head, RECORD_HEAD_SIZE);
}

static void write_head(struct output *output, const struct query_head *head)
{
    struct json_writer json;
    size_t at = begin_record(output, &json, "_head");

    answer_write_head(output->answer, &json, head);
    end_record(output, &json, at);
}

static size_t rows_size(const struct result_column *lines, uint32_t from, uint32_t to)
{
    size_t size = to - from;

    for (uint32_t row = from; row < to && lines != NULL; row++)
        if (!result_is_null(lines, row))
            size += output_text(lines, row).len;
    return size;
}

static enum status write_chunk(struct output *output, const struct result_chunk *chunk)
{
    const struct result_column *lines = output_column(chunk, "_msg");
    enum status status = STATUS_OK;

    if (lines != NULL && lines->kind != RESULT_TEXT && lines->kind != RESULT_DICT)
        return STATUS_INVALID;
    for (uint32_t from = 0, to; from < chunk->row_count && status == STATUS_OK; from = to) {
        to = from + output_rows_within(chunk, from, OUTPUT_CHUNK_SIZE);
        buf_printf(output->out, "rows %zu\n", rows_size(lines, from, to));
        for (uint32_t row = from; row < to; row++) {
            if (lines != NULL && !result_is_null(lines, row))
                buf_append_slice(output->out, output_text(lines, row));
            buf_append_byte(output->out, '\n');
        }
        status = output_row_done(output);
    }
    return status;
}

static void write_progress(struct output *output, const struct query_progress *progress)
{
    struct json_writer json;
    size_t at = begin_record(output, &json, "_progress");

    answer_write_progress(&json, progress);
    end_record(output, &json, at);
}

static void write_end(struct output *output, const struct query_end *end)
{
    struct json_writer json;
    size_t at = begin_record(output, &json, "_end");

    answer_write_end(output->answer, &json, end);
    end_record(output, &json, at);
}

const struct output_format output_framed = {
    .name = "framed",
    .type = "application/x-dendro-framed",
    .accept = "application/x-dendro-framed",
    .has_end = true,
    .needs_lines = true,
    .head = write_head,
    .chunk = write_chunk,
    .progress = write_progress,
    .end = write_end,
};
