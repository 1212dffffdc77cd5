/* query/operators/value_counts.c -- groups of (field, value), and their rows. Values of dictionaries are
 * counted by code first, so that each is looked up once per view. */
#include "query/operators/value_counts.h"

#include "query/limits.h"

static enum status find_field(struct value_counts *counts, field_id field, uint32_t *out,
                              struct error *err)
{
    enum status status;

    for (*out = 0; *out < counts->field_count; (*out)++)
        if (counts->fields[*out].field == field)
            return STATUS_OK;
    status = memory_grow(&counts->run->memory, (void **)&counts->fields, &counts->field_capacity,
                         counts->field_count + 1, sizeof(*counts->fields), err);
    if (status == STATUS_OK)
        counts->fields[counts->field_count++] = (struct counted_field){.field = field};
    return status;
}

/* `hits` rows have this value. */
static enum status add_value(struct value_counts *counts, uint32_t field, const struct cell *value,
                             unsigned side, uint64_t hits, struct error *err)
{
    struct memory *memory = &counts->run->memory;
    uint32_t before = counts->grouper.group_count, group;
    struct cell cells[2] = {cell_int(field, VALUE_INT), *value};
    enum status status = grouper_find(&counts->grouper, cells, &group, err);

    if (status == STATUS_OK)
        status = memory_grow(memory, (void **)&counts->hits, &counts->hit_capacity, group + 1,
                             sizeof(*counts->hits), err);
    if (status == STATUS_OK)
        status = memory_grow(memory, (void **)&counts->field_of, &counts->field_of_capacity,
                             group + 1, sizeof(*counts->field_of), err);
    if (status != STATUS_OK)
        return status;
    counts->hits[group][side] += hits;
    counts->field_of[group] = field;
    if (counts->grouper.group_count > before &&
        ++counts->fields[field].value_count > FACET_VALUES_MAX)
        counts->fields[field].dropped = true;
    return STATUS_OK;
}

/* A column, and where its values go. */
struct counted_column {
    struct column column;
    const uint32_t *rows;
    uint32_t row_count;
    uint32_t field;
    unsigned side;
};

static enum status add_dict(struct value_counts *counts, struct view *view,
                            const struct counted_column *from, struct error *err)
{
    const struct column *column = &from->column;
    struct counted_field *field = &counts->fields[from->field];
    uint64_t *hits = arena_new(view_arena(view), uint64_t, (size_t)column->dict_count + 1);
    enum status status = hits == NULL ? memory_exceeded(&counts->run->memory, err) : STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < from->row_count; i++)
        if (column->codes[from->rows[i]] != COLUMN_NO_CODE)
            hits[column->codes[from->rows[i]]]++;
    for (uint32_t code = 0; status == STATUS_OK && code < column->dict_count; code++) {
        struct cell cell = cell_text(column->dict[code], column_type(column));

        if (hits[code] > 0 && !field->dropped)
            status = add_value(counts, from->field, &cell, from->side, hits[code], err);
        field->rows[from->side] += hits[code];
    }
    return status;
}

static enum status add_rows(struct value_counts *counts, const struct counted_column *from,
                            struct error *err)
{
    struct counted_field *field = &counts->fields[from->field];
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < from->row_count; i++) {
        struct cell cell = cell_of(&from->column, from->rows[i]);

        if (cell.kind == CELL_NULL)
            continue;
        field->rows[from->side]++;
        if (!counts->names_only && !field->dropped)
            status = add_value(counts, from->field, &cell, from->side, 1, err);
    }
    return status;
}

static enum status add_field(struct value_counts *counts, struct view *view, field_id field,
                             struct counted_column *from, struct error *err)
{
    enum status status = find_field(counts, field, &from->field, err);

    if (status != STATUS_OK)
        return status;
    if (field == FIELD_ID_MSG || field == FIELD_ID_TIME) { /* every row has its own */
        counts->fields[from->field].dropped = true;
        counts->fields[from->field].rows[from->side] += from->row_count;
        return STATUS_OK;
    }
    status = view_column(view, field, false, &from->column, err);
    if (status != STATUS_OK || from->column.kind == COLUMN_MISSING)
        return status;
    return from->column.kind == COLUMN_DICT && !counts->names_only
               ? add_dict(counts, view, from, err)
               : add_rows(counts, from, err);
}

enum status value_counts_add(struct value_counts *counts, struct view *view, unsigned side,
                             struct error *err)
{
    struct counted_column from = {.row_count = view_selected_count(view), .side = side};
    const field_id *fields;
    uint32_t count;
    enum status status = view_fields(view, &fields, &count, err);

    if (status == STATUS_OK)
        status = view_rows(view, &from.rows, err);
    counts->total[side] += from.row_count;
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++)
        status = add_field(counts, view, fields[i], &from, err);
    return status;
}

enum status value_counts_init(struct value_counts *counts, struct run *run, bool names_only,
                              struct error *err)
{
    static const struct slice keys[2] = {{"field", 5}, {"value", 5}};
    static const struct name_list names = {keys, 2};

    *counts = (struct value_counts){.run = run, .names_only = names_only};
    return grouper_init_names(&counts->grouper, run, &names, err);
}

void value_counts_release(struct value_counts *counts)
{
    struct memory *memory = &counts->run->memory;

    memory_free(memory, (void **)&counts->fields, &counts->field_capacity,
                sizeof(*counts->fields));
    memory_free(memory, (void **)&counts->hits, &counts->hit_capacity, sizeof(*counts->hits));
    memory_free(memory, (void **)&counts->field_of, &counts->field_of_capacity,
                sizeof(*counts->field_of));
    grouper_release(&counts->grouper);
}
