/* query/operators/sort.c -- sort, first, last. With a limit each partition is a heap of the best
 * rows so far, worst on top, so that most rows are dropped after one comparison. */
#include "query/operators/forms.h"
#include "query/operators/group.h"
#include "query/operators/kept_rows.h"
#include "query/plan.h"

#include <stdlib.h>

/* Dropped rows stay in the pool until there are this many more than live ones, or so many bytes more
 * than the live ones took when they were last copied (long lines: a few rows are megabytes). */
enum { GARBAGE_ROWS = 4096, GARBAGE_SIZE = 2 << 20 };

struct partition {
    struct kept_row **rows; /* a heap while there is a limit */
    uint32_t count, capacity;
};

struct sort_operator {
    struct operator base;
    struct kept_rows rows;
    struct grouper grouper; /* of partitions */
    struct partition *partitions;
    uint32_t partition_capacity;
    field_id *keys;
    bool *descending;
    uint64_t limit; /* rows of a partition, UINT64_MAX: all */
    uint64_t live, dropped;
    size_t live_size; /* bytes of the pool after the last compaction */
};

static struct sort_operator *of(struct operator *op)
{
    return (struct sort_operator *)op;
}

static int compare_keys(const struct sort_operator *sort, const struct cell *a,
                        const struct cell *b)
{
    for (uint32_t i = 0; i < sort->rows.key_count; i++) {
        int order;

        if (a[i].kind == CELL_NULL || b[i].kind == CELL_NULL)
            order = (a[i].kind == CELL_NULL) - (b[i].kind == CELL_NULL); /* nulls last, always */
        else
            order = cell_compare(&a[i], &b[i]) * (sort->descending[i] ? -1 : 1);
        if (order != 0)
            return order;
    }
    return 0;
}

static int compare_rows(const struct sort_operator *sort, const struct kept_row *a,
                        const struct kept_row *b)
{
    int order = compare_keys(sort, a->keys, b->keys);

    return order != 0 ? order : (a->arrival > b->arrival) - (a->arrival < b->arrival);
}

static int compare_row_pointers(const void *a, const void *b, void *user)
{
    return compare_rows(user, *(struct kept_row *const *)a, *(struct kept_row *const *)b);
}

static void sift_up(const struct sort_operator *sort, struct partition *heap, uint32_t at)
{
    struct kept_row *row = heap->rows[at];

    while (at > 0 && compare_rows(sort, heap->rows[(at - 1) / 2], row) < 0) {
        heap->rows[at] = heap->rows[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->rows[at] = row;
}

static void sift_down(const struct sort_operator *sort, struct partition *heap)
{
    struct kept_row *row = heap->rows[0];
    uint32_t at = 0;

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= heap->count)
            break;
        if (child + 1 < heap->count &&
            compare_rows(sort, heap->rows[child], heap->rows[child + 1]) < 0)
            child++;
        if (compare_rows(sort, heap->rows[child], row) <= 0)
            break;
        heap->rows[at] = heap->rows[child];
        at = child;
    }
    heap->rows[at] = row;
}

static enum status compact(struct sort_operator *sort, struct error *err)
{
    struct kept_row **live = malloc((sort->live + 1) * sizeof(struct kept_row *));
    size_t count = 0;
    enum status status;

    if (live == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    for (uint32_t p = 0; p < sort->grouper.group_count; p++)
        for (uint32_t i = 0; i < sort->partitions[p].count; i++)
            live[count++] = sort->partitions[p].rows[i];
    status = kept_rows_compact(&sort->rows, live, count, err);
    count = 0;
    for (uint32_t p = 0; status == STATUS_OK && p < sort->grouper.group_count; p++)
        for (uint32_t i = 0; i < sort->partitions[p].count; i++)
            sort->partitions[p].rows[i] = live[count++];
    sort->dropped = 0;
    sort->live_size = sort->rows.pool.arena.used;
    free(live);
    return status;
}

static bool has_garbage(const struct sort_operator *sort)
{
    return sort->dropped > sort->live + GARBAGE_ROWS ||
           (sort->dropped > 0 && sort->rows.pool.arena.used > 2 * sort->live_size + GARBAGE_SIZE);
}

/* One row: into its partition if it is among the best. */
static enum status take_row(struct sort_operator *sort, const struct kept_columns *columns,
                            uint32_t row, const struct cell *keys, uint32_t partition,
                            struct error *err)
{
    struct partition *heap = &sort->partitions[partition];
    bool full = heap->count >= sort->limit;
    struct kept_row *kept;
    enum status status;

    if (full && compare_keys(sort, keys, heap->rows[0]->keys) >= 0)
        return STATUS_OK; /* a tie: the earlier row stays */
    status = kept_rows_add(&sort->rows, columns, row, keys, &kept, err);
    if (status == STATUS_OK)
        status = memory_grow(&sort->base.run->memory, (void **)&heap->rows, &heap->capacity,
                             heap->count + 1, sizeof(struct kept_row *), err);
    if (status != STATUS_OK)
        return status;
    if (full) {
        heap->rows[0] = kept;
        sift_down(sort, heap);
        sort->dropped++;
    } else {
        heap->rows[heap->count++] = kept;
        sort->live++;
        if (sort->limit != UINT64_MAX)
            sift_up(sort, heap, heap->count - 1);
    }
    return has_garbage(sort) ? compact(sort, err) : STATUS_OK;
}

static enum status push_sort(struct operator *op, struct view *view, struct error *err)
{
    struct sort_operator *sort = of(op);
    uint32_t key_count = sort->rows.key_count;
    struct column *keys = arena_new(view_arena(view), struct column, key_count + 1);
    struct cell *cells = arena_new(view_arena(view), struct cell, key_count + 1);
    struct kept_columns columns;
    struct grouped rows;
    enum status status = kept_columns_make(view, op->needed, &columns, err);

