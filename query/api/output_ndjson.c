/* query/api/output_ndjson.c -- one JSON object per line: head, rows, progress, end. */
#include "query/api/output.h"

static void begin_record(struct output *output, struct json_writer *json, const char *name)
{
    jsonw_begin(json, output->out);
    jsonw_object(json);
    jsonw_key(json, name);
    jsonw_object(json);
}

static void end_record(struct output *output, struct json_writer *json)
{
    jsonw_end_object(json);
    jsonw_end_object(json);
    output_put(output->out, '\n');
}

static void write_head(struct output *output, const struct query_head *head)
{
    struct json_writer json;

    begin_record(output, &json, "_head");
    answer_write_head(output->answer, &json, head);
    end_record(output, &json);
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
        output_json_row(output, chunk, keys, row);
        output_put(output->out, '\n');
        status = output_row_done(output);
    }
    return status;
}

static void write_progress(struct output *output, const struct query_progress *progress)
{
    struct json_writer json;

    begin_record(output, &json, "_progress");
    answer_write_progress(&json, progress);
    end_record(output, &json);
}

static void write_end(struct output *output, const struct query_end *end)
{
    struct json_writer json;

    begin_record(output, &json, "_end");
    answer_write_end(output->answer, &json, end);
    end_record(output, &json);
}

/* The same records around chunks of columns. */
static enum status write_columns(struct output *output, const struct result_chunk *chunk)
{
    enum status status = STATUS_OK;

    for (uint32_t from = 0, to; from < chunk->row_count && status == STATUS_OK; from = to) {
        to = from + output_rows_within(chunk, from, OUTPUT_CHUNK_SIZE);
        output_columns_rows(output, chunk, from, to);
        output_put(output->out, '\n');
        status = output_row_done(output);
    }
    return status;
}

const struct output_format output_ndjson = {
    .name = "ndjson",
    .type = "application/x-ndjson",
    .accept = "application/x-ndjson",
    .has_end = true,
    .head = write_head,
    .chunk = write_chunk,
    .progress = write_progress,
    .end = write_end,
};

const struct output_format output_columns = {
    .name = "columns",
    .type = "application/x-ndjson; profile=columns",
    .accept = "application/x-dendro-columns",
    .has_end = true,
    .head = write_head,
    .chunk = write_columns,
    .progress = write_progress,
    .end = write_end,
};
