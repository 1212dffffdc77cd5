/* query/cli/table.c -- hold some rows, decide the widths, print, and go on row by row. */
#include "query/cli/table.h"

#include "query/cli/terminal.h"

#include <math.h>
#include <stdlib.h>

enum { TABLE_MEMORY_MAX = 256 << 20, CELL_SIZE_MAX = 64 << 20, GAP = 2, WIDTH_LEAST = 8 };

void table_init(struct table *table, struct sink *sink, unsigned terminal_width)
{
    *table = (struct table){
        .sink = sink, .terminal_width = terminal_width, .arena = arena_empty(TABLE_MEMORY_MAX)};
}

void table_release(struct table *table)
{
    for (size_t i = 0; i < table->column_count; i++)
        free(table->columns[i].name);
    free(table->cells);
    arena_release(&table->arena);
}

/* ---- values with units ---- */

struct unit {
    double size;
    const char *name;
};

/* Three digits, in the largest unit that leaves one before the point. */
static void print_unit(struct buf *out, double value, const struct unit *units, size_t count)
{
    size_t at = 0;

    while (at + 1 < count && fabs(value) < units[at].size)
        at++;
    buf_printf(out, "%.3g%s", value / units[at].size, units[at].name);
}

void table_print_duration(struct buf *out, double seconds)
{
    static const struct unit units[] = {{86400, "d"}, {3600, "h"},  {60, "m"},   {1, "s"},
                                        {1e-3, "ms"}, {1e-6, "us"}, {1e-9, "ns"}};

    if (seconds == 0)
        buf_append_text(out, "0s");
    else
        print_unit(out, seconds, units, COUNT_OF(units));
}

void table_print_bytes(struct buf *out, double bytes)
{
    static const struct unit units[] = {
        {1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "KB"}, {1, "B"}};

    if (fabs(bytes) < 1)
        buf_printf(out, "%.3gB", bytes);
    else
        print_unit(out, bytes, units, COUNT_OF(units));
}

/* ---- columns ---- */

static enum table_kind kind_of(const char *type)
{
    static const struct {
        const char *type;
        enum table_kind kind;
    } kinds[] = {{"int", TABLE_NUMBER},
                 {"float", TABLE_NUMBER},
                 {"duration", TABLE_DURATION},
                 {"bytes", TABLE_BYTES}};

    for (size_t i = 0; type != NULL && i < COUNT_OF(kinds); i++)
        if (strcmp(type, kinds[i].type) == 0)
            return kinds[i].kind;
    return TABLE_TEXT;
}

static bool has_column(const struct table *table, const char *name)
{
    for (size_t i = 0; i < table->column_count; i++)
        if (strcmp(table->columns[i].name, name) == 0)
            return true;
    return false;
}

static void add_column(struct table *table, const char *name, const char *type)
{
    struct table_column *column = &table->columns[table->column_count];

    if (table->column_count == TABLE_COLUMNS_MAX || name == NULL || has_column(table, name))
        return;
    column->name = strdup(name);
    column->kind = kind_of(type);
    table->failed |= column->name == NULL;
    if (column->name == NULL)
        return;
    column->width = terminal_columns(slice_of(name));
    table->column_count++;
}

void table_head(struct table *table, const json_t *head)
{
    const json_t *columns = json_object_get(head, "columns"), *column;
    size_t at;

    json_array_foreach(columns, at, column)
        add_column(table, json_string_value(json_object_get(column, "name")),
                   json_string_value(json_object_get(column, "type")));
}

/* ---- cells ---- */

static void print_cell(const struct table_column *column, struct slice text, struct buf *out)
{
    double number;

    if (column->kind > TABLE_NUMBER && slice_to_double(text, &number)) {
        if (column->kind == TABLE_DURATION)
            table_print_duration(out, number);
        else
            table_print_bytes(out, number);
        return;
    }
    terminal_escape(out, text);
    for (size_t i = 0; i < out->len; i++) /* a row is a line */
        if (out->data[i] == '\n' || out->data[i] == '\t')
            out->data[i] = ' ';
}

/* As much of `text` as fits into `width`; cut text ends in a mark. */
static size_t fit(struct slice *text, size_t width)
{
    size_t columns = terminal_columns(*text);

    while (columns > width && text->len > 0) {
        do
            text->len--;
        while (text->len > 0 && ((unsigned char)text->data[text->len] & 0xc0) == 0x80);
        columns = terminal_columns(*text) + 1;
    }
    return columns;
}

static void pad(struct buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_append_byte(out, ' ');
}

