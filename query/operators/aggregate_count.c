/* query/operators/aggregate_count.c -- functions that count: count, count_empty, count_uniq, rate,
 * sum_len. */
#include "query/operators/aggregate.h"

#include "base/hash.h"
#include "query/hll.h"

static uint64_t *counter(const struct aggregate *aggregate, const struct grouped *rows, uint32_t i)
{
    return aggregate_state(aggregate, grouped_group(rows, i));
}

static void count_rows(struct aggregate *aggregate, const struct grouped *rows)
{
    uint64_t *counts = (uint64_t *)(void *)aggregate->states;

    if (rows->groups == NULL) {
        counts[rows->single] += rows->count;
        return;
    }
    for (uint32_t i = 0; i < rows->count; i++)
        counts[rows->groups[i]]++;
}

/* Is any of the fields there, and not empty, by index of row. */
static enum status any_present(struct aggregate *aggregate, struct view *view,
                               const struct grouped *rows, bool **out, struct error *err)
{
    bool *any = arena_new(view_arena(view), bool, rows->count + 1);

    if (any == NULL)
        return memory_exceeded(&aggregate->run->memory, err);
    for (uint32_t at = 0; at < aggregate->call->fields.count; at++) {
        struct column column;
        enum status status = view_column(view, aggregate->fields[at], false, &column, err);

        if (status != STATUS_OK)
            return status;
        for (uint32_t i = 0; column.kind != COLUMN_MISSING && i < rows->count; i++) {
            struct cell cell = cell_of(&column, rows->rows[i]);

            any[i] |= cell.kind != CELL_NULL && (cell.kind != CELL_TEXT || cell.text.len > 0);
        }
    }
    *out = any;
    return STATUS_OK;
}

static enum status count_if(struct aggregate *aggregate, struct view *view,
                            const struct grouped *rows, bool wanted, struct error *err)
{
    bool *any = NULL;
    enum status status = any_present(aggregate, view, rows, &any, err);

    for (uint32_t i = 0; status == STATUS_OK && any != NULL && i < rows->count; i++)
        *counter(aggregate, rows, i) += any[i] == wanted;
    return status;
}

static enum status update_count(struct aggregate *aggregate, struct view *view,
                                const struct grouped *rows, struct error *err)
{
    if (aggregate->call->fields.count > 0)
        return count_if(aggregate, view, rows, true, err);
    count_rows(aggregate, rows);
    return STATUS_OK;
}

static enum status update_count_empty(struct aggregate *aggregate, struct view *view,
                                      const struct grouped *rows, struct error *err)
{
    return count_if(aggregate, view, rows, false, err);
}

static enum status merge_count(struct aggregate *aggregate, void *to, const void *from,
                               struct error *err)
{
    (void)aggregate;
    (void)err;
    *(uint64_t *)to += *(const uint64_t *)from;
    return STATUS_OK;
}

enum status count_item(struct aggregate *aggregate, void *state, const struct rollup_item *item,
                       struct error *err)
{
    (void)aggregate;
    (void)err;
    *(uint64_t *)state += item->rows;
    return STATUS_OK;
}

static enum status result_count(struct aggregate *aggregate, const void *state, struct cell *out,
                                struct error *err)
{
    (void)aggregate;
    (void)err;
    *out = cell_int((int64_t)*(const uint64_t *)state, VALUE_INT);
    return STATUS_OK;
}

static enum status result_rate(struct aggregate *aggregate, const void *state, struct cell *out,
                               struct error *err)
{
    (void)err;
    *out = cell_float((double)*(const uint64_t *)state / aggregate->seconds, VALUE_FLOAT);
    return STATUS_OK;
}

/* ---- sum_len ---- */

static enum status update_sum_len(struct aggregate *aggregate, struct view *view,
                                  const struct grouped *rows, struct error *err)
{
    struct column column;
    enum status status = view_column(view, aggregate->fields[0], true, &column, err);

    for (uint32_t i = 0; status == STATUS_OK && i < rows->count; i++) {
        struct cell cell = cell_of(&column, rows->rows[i]);

        if (cell.kind == CELL_TEXT)
            *counter(aggregate, rows, i) += cell.text.len;
    }
    return status;
}

