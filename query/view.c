/* query/view.c -- a block with columns laid over another block. Looking a column up goes from the
 * newest overlay down to the source: the lists are short, and it happens once per block. */
#include "query/view.h"

#include <stdlib.h>

enum { VIEW_COLUMNS_MAX = 70000 }; /* every name of a store and then some */

/* Fields that every event has, in the order in which they are shown. */
static const field_id event_fields[] = {
    FIELD_ID_TIME, FIELD_ID_GEO, FIELD_ID_HOST, FIELD_ID_ROLE, FIELD_ID_SOURCE, FIELD_ID_FORMAT,
    FIELD_ID_LEVEL, FIELD_ID_MSG,
};
static const field_id sample_fields[] = {
    FIELD_ID_TIME, FIELD_ID_GEO, FIELD_ID_HOST, FIELD_ID_ROLE, FIELD_ID_METRIC, FIELD_ID_VALUE,
};

static struct view *of(struct block *block)
{
    return (struct view *)block;
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_TOO_LARGE, "rows need more memory than the query may use: "
                                            "narrow its filters, or add a limit");
}

/* ---- the block behind it ---- */

static const void *view_array(struct block *block, enum block_array which, struct error *err)
{
    struct block *source = of(block)->source;

    if (source == NULL) {
        (void)error_set(err, STATUS_INVALID, "computed rows have no place in a source");
        return NULL;
    }
    if (source->arrays[which] == NULL)
        source->arrays[which] = source->ops->array(source, which, err);
    return source->arrays[which];
}

static const struct view_column *find_column(const struct view *view, field_id field)
{
    for (uint32_t i = view->column_count; i > 0; i--)
        if (view->columns[i - 1].field == field)
            return &view->columns[i - 1];
    return NULL;
}

/* A column of numbers as text. */
static enum status numbers_as_text(struct view *view, const struct column *from,
                                   struct column *out, struct error *err)
{
    uint32_t count = view->base.row_count;
    struct slice *texts = arena_new(view_arena(view), struct slice, count + 1);
    struct buf room = buf_empty(256);
    bool ok = texts != NULL;

    for (uint32_t row = 0; ok && row < count; row++) {
        struct cell cell = cell_of(from, row);

        if (cell.kind == CELL_NULL || !bit_get(view->base.selected, row))
            continue;
        buf_reset(&room);
        ok = cell_print(&cell, &room);
        texts[row] = arena_copy(view_arena(view), buf_slice(&room));
        ok = ok && texts[row].data != NULL;
    }
    buf_release(&room);
    *out = *from;
    out->kind = COLUMN_TEXT;
    out->texts = texts;
    return ok ? STATUS_OK : no_memory(err);
}

/* Lines are rendered for the rows that are still selected only. */
static enum status render_lines(struct view *view, struct column *out, struct error *err)
{
    uint32_t count = view->base.row_count;
    struct slice *texts = arena_new(view_arena(view), struct slice, count + 1);
    struct buf room = buf_empty(view->base.arena.size_max);
    enum status status = texts == NULL ? no_memory(err) : STATUS_OK;

    for (uint32_t row = 0; status == STATUS_OK && row < count; row++) {
        if (!bit_get(view->base.selected, row))
            continue;
        buf_reset(&room);
        status = block_render(view->source, row, &room, err);
        if (status != STATUS_OK)
            break;
        texts[row] = arena_copy(view_arena(view), buf_slice(&room));
        if (texts[row].data == NULL && room.len > 0)
            status = no_memory(err);
    }
    buf_release(&room);
    *out = (struct column){.kind = COLUMN_TEXT, .type = FIELD_TEXT, .texts = texts};
    return status;
}

static enum status source_column(struct view *view, field_id field, bool as_text,
                                 struct column *out, struct error *err)
{
    *out = (struct column){.kind = COLUMN_MISSING};
    if (view->source == NULL || names_is_local(field))
        return STATUS_OK;
    if (field == FIELD_ID_MSG && view->source->ops != view->base.ops &&
        !block_is_samples(view->source))
        return render_lines(view, out, err);
    return block_column(view->source, field, as_text, out, err);
}

static enum status find_in_view(struct block *block, field_id field, bool as_text,
                                struct column *out, struct error *err)
{
    struct view *view = of(block);
    const struct view_column *column = find_column(view, field);

