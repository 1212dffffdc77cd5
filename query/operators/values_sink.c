/* query/operators/values_sink.c -- distinct values of the first column. */
#include "query/operators/values_sink.h"

#include "base/map.h"
#include "query/limits.h"

#include <stdlib.h>

struct values_sink {
    struct operator base;
    struct pool pool;
    struct map map;
    struct slice *values;
    uint32_t capacity;
};

static struct values_sink *of(struct operator *op)
{
    return (struct values_sink *)op;
}

static enum status add_value(struct values_sink *sink, struct slice text, struct error *err)
{
    uint32_t count = sink->map.count;
    enum status status;

    if (map_get(&sink->map, text) != MAP_NONE)
        return STATUS_OK;
    if (count == SUBQUERY_VALUES_MAX)
        return error_set(err, STATUS_TOO_LARGE, "a subquery gives more than %u values",
                         SUBQUERY_VALUES_MAX);
    status = memory_grow(&sink->base.run->memory, (void **)&sink->values, &sink->capacity,
                         count + 1, sizeof(*sink->values), err);
    if (status == STATUS_OK)
        status = pool_copy(&sink->pool, text, &sink->values[count], err);
    if (status == STATUS_OK && !map_put(&sink->map, sink->values[count], count))
        status = error_set(err, STATUS_NO_MEMORY, "out of memory");
    return status;
}

static enum status push_values(struct operator *op, struct view *view, struct error *err)
{
    const field_id *fields;
    const uint32_t *rows;
    struct column column;
    uint32_t count;
    enum status status = view_fields(view, &fields, &count, err);

    if (status != STATUS_OK || count == 0)
        return status;
    status = view_column(view, fields[0], true, &column, err);
    if (status == STATUS_OK)
        status = view_rows(view, &rows, err);
    for (uint32_t i = 0; status == STATUS_OK && i < view_selected_count(view); i++) {
        struct cell cell = cell_of(&column, rows[i]);

        if (cell.kind == CELL_TEXT)
            status = add_value(of(op), cell.text, err);
    }
    return status;
}

static void close_values(struct operator *op)
{
    struct values_sink *sink = of(op);

    memory_free(&op->run->memory, (void **)&sink->values, &sink->capacity,
                sizeof(*sink->values));
    map_release(&sink->map);
    pool_release(&sink->pool);
    free(sink);
}

enum status values_sink_new(struct run *run, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_values, .close = close_values};
    struct operator base = {.run = run};
    struct values_sink *sink = operator_new(&base, &ops, sizeof(*sink));

    *out = NULL;
    if (sink == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    pool_init(&sink->pool, &run->memory);
    sink->map = map_empty(SUBQUERY_VALUES_MAX * 2);
    *out = &sink->base;
    return STATUS_OK;
}

enum status values_sink_take(struct operator *op, struct arena *arena, const struct slice **out,
                             uint32_t *count, struct error *err)
{
    struct values_sink *sink = of(op);
    struct slice *texts = arena_new(arena, struct slice, sink->map.count + 1);
    bool ok = texts != NULL;

    for (uint32_t i = 0; ok && i < sink->map.count; i++) {
        texts[i] = arena_copy(arena, sink->values[i]);
        ok = texts[i].data != NULL || sink->values[i].len == 0;
    }
    *out = texts;
    *count = sink->map.count;
    return ok ? STATUS_OK : error_set(err, STATUS_TOO_LARGE, "values of a subquery are too large");
}