static void put_cell(const struct table *table, size_t at, struct slice text, struct buf *out)
{
    const struct table_column *column = &table->columns[at];
    bool last = at + 1 == table->column_count, right = column->kind != TABLE_TEXT;
    struct slice shown = text;
    /* In a file nothing is cut, not even a row that is wider than those that set the width. */
    size_t columns =
        table->terminal_width == 0 ? terminal_columns(shown) : fit(&shown, column->width);
    bool cut = shown.len < text.len;

    pad(out, at > 0 ? GAP : 0);
    pad(out, right && columns < column->width ? column->width - columns : 0);
    buf_append_slice(out, shown);
    if (cut)
        buf_append_text(out, "\xe2\x80\xa6"); /* an ellipsis */
    pad(out, !right && !last && columns < column->width ? column->width - columns : 0);
}

static bool put_row(struct table *table, const struct slice *cells)
{
    struct buf line = buf_empty(CELL_SIZE_MAX);
    bool more;

    for (size_t i = 0; i < table->column_count; i++)
        put_cell(table, i, cells[i], &line);
    buf_append_byte(&line, '\n');
    table->failed |= line.failed;
    more = sink_put(table->sink, buf_slice(&line)) && !table->failed;
    buf_release(&line);
    return more;
}

/* ---- widths ---- */

/* What is too wide is taken from the last column first, so that short ones in front stay whole. */
static void decide_widths(struct table *table)
{
    size_t sum = 0, width = table->terminal_width;

    for (size_t i = 0; i < table->column_count; i++) {
        for (size_t row = 0; row < table->row_count; row++) {
            size_t cell = terminal_columns(table->cells[row * table->column_count + i]);

            if (cell > table->columns[i].width)
                table->columns[i].width = cell;
        }
        if (width > 0 && i + 1 < table->column_count &&
            table->columns[i].width > TABLE_COLUMN_WIDTH_MAX)
            table->columns[i].width = TABLE_COLUMN_WIDTH_MAX;
        sum += table->columns[i].width + (i > 0 ? GAP : 0);
    }
    for (size_t i = table->column_count; width > 0 && sum > width && i > 0; i--) {
        struct table_column *column = &table->columns[i - 1];
        size_t room = column->width > WIDTH_LEAST ? column->width - WIDTH_LEAST : 0;
        size_t taken = sum - width < room ? sum - width : room;

        column->width -= taken;
        sum -= taken;
    }
}

static bool begin(struct table *table)
{
    struct slice names[TABLE_COLUMNS_MAX];
    bool more = true;

    table->begun = true;
    decide_widths(table);
    for (size_t i = 0; i < table->column_count; i++)
        names[i] = slice_of(table->columns[i].name);
    if (table->column_count > 0)
        more = put_row(table, names);
    for (size_t row = 0; more && row < table->row_count; row++)
        more = put_row(table, table->cells + row * table->column_count);
    table->row_count = 0;
    arena_reset(&table->arena);
    return more;
}

/* ---- rows ---- */

static bool read_row(struct table *table, const struct columns *rows, size_t row,
                     struct slice *cells)
{
    struct buf text = buf_empty(CELL_SIZE_MAX), shown = buf_empty(CELL_SIZE_MAX);

    for (size_t i = 0; i < table->column_count; i++) {
        buf_reset(&text);
        buf_reset(&shown);
        if (strcmp(table->columns[i].name, "_msg") == 0)
            (void)columns_line(rows, row, &text);
        else
            (void)columns_text(rows, table->columns[i].name, row, &text);
        print_cell(&table->columns[i], buf_slice(&text), &shown);
        table->failed |= shown.failed;
        cells[i] = arena_copy(&table->arena, buf_slice(&shown));
    }
    table->failed |= table->arena.failed;
    buf_release(&text);
    buf_release(&shown);
    return !table->failed;
}

static bool add_row(struct table *table, const struct columns *rows, size_t row)
{
    struct slice cells[TABLE_COLUMNS_MAX];

    if (table->begun) {
        arena_reset(&table->arena);
        return read_row(table, rows, row, cells) && put_row(table, cells);
    }
    return read_row(table, rows, row, table->cells + table->row_count++ * table->column_count);
}

bool table_add(struct table *table, const struct columns *rows)
{
    bool more = !table->failed;

    if (table->cells == NULL && !table->begun) {
        table->cells = calloc(TABLE_ROWS_HELD * (table->column_count + 1), sizeof(struct slice));
        table->failed |= table->cells == NULL;
        more = !table->failed;
    }
    for (size_t row = 0; more && row < rows->row_count; row++) {
        more = add_row(table, rows, row);
        if (more && !table->begun && table->row_count == TABLE_ROWS_HELD)
            more = begin(table);
    }
    return more;
}

bool table_finish(struct table *table)
{
    return table->begun || (begin(table) && !table->failed);
}
