/* query/api/pick.c -- gather rows, column by column. */
#include "query/api/pick.h"

#include <stdalign.h>

/* values[i] = in[rows[i]], `size` bytes each; NULL stays NULL. */
static const void *gather(const void *in, size_t size, size_t align, const uint32_t *rows,
                          uint32_t count, struct arena *arena)
{
    char *out;

    if (in == NULL)
        return NULL;
    out = arena_alloc(arena, size, align, count);
    for (uint32_t i = 0; i < count && out != NULL; i++)
        memcpy(out + i * size, (const char *)in + rows[i] * size, size);
    return out;
}

#define GATHER(in, rows, count, arena)                                                             \
    gather((in), sizeof(*(in)), alignof(max_align_t), (rows), (count), (arena))

static const uint64_t *gather_bits(const uint64_t *in, const uint32_t *rows, uint32_t count,
                                   struct arena *arena)
{
    uint64_t *out;

    if (in == NULL)
        return NULL;
    out = arena_new(arena, uint64_t, (count + 63) / 64);
    for (uint32_t i = 0; i < count && out != NULL; i++)
        out[i >> 6] |= (in[rows[i] >> 6] >> (rows[i] & 63) & 1) << (i & 63);
    return out;
}

static bool has_value(const struct result_column *column, const uint32_t *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!result_is_null(column, rows[i]))
            return true;
    return false;
}

/* A dictionary becomes plain text: a few rows need not carry it. */
static const struct slice *gather_texts(const struct result_column *column, const uint32_t *rows,
                                        uint32_t count, bool copy, struct arena *arena)
{
    struct slice *out = arena_new(arena, struct slice, count);

    for (uint32_t i = 0; i < count && out != NULL; i++) {
        if (result_is_null(column, rows[i]))
            continue;
        out[i] = column->kind == RESULT_DICT ? column->dict[column->codes[rows[i]]]
                                             : column->texts[rows[i]];
        if (copy)
            out[i] = arena_copy(arena, out[i]);
    }
    return out;
}

static const uint64_t *present_bits(const struct result_column *column, const uint32_t *rows,
                                    uint32_t count, struct arena *arena)
{
    uint64_t *out = arena_new(arena, uint64_t, (count + 63) / 64);

    for (uint32_t i = 0; i < count && out != NULL; i++)
        if (!result_is_null(column, rows[i]))
            out[i >> 6] |= UINT64_C(1) << (i & 63);
    return out;
}

static void pick_column(const struct result_column *in, const uint32_t *rows, uint32_t count,
                        bool copy, struct arena *arena, struct result_column *out)
{
    *out = (struct result_column){.name = in->name, .type = in->type, .kind = in->kind};
    if (copy)
        out->name = arena_copy(arena, in->name);
    if (in->kind == RESULT_TEXT || in->kind == RESULT_DICT) {
        out->kind = RESULT_TEXT;
        out->texts = gather_texts(in, rows, count, copy, arena);
        out->present = present_bits(in, rows, count, arena);
        return;
    }
    out->present = gather_bits(in->present, rows, count, arena);
    if (in->kind == RESULT_INT)
        out->ints = GATHER(in->ints, rows, count, arena);
    else
        out->floats = GATHER(in->floats, rows, count, arena);
}

static bool pick(const struct result_chunk *chunk, const uint32_t *rows, uint32_t count, bool copy,
                 struct arena *arena, struct result_chunk *out)
{
    struct result_column *columns = arena_new(arena, struct result_column, chunk->column_count + 1);

    *out = (struct result_chunk){.row_count = count, .columns = columns};
    if (columns == NULL)
        return false;
    for (uint32_t i = 0; i < chunk->column_count; i++)
        if (has_value(&chunk->columns[i], rows, count))
            pick_column(&chunk->columns[i], rows, count, copy, arena,
                        &columns[out->column_count++]);
    out->sources = GATHER(chunk->sources, rows, count, arena);
    out->offsets = GATHER(chunk->offsets, rows, count, arena);
    out->sequences = GATHER(chunk->sequences, rows, count, arena);
    out->flags = GATHER(chunk->flags, rows, count, arena);
    return !arena->failed;
}

bool result_pick(const struct result_chunk *chunk, const uint32_t *rows, uint32_t count,
                 struct arena *arena, struct result_chunk *out)
{
    return pick(chunk, rows, count, false, arena, out);
}

bool result_pick_copy(const struct result_chunk *chunk, const uint32_t *rows, uint32_t count,
                      struct arena *arena, struct result_chunk *out)
{
    return pick(chunk, rows, count, true, arena, out);
}

bool result_add_true(struct result_chunk *chunk, const char *name, uint32_t row,
                     struct arena *arena)
{
    static const struct slice yes[] = {{"true", 4}};
    uint32_t *codes = arena_new(arena, uint32_t, chunk->row_count);
    struct result_column *columns = arena_new(arena, struct result_column, chunk->column_count + 1);

    if (columns == NULL || codes == NULL)
        return false;
    if (chunk->column_count > 0)
        memcpy(columns, chunk->columns, chunk->column_count * sizeof(*columns));
    for (uint32_t i = 0; i < chunk->row_count; i++)
        codes[i] = row == RESULT_ALL_ROWS || row == i ? 0 : RESULT_NO_CODE;
    columns[chunk->column_count++] = (struct result_column){.name = slice_of(name),
                                                            .type = VALUE_JSON,
                                                            .kind = RESULT_DICT,
                                                            .codes = codes,
                                                            .dict = yes,
                                                            .dict_count = 1};
    chunk->columns = columns;
    return true;
}
