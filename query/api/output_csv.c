/* query/api/output_csv.c -- csv (RFC 4180) and tsv, safe to open in a spreadsheet.
 *
 * Every value is quoted. Text that a spreadsheet would run as a formula gets a quote mark in front
 * (= + - @ tab CR and their full-width forms); numbers do not, since we wrote them.
 * The header is known before the rows. Where rows may have further fields, it is that of the head
 * and of the first chunk; a field that turns up later is left out: a `fields` pipe says which
 * columns are wanted. */
#include "query/api/output.h"

static bool is_formula(struct slice text)
{
    static const char *const starts[] = {
        "=",
        "+",
        "-",
        "@",
        "\t",
        "\r",
        "\xEF\xBC\x9D",
        "\xEF\xBC\x8B",
        "\xEF\xBC\x8D",
        "\xEF\xBC\xA0", /* U+FF1D 0B 0D 20 */
    };

    for (size_t i = 0; i < COUNT_OF(starts); i++)
        if (slice_starts(text, slice_of(starts[i])))
            return true;
    return false;
}

static void append_quoted(struct buf *out, struct slice text)
{
    struct slice rest = text, part;

    output_put(out, '"');
    if (is_formula(text))
        output_put(out, '\'');
    while (slice_cut(&rest, '"', &part)) {
        buf_append_slice(out, part);
        buf_append(out, "\"\"", 2);
    }
    buf_append_slice(out, rest);
    output_put(out, '"');
}

static bool add_name(struct output *output, struct slice name)
{
    for (uint32_t i = 0; i < output->name_count; i++)
        if (slice_equal(output->names[i], name))
            return true;
    if (output->names == NULL)
        output->names = arena_new(&output->arena, struct slice, OUTPUT_COLUMNS_MAX);
    if (output->names == NULL || output->name_count == OUTPUT_COLUMNS_MAX)
        return false;
    output->names[output->name_count++] = arena_copy(&output->arena, name);
    return !output->arena.failed;
}

static char separator(const struct output *output)
{
    return output->format == &output_tsv ? '\t' : ',';
}

static void write_header(struct output *output)
{
    for (uint32_t i = 0; i < output->name_count; i++) {
        if (i > 0)
            output_put(output->out, separator(output));
        append_quoted(output->out, output->names[i]);
    }
    if (output->name_count > 0)
        buf_append_text(output->out, "\r\n");
    output->header_written = true;
}

static void write_head(struct output *output, const struct query_head *head)
{
    if (output->ids)
        (void)add_name(output, SLICE_LITERAL("_id"));
    for (uint32_t i = 0; i < head->column_count; i++)
        (void)add_name(output, head->columns[i].name);
    if (!head->open)
        write_header(output);
}

static void write_value(struct output *output, const struct result_chunk *chunk,
                        const struct result_column *column, struct slice name, uint32_t row)
{
    struct buf *out = output->out;
    char id[OUTPUT_ID_SIZE];

    if (output->ids && chunk->sources != NULL && slice_is(name, "_id")) {
        append_quoted(out, slice_make(id, output_row_id(output->store, chunk, row, id)));
    } else if (column == NULL || result_is_null(column, row)) {
        buf_append_text(out, "\"\"");
    } else if (column->kind <= RESULT_DICT) {
        append_quoted(out, output_text(column, row));
    } else {
        output_put(out, '"');
        output_plain_value(out, column, row);
        output_put(out, '"');
    }
}

static const struct result_column *find_column(const struct result_chunk *chunk, struct slice name)
{
    for (uint32_t i = 0; i < chunk->column_count; i++)
        if (slice_equal(chunk->columns[i].name, name))
            return &chunk->columns[i];
    return NULL;
}

static enum status write_chunk(struct output *output, const struct result_chunk *chunk)
{
    enum status status = STATUS_OK;

    if (!output->header_written) {
        for (uint32_t i = 0; i < chunk->column_count; i++)
            (void)add_name(output, chunk->columns[i].name);
        write_header(output);
    }
    if (output->columns == NULL)
        output->columns =
            arena_new(&output->arena, const struct result_column *, output->name_count + 1);
    if (output->columns == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < output->name_count; i++)
        output->columns[i] = find_column(chunk, output->names[i]);
    for (uint32_t row = 0; row < chunk->row_count && status == STATUS_OK; row++) {
        for (uint32_t i = 0; i < output->name_count; i++) {
            if (i > 0)
                output_put(output->out, separator(output));
            write_value(output, chunk, output->columns[i], output->names[i], row);
        }
        buf_append_text(output->out, "\r\n");
        status = output_row_done(output);
    }
    return status;
}

static void write_end(struct output *output, const struct query_end *end)
{
    (void)end;
    if (!output->header_written)
        write_header(output);
}

const struct output_format output_csv = {
    .name = "csv",
    .type = "text/csv; charset=utf-8; header=present",
    .accept = "text/csv",
    .file_name = "dendro.csv",
    .head = write_head,
    .chunk = write_chunk,
    .end = write_end,
};

const struct output_format output_tsv = {
    .name = "tsv",
    .type = "text/tab-separated-values; charset=utf-8",
    .accept = "text/tab-separated-values",
    .file_name = "dendro.tsv",
    .head = write_head,
    .chunk = write_chunk,
    .end = write_end,
};
