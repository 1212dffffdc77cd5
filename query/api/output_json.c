/* query/api/output_json.c -- one object for small answers:
 * {"head":{...},"rows":[{...},...],"answer":{...}}. */
#include "query/api/output.h"

static void write_head(struct output *output, const struct query_head *head)
{
    struct json_writer json;

    buf_append_text(output->out, "{\"head\":");
    jsonw_begin(&json, output->out);
    jsonw_object(&json);
    answer_write_head(output->answer, &json, head);
    jsonw_end_object(&json);
    buf_append_text(output->out, ",\"rows\":[");
}

static enum status write_chunk(struct output *output, const struct result_chunk *chunk)
{
    enum status status = STATUS_OK;
    struct slice *keys;

    arena_reset(&output->arena);
    keys = output_json_keys(chunk, &output->arena);
    if (keys == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t row = 0; row < chunk->row_count && status == STATUS_OK; row++) {
        buf_append_text(output->out, output->rows_begun ? ",\n" : "\n");
        output->rows_begun = true;
        output_json_row(output, chunk, keys, row);
        status = output_row_done(output);
    }
    return status;
}

static void write_end(struct output *output, const struct query_end *end)
{
    struct json_writer json;

    buf_append_text(output->out, "],\n\"answer\":");
    jsonw_begin(&json, output->out);
    jsonw_object(&json);
    answer_write_end(output->answer, &json, end);
    jsonw_end_object(&json);
    buf_append_text(output->out, "}\n");
}

const struct output_format output_json = {
    .name = "json",
    .type = "application/json",
    .accept = "application/json",
    .rows_max = OUTPUT_JSON_ROWS_MAX,
    .has_end = true,
    .head = write_head,
    .chunk = write_chunk,
    .end = write_end,
};
