/* query/operators/merge.c -- a heap of open blocks; what comes out of it is gathered column by
 * column into views. A line is rendered only when it goes out. */
#include "query/operators/merge.h"

#include "base/map.h"

#include <stdlib.h>

/* The first view is small, so that first rows show at once and a small limit renders little; each
 * is twice as large as the one before. */
enum { BATCH_ROWS_MIN = 128 };

/* Blocks that overlap in time are open together, and their columns are the store's memory, not the
 * query's: they may be this many times as large as the memory of a query. */
enum { BLOCKS_FACTOR = 2 };

struct open_block {
    struct block *block;
    const int64_t *times;
    const uint32_t *sources;
    const uint64_t *sequences;
    uint32_t *rows; /* the selected ones, in the order of the answer */
    uint32_t count, at;
    size_t counted;    /* bytes that the run's memory knows of */
    size_t block_size; /* of the block when it was last looked at */
    bool used;      /* rows of it are in the batch */
    bool narrowed;  /* the block knows which rows are wanted */
};

struct picked_row {
    struct open_block *from;
    uint32_t row;
};

struct merger {
    struct run *run;
    const struct field_set *fields;
    bool newest_first, no_offsets;
    int64_t first_ns, last_ns; /* order times of rows that go out */
    int64_t cut_ns; /* all rows before it (newest first: behind it) were picked, no others */
    uint64_t picked; /* rows */
    bool overflowed; /* a block was not taken: too much is open */
    struct operator *next;
    struct open_block **heap; /* the next row's block on top */
    uint32_t heap_count, heap_capacity;
    struct open_block **done; /* empty, but rows of them are in the batch */
    uint32_t done_count, done_capacity;
    struct picked_row batch[RESULT_CHUNK_ROWS_MAX];
    uint32_t batch_count, batch_max;
    size_t blocks_size; /* of all open blocks */
    int64_t *best;      /* keys of the `wanted` rows that come first so far: a heap, the last on top */
    uint32_t best_count, wanted; /* wanted 0: all */
    struct view view;
    struct buf line;
    struct map values; /* of the dictionary being made */
};

enum status merger_new(struct run *run, const struct field_set *fields, bool newest_first,
                       struct operator *next, struct merger **out, struct error *err)
{
    struct merger *merger = calloc(1, sizeof(*merger));

    if (merger == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    merger->run = run;
    merger->fields = fields;
    merger->newest_first = newest_first;
    merger->next = next;
    merger->batch_max = BATCH_ROWS_MIN;
    merger_bound(merger, INT64_MIN, INT64_MAX);
    if (run->options->limit > 0 && run->options->limit < BATCH_ROWS_MIN)
        merger->batch_max = (uint32_t)run->options->limit + 1; /* one more tells of the cut */
    merger->line = buf_empty(run->memory.size_max);
    merger->values = map_empty(2 * RESULT_CHUNK_ROWS_MAX);
    view_init(&merger->view, run->memory.size_max);
    *out = merger;
    return STATUS_OK;
}

static void open_block_free(struct merger *merger, struct open_block *open)
{
    memory_give(&merger->run->memory, open->counted);
    merger->blocks_size -= open->block_size;
    block_release(open->block);
    free(open->rows);
    free(open);
}

void merger_free(struct merger *merger)
{
    if (merger == NULL)
        return;
    for (uint32_t i = 0; i < merger->heap_count; i++)
        open_block_free(merger, merger->heap[i]);
    for (uint32_t i = 0; i < merger->done_count; i++)
        open_block_free(merger, merger->done[i]);
    memory_free(&merger->run->memory, (void **)&merger->heap, &merger->heap_capacity,
                sizeof(struct open_block *));
    memory_give(&merger->run->memory, merger->wanted * sizeof(*merger->best));
    free(merger->best);
    memory_free(&merger->run->memory, (void **)&merger->done, &merger->done_capacity,
                sizeof(struct open_block *));
    view_release(&merger->view);
    buf_release(&merger->line);
    map_release(&merger->values);
    free(merger);
}

/* ---- order ---- */

static int compare_places(const struct open_block *a, uint32_t row_a, const struct open_block *b,
                          uint32_t row_b)
{
    if (a->times[row_a] != b->times[row_b])
        return a->times[row_a] < b->times[row_b] ? -1 : 1;
    if (a->sources[row_a] != b->sources[row_b])
        return a->sources[row_a] < b->sources[row_b] ? -1 : 1;
    if (a->sequences[row_a] != b->sequences[row_b])
        return a->sequences[row_a] < b->sequences[row_b] ? -1 : 1;
    return (row_a > row_b) - (row_a < row_b);
}

static int compare_rows(const void *a, const void *b, void *user)
{
    const struct open_block *open = user;

    return compare_places(open, *(const uint32_t *)a, open, *(const uint32_t *)b);
}

static bool comes_first(const struct merger *merger, const struct open_block *a,
                        const struct open_block *b)
{
    int order = compare_places(a, a->rows[a->at], b, b->rows[b->at]);

    return merger->newest_first ? order > 0 : order < 0;
}

static void sift_down(struct merger *merger, uint32_t at)
{
    struct open_block *open = merger->heap[at];

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= merger->heap_count)
            break;
        if (child + 1 < merger->heap_count &&
            comes_first(merger, merger->heap[child + 1], merger->heap[child]))
            child++;
        if (!comes_first(merger, merger->heap[child], open))
            break;
        merger->heap[at] = merger->heap[child];
        at = child;
    }
    merger->heap[at] = open;
}