    if (status == STATUS_OK && (keys == NULL || cells == NULL))
        status = memory_exceeded(&op->run->memory, err);
    for (uint32_t i = 0; status == STATUS_OK && i < key_count; i++)
        status = view_column(view, sort->keys[i], false, &keys[i], err);
    if (status == STATUS_OK)
        status = grouper_assign(&sort->grouper, view, &rows, err);
    if (status == STATUS_OK)
        status = memory_grow(&op->run->memory, (void **)&sort->partitions,
                             &sort->partition_capacity, sort->grouper.group_count,
                             sizeof(*sort->partitions), err);
    for (uint32_t i = 0; status == STATUS_OK && i < rows.count; i++) {
        for (uint32_t k = 0; k < key_count; k++)
            cells[k] = cell_of(&keys[k], rows.rows[i]);
        status = take_row(sort, &columns, rows.rows[i], cells,
                          rows.groups == NULL ? rows.single : rows.groups[i], err);
    }
    return status;
}

static enum status finish_sort(struct operator *op, struct error *err)
{
    struct sort_operator *sort = of(op);
    uint64_t offset = op->pipe->offset;
    uint32_t *order;
    enum status status = grouper_sorted(&sort->grouper, &order, err);

    for (uint32_t i = 0; status == STATUS_OK && i < sort->grouper.group_count; i++) {
        struct partition *part = &sort->partitions[order[i]];

        qsort_r(part->rows, part->count, sizeof(struct kept_row *), compare_row_pointers, sort);
        if (offset < part->count)
            status = kept_rows_push(op->run, part->rows + offset, part->count - (size_t)offset,
                                    op->next, err);
    }
    if (status == STATUS_END)
        status = STATUS_OK;
    return status == STATUS_OK ? operator_finish(op->next, err) : status;
}

static void close_sort(struct operator *op)
{
    struct sort_operator *sort = of(op);

    for (uint32_t i = 0; i < sort->partition_capacity; i++)
        memory_free(&op->run->memory, (void **)&sort->partitions[i].rows,
                    &sort->partitions[i].capacity, sizeof(struct kept_row *));
    memory_free(&op->run->memory, (void **)&sort->partitions, &sort->partition_capacity,
                sizeof(*sort->partitions));
    grouper_release(&sort->grouper);
    kept_rows_release(&sort->rows);
    free(sort->keys);
    free(sort->descending);
    free(sort);
}

/* Rows of each partition that can be in the answer. `sort by (x) | limit n` needs no more than
 * `sort by (x) limit n`. */
static uint64_t choose_limit(const struct operator *base)
{
    const struct pipe *pipe = base->pipe;
    const struct query_tree *tree = base->plan->tree;
    uint64_t limit = pipe->count;
    bool in_tree = pipe >= tree->pipes && pipe < tree->pipes + tree->pipe_count;

    if (limit == 0 && in_tree && pipe + 1 < tree->pipes + tree->pipe_count &&
        pipe[1].kind == PIPE_LIMIT && pipe->others.count == 0)
        limit = pipe[1].count;
    if (limit == 0 || limit > UINT64_MAX - pipe->offset)
        return UINT64_MAX;
    return limit + pipe->offset;
}

static enum status make_sort(const struct operator *base, bool reverse, struct operator **out,
                             struct error *err)
{
    static const struct operator_ops ops = {
        .push = push_sort, .finish = finish_sort, .close = close_sort};
    const struct pipe *pipe = base->pipe;
    struct sort_operator *sort = operator_new(base, &ops, sizeof(*sort));
    enum status status;

    if (sort == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    kept_rows_init(&sort->rows, base->run, pipe->sort_key_count);
    sort->limit = choose_limit(base);
    sort->keys = calloc(pipe->sort_key_count + 1, sizeof(*sort->keys));
    sort->descending = calloc(pipe->sort_key_count + 1, sizeof(*sort->descending));
    status = sort->keys == NULL || sort->descending == NULL
                 ? error_set(err, STATUS_NO_MEMORY, "out of memory")
                 : grouper_init_names(&sort->grouper, base->run, &pipe->others, err);
    for (uint32_t i = 0; status == STATUS_OK && sort->keys != NULL && sort->descending != NULL &&
                         i < pipe->sort_key_count; i++) {
        sort->keys[i] = names_id(&base->run->names, pipe->sort_keys[i].field);
        sort->descending[i] = pipe->sort_keys[i].descending != reverse;
    }
    if (status != STATUS_OK)
        close_sort(&sort->base);
    else
        *out = &sort->base;
    return status;
}

enum status sort_make(const struct operator *base, struct operator **out, struct error *err)
{
    return make_sort(base, false, out, err);
}

/* `last` is `first` of the reversed order: the largest comes first. */
enum status first_last_make(const struct operator *base, struct operator **out,
                            struct error *err)
{
    return make_sort(base, base->pipe->kind == PIPE_LAST, out, err);
}
