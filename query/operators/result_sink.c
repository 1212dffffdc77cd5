/* query/operators/result_sink.c -- views to chunks: cut into pieces, only selected rows, columns
 * that are whole go out as they are. */
#include "query/operators/result_sink.h"

#include "query/limits.h"

#include <stdlib.h>

struct result_sink {
    struct operator base;
    struct field_set columns; /* as the plan knows them */
    bool head_sent;
    struct arena arena;       /* of one chunk */
};

static struct result_sink *of(struct operator *op)
{
    return (struct result_sink *)op;
}

/* The receiver's answer: OK, or END for enough, or a reason to stop. */
static enum status answer(enum status status, struct error *err)
{
    if (status == STATUS_OK || status == STATUS_END)
        return status;
    return error_set(err, STATUS_CANCELLED, "the receiver of the answer is gone");
}

/* ---- head ---- */

/* Types from the first view, where it has the column. */
static enum status head_columns(struct result_sink *sink, struct view *view,
                                const struct field_set *fields, struct result_head_column *out,
                                struct error *err)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < fields->count; i++) {
        struct column column = {.kind = COLUMN_MISSING};

        out[i].name = names_text(&sink->base.run->names, fields->fields[i]);
        if (view != NULL && fields->fields[i] != FIELD_ID_MSG)
            status = view_column(view, fields->fields[i], false, &column, err);
        out[i].type = column.kind != COLUMN_MISSING ? column_type(&column)
                      : fields->fields[i] == FIELD_ID_TIME ? VALUE_TIME : VALUE_TEXT;
    }
    return status;
}

static enum status send_head(struct result_sink *sink, struct view *view, struct error *err)
{
    struct run *run = sink->base.run;
    const struct plan *plan = sink->base.plan;
    struct field_set fields = sink->columns;
    struct result_head_column *columns;
    struct query_head head;
    enum status status = STATUS_OK;

    sink->head_sent = true;
    if (fields.all && view != NULL) { /* all that the first rows have, then what was named */
        const field_id *seen;
        uint32_t count;

        fields = (struct field_set){.all = true};
        status = view_fields(view, &seen, &count, err);
        for (uint32_t i = 0; status == STATUS_OK && i < count; i++)
            if (!field_set_add(&fields, &run->arena, seen[i]))
                status = error_set(err, STATUS_NO_MEMORY, "out of memory");
    }
    columns = calloc(fields.count + (size_t)1, sizeof(*columns));
    if (columns == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    if (status == STATUS_OK)
        status = head_columns(sink, view, &fields, columns, err);
    head = (struct query_head){.start_ns = plan->resolved.min_ns,
                               .end_ns = plan->resolved.max_ns,
                               .column_count = fields.count,
                               .columns = columns,
                               .open = fields.all};
    if (status == STATUS_OK && run->receiver->head != NULL)
        status = answer(run->receiver->head(run->receiver->user, &head), err);
    free(columns);
    return status;
}

/* ---- chunks ---- */

static bool gather_present(struct arena *arena, const struct column *from, const uint32_t *rows,
                           uint32_t count, const uint64_t **out)
{
    uint64_t *present;

    *out = NULL;
    if (from->present == NULL)
        return true;
    present = arena_new(arena, uint64_t, bit_words(count));
    *out = present;
    for (uint32_t i = 0; present != NULL && i < count; i++)
        if (bit_get(from->present, rows[i]))
            bit_set(present, i);
    return present != NULL;
}

/* Only the values of dictionary codes that occur go out. */
static bool gather_dict(struct arena *arena, const struct column *from, const uint32_t *rows,
                        uint32_t count, struct result_column *out)
{
    uint32_t *map = arena_new(arena, uint32_t, (size_t)from->dict_count + 1); /* new code + 1 */
    uint32_t *codes = arena_new(arena, uint32_t, count);
    struct slice *dict = arena_new(arena, struct slice,
                                   from->dict_count < count ? from->dict_count + 1 : count);

    if (map == NULL || codes == NULL || dict == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t code = from->codes[rows[i]];

        if (code == COLUMN_NO_CODE) {
            codes[i] = RESULT_NO_CODE;
            continue;
        }
        if (map[code] == 0) {
            dict[out->dict_count] = from->dict[code];
            map[code] = ++out->dict_count;
        }
        codes[i] = map[code] - 1;
    }
    out->kind = RESULT_DICT;
    out->codes = codes;
    out->dict = dict;
    return true;
}

static bool gather_values(struct arena *arena, const struct column *from, const uint32_t *rows,
                          uint32_t count, struct result_column *out)
{
    int64_t *ints = from->kind == COLUMN_INT ? arena_new(arena, int64_t, count) : NULL;
    double *floats = from->kind == COLUMN_FLOAT ? arena_new(arena, double, count) : NULL;
    struct slice *texts = from->kind == COLUMN_TEXT ? arena_new(arena, struct slice, count) : NULL;

    if (ints == NULL && floats == NULL && texts == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (ints != NULL)
            ints[i] = from->ints[rows[i]];
        else if (floats != NULL)
            floats[i] = from->floats[rows[i]];
        else
            texts[i] = from->texts[rows[i]];
    }
    out->kind = ints != NULL ? RESULT_INT : floats != NULL ? RESULT_FLOAT : RESULT_TEXT;
    out->ints = ints;
    out->floats = floats;
    out->texts = texts;
    return gather_present(arena, from, rows, count, &out->present);
}

/* False: no row has a value, the column is left out. */
static bool any_value(const struct column *from, const uint32_t *rows, uint32_t count)
{
    if (from->kind == COLUMN_MISSING)
        return false;
    for (uint32_t i = 0; i < count; i++)
        if (from->kind == COLUMN_DICT ? from->codes[rows[i]] != COLUMN_NO_CODE
                                      : from->present == NULL || bit_get(from->present, rows[i]))
            return true;
    return false;
}

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "a chunk of the answer needs too much memory");
}