static void sift_up(struct merger *merger, uint32_t at)
{
    struct open_block *open = merger->heap[at];

    while (at > 0 && comes_first(merger, open, merger->heap[(at - 1) / 2])) {
        merger->heap[at] = merger->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    merger->heap[at] = open;
}

/* ---- the rows that are wanted ---- */

enum status merger_want(struct merger *merger, uint64_t rows, struct error *err)
{
    enum status status;

    if (rows == 0 || rows > MERGER_WANTED_MAX)
        return STATUS_OK;
    status = memory_take(&merger->run->memory, rows * sizeof(*merger->best), err);
    if (status != STATUS_OK)
        return status;
    merger->wanted = (uint32_t)rows;
    if (rows < BATCH_ROWS_MIN)
        merger->batch_max = (uint32_t)rows;
    merger->best = malloc(rows * sizeof(*merger->best));
    return merger->best == NULL ? error_set(err, STATUS_NO_MEMORY, "out of memory") : STATUS_OK;
}

void merger_without_offsets(struct merger *merger)
{
    merger->no_offsets = true;
}

void merger_bound(struct merger *merger, int64_t first_ns, int64_t last_ns)
{
    merger->first_ns = first_ns;
    merger->last_ns = last_ns;
    merger->cut_ns = merger->newest_first ? last_ns : first_ns;
    merger->overflowed = false;
}

/* Larger keys come first. */
static int64_t key_of(const struct merger *merger, int64_t time_ns)
{
    return merger->newest_first ? time_ns : -1 - time_ns;
}

/* Put a key in the place of the smallest, or beside it while there is room. */
static void note_key(struct merger *merger, int64_t key)
{
    int64_t *heap = merger->best;
    uint32_t at = 0, child;

    if (merger->best_count < merger->wanted) {
        for (at = merger->best_count++; at > 0 && heap[(at - 1) / 2] > key; at = (at - 1) / 2)
            heap[at] = heap[(at - 1) / 2];
        heap[at] = key;
        return;
    }
    while ((child = 2 * at + 1) < merger->wanted) {
        child += child + 1 < merger->wanted && heap[child + 1] < heap[child];
        if (heap[child] >= key)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = key;
}

/* Selected rows of a block that may be among those that are wanted: to `rows`; gives their number.
 * `wanted` rows before the others are known by then, and equal times are all kept. */
static uint32_t pick_wanted(struct merger *merger, const struct open_block *open, uint32_t *rows)
{
    const uint64_t *selected = block_selected(open->block);
    uint32_t count = 0, kept = 0;

    for (uint32_t from = 0; from < block_row_count(open->block); from += 64)
        for (uint64_t left = selected[from / 64]; left != 0; left &= left - 1) {
            uint32_t row = from + (uint32_t)__builtin_ctzll(left);
            int64_t key, time_ns = open->times[row];

            if (time_ns < merger->first_ns || time_ns > merger->last_ns)
                continue;
            if (merger->wanted > 0) {
                key = key_of(merger, time_ns);
                if (merger->best_count == merger->wanted && key < merger->best[0])
                    continue;
                if (merger->best_count < merger->wanted || key > merger->best[0])
                    note_key(merger, key);
            }
            rows[count++] = row;
        }
    if (merger->wanted == 0 || merger->best_count < merger->wanted)
        return count;
    for (uint32_t i = 0; i < count; i++)
        if (key_of(merger, open->times[rows[i]]) >= merger->best[0])
            rows[kept++] = rows[i];
    return kept;
}

/* Tell the blocks of the batch which of their rows can still be wanted, before lines and columns are
 * made: those that came first kept many. */
static void narrow_blocks(struct merger *merger)
{
    if (merger->wanted == 0 || merger->best_count < merger->wanted)
        return;
    for (uint32_t i = 0; i < merger->batch_count; i++) {
        struct open_block *open = merger->batch[i].from;
        uint32_t kept = open->at; /* those before went out, or are in the batch */

        if (open->narrowed)
            continue;
        open->narrowed = true;
        while (kept < open->count &&
               key_of(merger, open->times[open->rows[kept]]) >= merger->best[0])
            kept++;
        block_narrow(open->block, open->rows, kept);
    }
}

/* ---- blocks ---- */

/* Selected rows in the order of the answer; most blocks are sorted as they come. */
static void order_rows(const struct merger *merger, struct open_block *open)
{
    bool sorted = true;

    for (uint32_t i = 1; sorted && i < open->count; i++)
        sorted = compare_places(open, open->rows[i - 1], open, open->rows[i]) < 0;
    if (!sorted)
        qsort_r(open->rows, open->count, sizeof(*open->rows), compare_rows, open);
    for (uint32_t i = 0; merger->newest_first && i < open->count / 2; i++) {
        uint32_t swap = open->rows[i];

        open->rows[i] = open->rows[open->count - 1 - i];
        open->rows[open->count - 1 - i] = swap;
    }
}

static enum status load_block(struct merger *merger, struct open_block *open, struct error *err)
{
    struct block *block = open->block;
    size_t size = sizeof(*open) + block_selected_count(block) * sizeof(*open->rows);
    enum status status;

    open->times = block_order_times(block, err);
    if (open->times == NULL)
        return err->status;
    open->rows = malloc((block_selected_count(block) + (size_t)1) * sizeof(*open->rows));
    if (open->rows == NULL)
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    open->count = pick_wanted(merger, open, open->rows);
    if (open->count == 0)
        return STATUS_OK;
    if (merger->wanted == 0 && open->count < block_selected_count(block))
        block_narrow(block, open->rows, open->count);
    open->sources = block_source_numbers(block, err);
    open->sequences = open->sources == NULL ? NULL : block_sequences(block, err);
    if (open->sequences == NULL)
        return err->status;
    open->block_size = block_memory(block);
    merger->blocks_size += open->block_size;
    if (merger->blocks_size / BLOCKS_FACTOR > merger->run->memory.size_max)
        return memory_exceeded(&merger->run->memory, err);
    status = memory_take(&merger->run->memory, size, err);
    if (status != STATUS_OK)
        return status;
    open->counted = size;
    order_rows(merger, open);
    return STATUS_OK;
}

enum status merger_add(struct merger *merger, struct block *block, struct error *err)
{
    struct open_block *open = calloc(1, sizeof(*open));
    enum status status;

    if (open == NULL) {
        block_release(block);
        return error_set(err, STATUS_NO_MEMORY, "out of memory");
    }
    open->block = block;
    status = load_block(merger, open, err);
    if (status == STATUS_OK && open->count > 0)
        status = memory_grow(&merger->run->memory, (void **)&merger->heap, &merger->heap_capacity,
                             merger->heap_count + 1, sizeof(struct open_block *), err);
    if (status != STATUS_OK || open->count == 0) {
        if (status == STATUS_TOO_LARGE || status == STATUS_NO_MEMORY)
            merger_overflow(merger);
        open_block_free(merger, open);
        return status;
    }
    merger->heap[merger->heap_count++] = open;
    sift_up(merger, merger->heap_count - 1);
    return STATUS_OK;
}

/* ---- gathering ---- */

static enum status render_line(struct merger *merger, const struct picked_row *row,
                               struct cell *out, struct error *err)
{
    enum status status;

    buf_reset(&merger->line);
    status = block_render(row->from->block, row->row, &merger->line, err);
    *out = cell_text(arena_copy(view_arena(&merger->view), buf_slice(&merger->line)), VALUE_TEXT);
    if (status == STATUS_OK && out->text.data == NULL && merger->line.len > 0)
        status = memory_exceeded(&merger->run->memory, err);
    return status;
}

/* Lines that were written while the block was read ahead are taken as they are, others rendered. */
static enum status gather_lines(struct merger *merger, struct cell *cells, struct error *err)
{
    const struct open_block *last = NULL;
    struct column lines;
    bool written = false;
    enum status status = STATUS_OK;

    for (uint32_t i = 0; status == STATUS_OK && i < merger->batch_count; i++) {
        const struct picked_row *row = &merger->batch[i];

        if (row->from != last)
            written = block_has_lines(row->from->block, &lines);
        last = row->from;
        if (written)
            cells[i] = cell_text(lines.texts[row->row], VALUE_TEXT);
        else
            status = render_line(merger, row, &cells[i], err);
    }
    return status;
}

/* One field of the batch as cells. `dict`: every value comes from a dictionary. */
static enum status gather_cells(struct merger *merger, field_id field, struct cell *cells,
                                bool *dict, struct error *err)
{
    struct open_block *last = NULL;
    struct column column = {.kind = COLUMN_MISSING};
    enum status status = STATUS_OK;

    *dict = true;
    if (field == FIELD_ID_MSG && !block_is_samples(merger->batch[0].from->block)) {
        *dict = false;
        return gather_lines(merger, cells, err);
    }
    for (uint32_t i = 0; status == STATUS_OK && i < merger->batch_count; i++) {
        struct open_block *from = merger->batch[i].from;

        if (from != last)
            status = block_column(from->block, field, false, &column, err);
        last = from;
        if (status != STATUS_OK)
            return status;
        cells[i] = cell_of(&column, merger->batch[i].row);
        *dict &= column.kind == COLUMN_DICT || column.kind == COLUMN_MISSING;
    }
    return status;
}

/* Values from the dictionaries of several blocks under one dictionary of the batch: receivers
 * write each value once. False: a failure, or too many values to gain anything. */
static bool dict_of_cells(struct merger *merger, const struct cell *cells, struct column *out)
{
    struct arena *arena = view_arena(&merger->view);
    uint32_t count = merger->batch_count, most = count / 2 + 1;
    uint32_t *codes = arena_new(arena, uint32_t, count);
    struct slice *dict = arena_new(arena, struct slice, most);

    if (codes == NULL || dict == NULL)
        return false;
    *out = (struct column){.kind = COLUMN_DICT, .codes = codes, .dict = dict};
    map_reset(&merger->values);
    for (uint32_t i = 0; i < count; i++) {
        codes[i] = COLUMN_NO_CODE;
        if (cells[i].kind != CELL_TEXT)
            continue;
        if (out->dict_count > 0 && cells[i].type != (uint8_t)out->type)
            return false;
        codes[i] = map_get(&merger->values, cells[i].text);
        if (codes[i] != MAP_NONE)
            continue;
        if (out->dict_count == most || !map_put(&merger->values, cells[i].text, out->dict_count))
            return false;
        codes[i] = out->dict_count;
        out->type = (enum field_type)cells[i].type;
        dict[out->dict_count++] = cells[i].text;
    }
    return out->dict_count > 0;
}

static enum status gather_field(struct merger *merger, field_id field, struct cell *cells,
                                struct error *err)
{
    struct column column;
    bool dict = false;
    enum status status;

    if (names_is_local(field))
        return STATUS_OK;
    memset(cells, 0, merger->batch_count * sizeof(*cells));
    status = gather_cells(merger, field, cells, &dict, err);
    if (status == STATUS_OK && dict && dict_of_cells(merger, cells, &column))
        return view_set(&merger->view, field, &column, err);
    if (status == STATUS_OK)
        status = column_of_cells(cells, merger->batch_count, view_arena(&merger->view), &column,
                                 err);
    return status == STATUS_OK && column.kind != COLUMN_MISSING
               ? view_set(&merger->view, field, &column, err)
               : status;
}

static bool has_field(const struct view *view, field_id field)
{
    for (uint32_t i = 0; i < view->column_count; i++)
        if (view->columns[i].field == field)
            return true;
    return false;
}

/* All fields that some block of the batch has, the usual ones first. */
static enum status gather_all(struct merger *merger, struct cell *cells, struct error *err)
{
    struct view source;
    enum status status = STATUS_OK;

    view_init(&source, merger->run->memory.size_max);
    for (uint32_t i = 0; status == STATUS_OK && i < merger->batch_count; i++) {
        struct open_block *from = merger->batch[i].from;
        const field_id *fields;
        uint32_t count;

        if (from->used)
            continue;
        from->used = true;
        status = view_show(&source, from->block, err);
        if (status == STATUS_OK)
            status = view_fields(&source, &fields, &count, err);
        for (uint32_t at = 0; status == STATUS_OK && at < count; at++)
            if (!has_field(&merger->view, fields[at]))
                status = gather_field(merger, fields[at], cells, err);
    }
    for (uint32_t i = 0; i < merger->batch_count; i++)
        merger->batch[i].from->used = false;
    view_release(&source);
    return status;
}

/* The places of the rows, for live tail and permalinks. */
static enum status gather_places(struct merger *merger, struct error *err)
{
    struct view *view = &merger->view;
    uint32_t count = merger->batch_count;
    uint32_t *sources = arena_new(view_arena(view), uint32_t, count);
    uint64_t *sequences = arena_new(view_arena(view), uint64_t, count);
    uint64_t *offsets = arena_new(view_arena(view), uint64_t, count);
    int64_t *order_times = arena_new(view_arena(view), int64_t, count);
    uint8_t *flags = arena_new(view_arena(view), uint8_t, count);

    if (view->base.arena.failed)
        return memory_exceeded(&merger->run->memory, err);
    for (uint32_t i = 0; i < count; i++) {
        struct open_block *from = merger->batch[i].from;
        uint32_t row = merger->batch[i].row;
        const uint64_t *block_offset;
        const uint8_t *block_flag;

        order_times[i] = from->times[row];
        sources[i] = from->sources[row];
        sequences[i] = from->sequences[row];
        if (block_is_samples(from->block)) /* they come from no file */
            continue;
        block_flag = block_flags(from->block, err);
        if (block_flag == NULL)
            return err->status;
        flags[i] = block_flag[row];
        if (merger->no_offsets)
            continue;
        block_offset = block_offsets(from->block, err);
        if (block_offset == NULL)
            return err->status;
        offsets[i] = block_offset[row];
    }
    view->base.arrays[BLOCK_ORDER_TIMES] = order_times;
    view->base.arrays[BLOCK_SOURCE_NUMBERS] = sources;
    view->base.arrays[BLOCK_SEQUENCES] = sequences;
    view->base.arrays[BLOCK_OFFSETS] = offsets;
    view->base.arrays[BLOCK_FLAGS] = flags;
    return STATUS_OK;
}

static void free_done(struct merger *merger)
{
    for (uint32_t i = 0; i < merger->done_count; i++)
        open_block_free(merger, merger->done[i]);
    merger->done_count = 0;
}

/* Columns and lines of the batch were made: blocks have grown. */
static void measure_blocks(struct merger *merger)
{
    for (uint32_t i = 0; i < merger->batch_count; i++) {
        struct open_block *open = merger->batch[i].from;
        size_t size = block_memory(open->block);

        merger->blocks_size += size - open->block_size;
        open->block_size = size;
    }
}

static enum status flush(struct merger *merger, struct error *err)
{
    struct view *view = &merger->view;
    struct cell *cells;
    enum status status;

    if (merger->batch_count == 0)
        return STATUS_OK;
    status = view_begin(view, merger->batch_count, err);
    cells = status == STATUS_OK ? arena_new(view_arena(view), struct cell, merger->batch_count)
                                : NULL;
    if (status == STATUS_OK && cells == NULL)
        status = memory_exceeded(&merger->run->memory, err);
    view->base.samples = block_is_samples(merger->batch[0].from->block);
    narrow_blocks(merger);
    if (status == STATUS_OK)
        status = gather_places(merger, err);
    if (status == STATUS_OK && merger->fields->all)
        status = gather_all(merger, cells, err);
    for (uint32_t i = 0; status == STATUS_OK && !merger->fields->all && i < merger->fields->count;
         i++)
        status = gather_field(merger, merger->fields->fields[i], cells, err);
    measure_blocks(merger);
    merger->batch_count = 0;
    merger->batch_max *= 2;
    if (merger->batch_max > RESULT_CHUNK_ROWS_MAX)
        merger->batch_max = RESULT_CHUNK_ROWS_MAX;
    if (status == STATUS_OK)
        status = operator_push(merger->next, view, err);
    free_done(merger); /* texts of the view lie in the blocks */
    return status;
}

/* Put the first row of the heap into the batch. */
static enum status pick(struct merger *merger, struct error *err)
{
    struct open_block *open = merger->heap[0];
    enum status status;

    merger->batch[merger->batch_count++] = (struct picked_row){open, open->rows[open->at]};
    merger->picked++;
    if (++open->at == open->count) {
        status = memory_grow(&merger->run->memory, (void **)&merger->done, &merger->done_capacity,
                             merger->done_count + 1, sizeof(struct open_block *), err);
        if (status != STATUS_OK)
            return status;
        merger->done[merger->done_count++] = open;
        merger->heap[0] = merger->heap[--merger->heap_count];
    }
    if (merger->heap_count > 0)
        sift_down(merger, 0);
    return merger->batch_count == merger->batch_max ? flush(merger, err) : STATUS_OK;
}

/* Rows at the bound itself wait: a later block may have more of that time. */
enum status merger_push(struct merger *merger, int64_t bound, struct error *err)
{
    enum status status = STATUS_OK;

    while (status == STATUS_OK && merger->heap_count > 0) {
        const struct open_block *open = merger->heap[0];
        int64_t at = open->times[open->rows[open->at]];

        if (merger->newest_first ? at <= bound : at >= bound)
            break;
        status = pick(merger, err);
    }
    if (merger->newest_first ? bound < merger->cut_ns : bound > merger->cut_ns)
        merger->cut_ns = bound;
    return status;
}

enum status merger_finish(struct merger *merger, struct error *err)
{
    enum status status = STATUS_OK;

    while (status == STATUS_OK && merger->heap_count > 0)
        status = pick(merger, err);
    return status == STATUS_OK ? flush(merger, err) : status;
}

void merger_overflow(struct merger *merger)
{
    merger->overflowed |= merger->heap_count > 0;
}

bool merger_overflowed(const struct merger *merger)
{
    return merger->overflowed && merger->wanted == 0;
}

/* The order time of the last row that open blocks have. */
static int64_t reach_of(const struct merger *merger)
{
    int64_t reach = merger->cut_ns;

    for (uint32_t i = 0; i < merger->heap_count; i++) {
        const struct open_block *open = merger->heap[i];
        int64_t last = open->times[open->rows[open->count - 1]];

        if (merger->newest_first ? last < reach : last > reach)
            reach = last;
    }
    return reach;
}

enum status merger_cut(struct merger *merger, int64_t *cut_ns, int64_t *reach_ns, struct error *err)
{
    enum status status = flush(merger, err);

    *cut_ns = merger->cut_ns;
    *reach_ns = reach_of(merger);
    while (merger->heap_count > 0)
        open_block_free(merger, merger->heap[--merger->heap_count]);
    return status;
}

uint64_t merger_picked(const struct merger *merger)
{
    return merger->picked;
}