    *out = (struct column){.kind = COLUMN_MISSING};
    if (column == NULL)
        return view->open ? source_column(view, field, as_text, out, err) : STATUS_OK;
    if (column->kind == VIEW_HIDDEN)
        return STATUS_OK;
    if (column->kind == VIEW_ALIAS)
        return source_column(view, column->alias, as_text, out, err);
    if (as_text && (column->data.kind == COLUMN_INT || column->data.kind == COLUMN_FLOAT))
        return numbers_as_text(view, &column->data, out, err);
    *out = column->data;
    return STATUS_OK;
}

static enum status render_in_view(struct block *block, uint32_t row, struct buf *out,
                                  struct error *err)
{
    struct column column;
    struct cell cell;
    enum status status = block_column(block, FIELD_ID_MSG, true, &column, err);

    if (status != STATUS_OK)
        return status;
    cell = cell_of(&column, row);
    return cell_print(&cell, out) ? STATUS_OK : no_memory(err);
}

static const field_id *fields_in_view(struct block *block, uint32_t *count)
{
    const field_id *fields = NULL;
    struct error err;

    *count = 0;
    return view_fields(of(block), &fields, count, &err) == STATUS_OK ? fields : NULL;
}

static void release_nothing(struct block *block)
{
    (void)block;
}

static const struct block_ops view_ops = {
    .array = view_array,
    .column = find_in_view,
    .fields = fields_in_view,
    .render = render_in_view,
    .release = release_nothing,
};

/* ---- life ---- */

void view_init(struct view *view, size_t size_max)
{
    *view = (struct view){.base = {.ops = &view_ops, .arena = arena_empty(size_max)}};
}

void view_release(struct view *view)
{
    arena_release(&view->base.arena);
    free(view->columns);
    free(view->fields);
    *view = (struct view){.base = {.ops = &view_ops}};
}

/* Columns that were looked up before a change may be stale. */
static void forget_lookups(struct view *view)
{
    view->base.columns = NULL; /* the entries are in the arena */
}

static enum status begin(struct view *view, uint32_t row_count, struct error *err)
{
    size_t size_max = view->base.arena.size_max;
    struct arena arena = view->base.arena;

    arena_reset(&arena);
    arena.failed = false;
    arena.size_max = size_max;
    view->base = (struct block){.ops = &view_ops, .row_count = row_count, .arena = arena};
    view->column_count = 0;
    view->base.selected = arena_new(view_arena(view), uint64_t, bit_words(row_count) + 1);
    return view->base.selected == NULL ? no_memory(err) : STATUS_OK;
}

enum status view_show(struct view *view, struct block *block, struct error *err)
{
    enum status status = begin(view, block->row_count, err);

    if (status != STATUS_OK)
        return status;
    view->source = block;
    view->open = true;
    view->base.samples = block->samples;
    view->base.time_min_ns = block->time_min_ns;
    view->base.time_max_ns = block->time_max_ns;
    view->base.selected_count = block->selected_count;
    memcpy(view->base.selected, block->selected, bit_words(block->row_count) * sizeof(uint64_t));
    return STATUS_OK;
}

enum status view_begin(struct view *view, uint32_t row_count, struct error *err)
{
    enum status status = begin(view, row_count, err);

    if (status != STATUS_OK)
        return status;
    view->source = NULL;
    view->open = false;
    view->base.selected_count = row_count;
    if (row_count > 0)
        bits_fill(view->base.selected, row_count);
    return STATUS_OK;
}

/* ---- columns ---- */

static enum status put_column(struct view *view, const struct view_column *column,
                              struct error *err)
{
    forget_lookups(view);
    for (uint32_t i = 0; i < view->column_count; i++) {
        if (view->columns[i].field == column->field) {
            view->columns[i] = *column;
            return STATUS_OK;
        }
    }
    if (view->column_count == view->column_capacity) {
        uint32_t capacity = view->column_capacity == 0 ? 16 : view->column_capacity * 2;
        struct view_column *grown = NULL;

        if (capacity <= VIEW_COLUMNS_MAX)
            grown = realloc(view->columns, capacity * sizeof(*grown));
        if (grown == NULL)
            return no_memory(err);
        view->columns = grown;
        view->column_capacity = capacity;
    }
    view->columns[view->column_count++] = *column;
    return STATUS_OK;
}

