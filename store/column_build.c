/* store/column_build.c -- columns from plain arrays. */
#include "store/column_build.h"

#include "store/chunk.h"
#include "store/value.h"

#include <stdio.h>

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "the columns of a block need too much memory");
}

enum status field_values_init(struct field_values *values, struct arena *arena, uint32_t row_count,
                              struct error *err)
{
    values->row_count = row_count;
    values->present = arena_new(arena, uint64_t, bit_words(row_count) + 1);
    values->texts = arena_new(arena, struct slice, (size_t)row_count + 1);
    values->types = arena_new(arena, uint8_t, (size_t)row_count + 1);
    values->units = arena_new(arena, uint8_t, (size_t)row_count + 1);
    return values->present == NULL || values->texts == NULL || values->types == NULL ||
                   values->units == NULL
               ? no_memory(err)
               : STATUS_OK;
}

/* The type that stands for all rows: the first numeric one, else that of the first row. */
static unsigned common_type(const struct field_values *values, bool *any)
{
    unsigned type = FIELD_TEXT;

    *any = false;
    for (uint32_t word = 0; word < bit_words(values->row_count); word++)
        for (uint64_t bits = values->present[word]; bits != 0; bits &= bits - 1) {
            uint8_t here = values->types[64 * word + (uint32_t)__builtin_ctzll(bits)];

            if (*any && !field_type_is_number(here))
                continue;
            *any = true;
            type = here;
            if (field_type_is_number(here))
                return type;
        }
    return type;
}

static const uint64_t *present_or_null(const uint64_t *present, uint32_t row_count)
{
    return bits_count(present, row_count) == row_count ? NULL : present;
}

static enum status numbers_of(struct arena *arena, const struct field_values *values,
                              unsigned type, struct column *out, struct error *err)
{
    uint32_t count = values->row_count;
    uint64_t *present = arena_new(arena, uint64_t, bit_words(count) + 1);
    int64_t *ints = arena_new(arena, int64_t, (size_t)count + 1);
    double *floats = arena_new(arena, double, (size_t)count + 1);
    bool fraction = type == FIELD_FLOAT;

    if (present == NULL || ints == NULL || floats == NULL)
        return no_memory(err);
    for (uint32_t row = 0; row < count; row++) {
        struct value value;

        if (!bit_get(values->present, row) ||
            !value_of_text(values->texts[row], values->types[row], values->units[row], &value))
            continue;
        bit_set(present, row);
        fraction = fraction || value.is_float;
        ints[row] = value.whole;
        floats[row] = value.fraction;
    }
    *out = (struct column){
        .kind = fraction ? COLUMN_FLOAT : COLUMN_INT,
        .type = (enum field_type)type,
        .present = present_or_null(present, count),
        .ints = fraction ? NULL : ints,
        .floats = fraction ? floats : NULL,
    };
    return STATUS_OK;
}

enum status column_of_values(struct arena *arena, const struct field_values *values, bool as_text,
                             struct column *out, struct error *err)
{
    bool any;
    unsigned type = common_type(values, &any);

    *out = (struct column){.kind = COLUMN_MISSING};
    if (!any)
        return STATUS_OK;
    if (!as_text && field_type_is_number(type))
        return numbers_of(arena, values, type, out, err);
    *out = (struct column){
        .kind = COLUMN_TEXT,
        .type = (enum field_type)type,
        .present = present_or_null(values->present, values->row_count),
        .texts = values->texts,
    };
    return STATUS_OK;
}

enum status column_of_sources(struct arena *arena, field_id field, const struct row_sources *rows,
                              struct column *out, struct error *err)
{
    struct slice *dict = arena_new(arena, struct slice, (size_t)rows->source_count + 1);

    if (dict == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < rows->source_count; i++)
        dict[i] = event_source_text(rows->sources[i], field);
    *out = (struct column){
        .kind = COLUMN_DICT,
        .type = FIELD_TEXT,
        .codes = rows->codes,
        .dict = dict,
        .dict_count = rows->source_count,
    };
    return STATUS_OK;
}

enum status column_of_constant(struct arena *arena, struct slice text, uint32_t row_count,
                               struct column *out, struct error *err)
{
    struct slice *dict = arena_new(arena, struct slice, 1);
    uint32_t *codes = arena_new(arena, uint32_t, (size_t)row_count + 1);

    if (dict == NULL || codes == NULL)
        return no_memory(err);
    dict[0] = text;
    *out = (struct column){
        .kind = COLUMN_DICT, .type = FIELD_TEXT, .codes = codes, .dict = dict, .dict_count = 1};
    return STATUS_OK;
}

enum status column_of_levels(struct arena *arena, const uint8_t *levels, uint32_t row_count,
                             struct column *out, struct error *err)
{
    struct slice *dict = arena_new(arena, struct slice, LEVEL_COUNT);
    uint32_t *codes = arena_new(arena, uint32_t, (size_t)row_count + 1);