static enum status make_columns(struct result_sink *sink, struct view *view, const uint32_t *rows,
                                struct result_chunk *chunk, struct error *err)
{
    struct result_column *columns;
    const field_id *fields;
    uint32_t count;
    enum status status = view_fields(view, &fields, &count, err);

    if (status != STATUS_OK)
        return status;
    columns = arena_new(&sink->arena, struct result_column, count + 1);
    if (columns == NULL)
        return no_memory(err);
    chunk->columns = columns;
    for (uint32_t i = 0; i < count; i++) {
        struct result_column *out = &columns[chunk->column_count];
        struct column column;
        bool ok;

        status = view_column(view, fields[i], false, &column, err);
        if (status != STATUS_OK)
            return status;
        if (!any_value(&column, rows, chunk->row_count))
            continue;
        out->name = names_text(&sink->base.run->names, fields[i]);
        out->type = column_type(&column);
        ok = column.kind == COLUMN_DICT
                 ? gather_dict(&sink->arena, &column, rows, chunk->row_count, out)
                 : gather_values(&sink->arena, &column, rows, chunk->row_count, out);
        if (!ok)
            return no_memory(err);
        chunk->column_count++;
    }
    return STATUS_OK;
}

/* Where the rows stand in their sources, as far as they still are rows of the store. */
static enum status make_places(struct result_sink *sink, struct view *view, const uint32_t *rows,
                               struct result_chunk *chunk, struct error *err)
{
    struct block *block = view_block(view);
    uint32_t *sources = arena_new(&sink->arena, uint32_t, chunk->row_count);
    uint64_t *offsets = arena_new(&sink->arena, uint64_t, chunk->row_count);
    uint64_t *sequences = arena_new(&sink->arena, uint64_t, chunk->row_count);
    uint8_t *flags = arena_new(&sink->arena, uint8_t, chunk->row_count);
    const uint32_t *all_sources;
    bool with_offsets = !sink->base.run->options->no_offsets;

