/* query/api/output_raw.c -- the original bytes, one newline after each event, nothing else. */
#include "query/api/output.h"

static void write_head(struct output *output, const struct query_head *head)
{
    (void)output;
    (void)head;
}

static enum status write_chunk(struct output *output, const struct result_chunk *chunk)
{
    const struct result_column *lines = output_column(chunk, "_msg");
    enum status status = STATUS_OK;

    for (uint32_t row = 0; row < chunk->row_count && status == STATUS_OK; row++) {
        if (lines != NULL && !result_is_null(lines, row))
            output_plain_value(output->out, lines, row);
        output_put(output->out, '\n');
        status = output_row_done(output);
    }
    return status;
}

/* octet-stream would be more honest, but text/plain is what a browser shows; nosniff keeps it. */
const struct output_format output_raw = {
    .name = "raw",
    .type = "text/plain",
    .accept = "text/plain",
    .needs_lines = true,
    .head = write_head,
    .chunk = write_chunk,
};