enum status view_set(struct view *view, field_id field, const struct column *column,
                     struct error *err)
{
    struct view_column put = {.field = field, .kind = VIEW_DATA, .data = *column};

    return put_column(view, &put, err);
}

enum status view_alias(struct view *view, field_id field, field_id from, struct error *err)
{
    const struct view_column *found = find_column(view, from);
    struct view_column put = {.kind = VIEW_ALIAS, .alias = from};

    if (found != NULL)
        put = *found;
    else if (!view->open)
        put.kind = VIEW_HIDDEN;
    put.field = field;
    return put_column(view, &put, err);
}

enum status view_hide(struct view *view, field_id field, struct error *err)
{
    struct view_column put = {.field = field, .kind = VIEW_HIDDEN};

    return put_column(view, &put, err);
}

enum status view_only(struct view *view, const field_id *fields, uint32_t count,
                      struct error *err)
{
    struct view_column *kept = malloc((count + 1) * sizeof(*kept));
    enum status status = STATUS_OK;

    if (kept == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        const struct view_column *found = find_column(view, fields[i]);

        kept[i] = found != NULL ? *found
                                : (struct view_column){.field = fields[i],
                                                       .kind = view->open ? VIEW_ALIAS
                                                                          : VIEW_HIDDEN,
                                                       .alias = fields[i]};
    }
    view->open = false;
    view->column_count = 0;
    forget_lookups(view);
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++)
        status = put_column(view, &kept[i], err);
    free(kept);
    return status;
}

static void add_field(struct view *view, field_id field, uint32_t *count)
{
    for (uint32_t i = 0; i < *count; i++)
        if (view->fields[i] == field)
            return;
    view->fields[(*count)++] = field;
}

/* Fields of the source that nothing hides; the usual ones come first. */
static void add_source_fields(struct view *view, const field_id *more, uint32_t more_count,
                              uint32_t *count)
{
    const field_id *usual = view->base.samples ? sample_fields : event_fields;
    uint32_t usual_count = view->base.samples ? COUNT_OF(sample_fields) : COUNT_OF(event_fields);

    for (uint32_t i = 0; i < usual_count; i++)
        if (find_column(view, usual[i]) == NULL)
            add_field(view, usual[i], count);
    for (uint32_t i = 0; i < more_count; i++)
        if (find_column(view, more[i]) == NULL)
            add_field(view, more[i], count);
}

enum status view_fields(struct view *view, const field_id **out, uint32_t *count,
                        struct error *err)
{
    uint32_t more_count = 0, room;
    const field_id *more = NULL;
    field_id *grown;

    if (view->open && view->source != NULL)
        more = block_fields(view->source, &more_count);
    room = more_count + view->column_count + (uint32_t)COUNT_OF(event_fields) + 1;
    grown = realloc(view->fields, room * sizeof(*grown));
    if (grown == NULL)
        return no_memory(err);
    view->fields = grown;
    *count = 0;
    if (view->open && view->source != NULL)
        add_source_fields(view, more, more_count, count);
    for (uint32_t i = 0; i < view->column_count; i++)
        if (view->columns[i].kind != VIEW_HIDDEN)
            add_field(view, view->columns[i].field, count);
    *out = view->fields;
    return STATUS_OK;
}

enum status view_column(struct view *view, field_id field, bool as_text, struct column *out,
                        struct error *err)
{
    return block_column(&view->base, field, as_text, out, err);
}

/* ---- rows ---- */

void view_keep(struct view *view, const uint64_t *rows)
{
    for (size_t i = 0; i < bit_words(view->base.row_count); i++)
        view->base.selected[i] &= rows[i];
    view->base.selected_count = bits_count(view->base.selected, view->base.row_count);
}

enum status view_rows(struct view *view, const uint32_t **out, struct error *err)
{
    uint32_t *rows = arena_new(view_arena(view), uint32_t, view->base.selected_count + 1);
    uint32_t count = 0;

    if (rows == NULL)
        return no_memory(err);
    for (size_t i = 0; i < bit_words(view->base.row_count); i++)
        for (uint64_t word = view->base.selected[i]; word != 0; word &= word - 1)
            rows[count++] = (uint32_t)(i * 64) + (uint32_t)__builtin_ctzll(word);
    *out = rows;
    return STATUS_OK;
}