    if (block->arrays[BLOCK_OFFSETS] == NULL && view->source == NULL)
        return STATUS_OK;
    if (sources == NULL || offsets == NULL || sequences == NULL || flags == NULL)
        return no_memory(err);
    all_sources = block_source_numbers(block, err);
    if (all_sources == NULL || (with_offsets && block_offsets(block, err) == NULL) ||
        block_sequences(block, err) == NULL || block_flags(block, err) == NULL)
        return err->status;
    for (uint32_t i = 0; i < chunk->row_count; i++) {
        sources[i] = all_sources[rows[i]];
        offsets[i] = with_offsets ? block_offsets(block, err)[rows[i]] : 0;
        sequences[i] = block_sequences(block, err)[rows[i]];
        flags[i] = block_flags(block, err)[rows[i]];
    }
    chunk->sources = sources;
    chunk->offsets = offsets;
    chunk->sequences = sequences;
    chunk->flags = flags;
    return STATUS_OK;
}

static enum status send_chunk(struct result_sink *sink, struct view *view, const uint32_t *rows,
                              uint32_t count, struct error *err)
{
    struct run *run = sink->base.run;
    struct result_chunk chunk = {.row_count = count};
    enum status status;

    arena_reset(&sink->arena);
    status = make_columns(sink, view, rows, &chunk, err);
    if (status == STATUS_OK && run->options->positions)
        status = make_places(sink, view, rows, &chunk, err);
    if (status != STATUS_OK)
        return status;
    run->rows_sent += count;
    if (run->receiver->chunk == NULL)
        return STATUS_OK;
    return answer(run->receiver->chunk(run->receiver->user, &chunk), err);
}

/* The answer is cut only if there was one more row than the limit. */
static enum status push_result(struct operator *op, struct view *view, struct error *err)
{
    struct run *run = op->run;
    uint64_t limit = run->options->limit == 0 ? UINT64_MAX : run->options->limit;
    uint32_t count = view_selected_count(view), at = 0;
    const uint32_t *rows;
    enum status status = STATUS_OK;

    if (run->rows_sent >= limit) {
        run->limited = true;
        return STATUS_END;
    }
    if (count > limit - run->rows_sent) {
        run->limited = true;
        count = (uint32_t)(limit - run->rows_sent);
    }
    if (!of(op)->head_sent)
        status = send_head(of(op), view, err);
    if (status == STATUS_OK)
        status = view_rows(view, &rows, err);
    while (status == STATUS_OK && at < count) {
        uint32_t part = count - at < (uint32_t)RESULT_CHUNK_ROWS_MAX ? count - at
                                                                     : RESULT_CHUNK_ROWS_MAX;

        status = send_chunk(of(op), view, rows + at, part, err);
        at += part;
    }
    return status == STATUS_OK && run->limited ? STATUS_END : status;
}

static void close_result(struct operator *op)
{
    arena_release(&of(op)->arena);
    free(op);
}

enum status result_sink_new(const struct plan *plan, struct operator **out, struct error *err)
{
    static const struct operator_ops ops = {.push = push_result, .close = close_result};
    struct operator base = {.run = plan->run, .plan = plan};
    struct result_sink *sink = operator_new(&base, &ops, sizeof(*sink));

    if (sink == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    sink->arena = arena_empty(plan->run->memory.size_max * 2);
    if (plan_columns(plan, &sink->columns) != STATUS_OK) {
        close_result(&sink->base);
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    }
    *out = &sink->base;
    return STATUS_OK;
}

enum status result_sink_finish(struct operator *sink, struct error *err)
{
    enum status status = of(sink)->head_sent ? STATUS_OK : send_head(of(sink), NULL, err);

    return status == STATUS_END ? STATUS_OK : status;
}

bool result_sink_has_head(const struct operator *sink)
{
    return ((const struct result_sink *)sink)->head_sent;
}