static enum status result_sum_len(struct aggregate *aggregate, const void *state,
                                  struct cell *out, struct error *err)
{
    (void)aggregate;
    (void)err;
    *out = cell_int((int64_t)*(const uint64_t *)state, VALUE_BYTES);
    return STATUS_OK;
}

/* ---- count_uniq ---- */

/* Of the fields of a row, by index of the selected row. */
struct row_hashes {
    uint64_t *hashes;
    bool *any; /* has the row one of the fields? */
};

/* Hashes of one column, chained with those so far; each dictionary value once. */
static enum status hash_column(struct aggregate *aggregate, struct view *view,
                               const struct grouped *rows, field_id field,
                               const struct row_hashes *out, struct error *err)
{
    struct column column;
    enum status status = view_column(view, field, true, &column, err);
    uint64_t *by_code = NULL;

    if (status != STATUS_OK)
        return status;
    if (column.kind == COLUMN_DICT && column.dict_count / 4 <= rows->count) {
        by_code = arena_new(view_arena(view), uint64_t, (size_t)column.dict_count + 1);
        if (by_code == NULL)
            return memory_exceeded(&aggregate->run->memory, err);
        for (uint32_t code = 0; code < column.dict_count; code++)
            by_code[code] = hash64(column.dict[code].data, column.dict[code].len);
    }
    for (uint32_t i = 0; i < rows->count; i++) {
        struct cell cell = cell_of(&column, rows->rows[i]);
        uint64_t hash = 0;

        if (cell.kind == CELL_TEXT && cell.text.len > 0) {
            hash = by_code != NULL ? by_code[column.codes[rows->rows[i]]]
                                   : hash64(cell.text.data, cell.text.len);
            out->any[i] = true;
        }
        if (aggregate->call->fields.count == 1)
            out->hashes[i] = hash;
        else
            out->hashes[i] = hash64_seed(&hash, sizeof(hash), out->hashes[i]);
    }
    return STATUS_OK;
}

static enum status update_count_uniq(struct aggregate *aggregate, struct view *view,
                                     const struct grouped *rows, struct error *err)
{
    struct row_hashes hashed = {.hashes = arena_new(view_arena(view), uint64_t, rows->count + 1),
                                .any = arena_new(view_arena(view), bool, rows->count + 1)};
    enum status status = STATUS_OK;

    if (hashed.hashes == NULL || hashed.any == NULL)
        return memory_exceeded(&aggregate->run->memory, err);
    for (uint32_t at = 0; status == STATUS_OK && at < aggregate->call->fields.count; at++)
        status = hash_column(aggregate, view, rows, aggregate->fields[at], &hashed, err);
    for (uint32_t i = 0; status == STATUS_OK && i < rows->count; i++)
        if (hashed.any[i])
            status = uniq_add(aggregate_state(aggregate, grouped_group(rows, i)), hashed.hashes[i],
                              &aggregate->run->memory, err);
    return status;
}

static enum status merge_count_uniq(struct aggregate *aggregate, void *to, const void *from,
                                    struct error *err)
{
    return uniq_merge(to, from, &aggregate->run->memory, err);
}

static enum status result_count_uniq(struct aggregate *aggregate, const void *state,
                                     struct cell *out, struct error *err)
{
    (void)err;
    aggregate->estimates += !uniq_is_exact(state);
    *out = cell_int((int64_t)uniq_count(state), VALUE_INT);
    return STATUS_OK;
}

static void release_count_uniq(struct aggregate *aggregate, void *state)
{
    uniq_release(state, &aggregate->run->memory);
}

const struct aggregate_form aggregate_counts[STATS_KIND_COUNT] = {
    [STATS_COUNT] = {sizeof(uint64_t), update_count, merge_count, result_count, NULL},
    [STATS_COUNT_EMPTY] = {sizeof(uint64_t), update_count_empty, merge_count, result_count, NULL},
    [STATS_RATE] = {sizeof(uint64_t), update_count, merge_count, result_rate, NULL},
    [STATS_SUM_LEN] = {sizeof(uint64_t), update_sum_len, merge_count, result_sum_len, NULL},
    [STATS_COUNT_UNIQ] = {sizeof(struct uniq_counter), update_count_uniq, merge_count_uniq,
                          result_count_uniq, release_count_uniq},
};
