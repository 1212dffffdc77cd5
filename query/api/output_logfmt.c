/* query/api/output_logfmt.c -- name=value pairs, one row per line; null fields are left out. */
#include "query/api/output.h"

#include "query/logfmt.h"

static void write_head(struct output *output, const struct query_head *head)
{
    (void)output;
    (void)head;
}

static void write_pair(struct output *output, const struct result_column *column, uint32_t row,
                       bool *filled)
{
    struct buf *out = output->out;

    if (*filled)
        output_put(out, ' ');
    *filled = true;
    logfmt_append(out, column->name);
    output_put(out, '=');
    if (column->kind <= RESULT_DICT)
        logfmt_append(out, output_text(column, row));
    else
        output_plain_value(out, column, row);
}

static enum status write_chunk(struct output *output, const struct result_chunk *chunk)
{
    enum status status = STATUS_OK;

    for (uint32_t row = 0; row < chunk->row_count && status == STATUS_OK; row++) {
        bool filled = false;
        char id[OUTPUT_ID_SIZE];

        if (output->ids && chunk->sources != NULL) {
            buf_append_text(output->out, "_id=");
            buf_append(output->out, id, output_row_id(output->store, chunk, row, id));
            filled = true;
        }
        for (uint32_t i = 0; i < chunk->column_count; i++)
            if (!result_is_null(&chunk->columns[i], row))
                write_pair(output, &chunk->columns[i], row, &filled);
        output_put(output->out, '\n');
        status = output_row_done(output);
    }
    return status;
}

const struct output_format output_logfmt = {
    .name = "logfmt",
    .type = "text/plain; charset=utf-8",
    .accept = "text/x-logfmt",
    .head = write_head,
    .chunk = write_chunk,
};