    if (dict == NULL || codes == NULL)
        return no_memory(err);
    for (int level = 0; level < LEVEL_COUNT; level++)
        dict[level] = slice_of(level_name((enum level)level));
    for (uint32_t row = 0; row < row_count; row++)
        codes[row] = levels[row];
    *out = (struct column){.kind = COLUMN_DICT,
                           .type = FIELD_LEVEL,
                           .codes = codes,
                           .dict = dict,
                           .dict_count = LEVEL_COUNT};
    return STATUS_OK;
}

/* False when the series has no such label. */
static bool series_part(struct slice encoded, struct slice wanted, struct slice *out)
{
    struct label label;
    uint32_t count;

    if (!series_take(&encoded, out, &count))
        return false;
    if (wanted.len == 0)
        return true;
    for (uint32_t i = 0; i < count && label_take(&encoded, &label); i++)
        if (slice_equal(label.name, wanted)) {
            *out = label.value;
            return true;
        }
    return false;
}

/* The values of a label, each once. `of_series`: which of them a series has. */
static bool label_values(const struct row_series *rows, struct slice label, struct map *values,
                         struct slice *dict, uint32_t *of_series)
{
    for (uint32_t i = 0; i < rows->series_count; i++) {
        struct slice value;

        of_series[i] = COLUMN_NO_CODE;
        if (!series_part(rows->series[i], label, &value))
            continue;
        of_series[i] = map_get(values, value);
        if (of_series[i] != MAP_NONE)
            continue;
        of_series[i] = values->count;
        dict[values->count] = value;
        if (!map_put(values, value, values->count))
            return false;
    }
    return true;
}

enum status column_of_series(struct arena *arena, struct slice label, const struct row_series *rows,
                             struct column *out, struct error *err)
{
    struct slice *dict = arena_new(arena, struct slice, (size_t)rows->series_count + 1);
    uint32_t *codes = arena_new(arena, uint32_t, (size_t)rows->row_count + 1);
    uint32_t *of_series = arena_new(arena, uint32_t, (size_t)rows->series_count + 1);
    struct map values = map_empty(rows->series_count);
    bool fine = dict != NULL && codes != NULL && of_series != NULL &&
                label_values(rows, label, &values, dict, of_series);

    *out = (struct column){.kind = values.count == 0 ? COLUMN_MISSING : COLUMN_DICT,
                           .type = FIELD_TEXT,
                           .codes = codes,
                           .dict = dict,
                           .dict_count = values.count};
    map_release(&values);
    if (!fine)
        return no_memory(err);
    for (uint32_t row = 0; row < rows->row_count; row++)
        codes[row] = of_series[rows->codes[row]];
    return STATUS_OK;
}

enum status column_of_numbers_text(struct arena *arena, const struct column *numbers,
                                   uint32_t row_count, struct column *out, struct error *err)
{
    struct slice *texts = arena_new(arena, struct slice, (size_t)row_count + 1);

    if (texts == NULL)
        return no_memory(err);
    for (uint32_t row = 0; row < row_count; row++) {
        char text[40];
        int len;

        if (numbers->present != NULL && !bit_get(numbers->present, row))
            continue;
        len = numbers->kind == COLUMN_INT
                  ? snprintf(text, sizeof(text), "%lld", (long long)numbers->ints[row])
                  : snprintf(text, sizeof(text), "%.17g", numbers->floats[row]);
        texts[row] = arena_copy(arena, slice_make(text, (size_t)len));
        if (texts[row].data == NULL)
            return no_memory(err);
    }
    *out = (struct column){.kind = COLUMN_TEXT,
                           .type = numbers->type,
                           .present = numbers->present,
                           .texts = texts};
    return STATUS_OK;
}

enum status distinct_numbers(struct arena *arena, const uint32_t *numbers, uint32_t row_count,
                             struct distinct_numbers *out, struct error *err)
{
    struct map seen = map_empty(row_count + 1);
    uint32_t last = 0;
    bool fine;

    out->codes = arena_new(arena, uint32_t, (size_t)row_count + 1);
    out->numbers = arena_new(arena, uint32_t, (size_t)row_count + 1);
    fine = out->codes != NULL && out->numbers != NULL;
    for (uint32_t row = 0; row < row_count && fine; row++) {
        struct slice key = slice_make(&numbers[row], sizeof(numbers[row]));

        if (row > 0 && numbers[row] == numbers[row - 1]) {
            out->codes[row] = last; /* rows of one source mostly stand together */
            continue;
        }
        last = map_get(&seen, key);
        if (last == MAP_NONE) {
            last = seen.count;
            out->numbers[last] = numbers[row];
            fine = map_put(&seen, key, last);
        }
        out->codes[row] = last;
    }
    out->count = seen.count;
    map_release(&seen);
    return fine ? STATUS_OK : no_memory(err);
}
