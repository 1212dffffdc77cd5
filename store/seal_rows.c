/* store/seal_rows.c -- the rows of a head, sorted.
 *
 * They stay as they arrived, sorted are their indexes: later passes read rows one behind the other,
 * and their lines and fields with them. The rows of one source arrive in their order, so that sorting is
 * a merge of as many lists as there are sources. Fields stay packed in the chunks: in the open they would
 * take twice the memory of the lines, and each is wanted once, while its line is at hand. */
#include "store/seal_rows.h"

#include "base/spare.h"
#include "store/chunk_impl.h"

#include <stdlib.h>

enum { PLACE_STEP = 32 /* rows per entry of place_chunks: chunks of a few rows are found, too */ };

/* Rows of one source that arrived one behind the other. */
struct row_run {
    uint32_t first, end;
    uint32_t next; /* run of that source; RUN_NONE: the last one */
};
#define RUN_NONE UINT32_MAX

/* The rows of one source that are not merged yet: of the run at hand, and the runs behind it. */
struct source_rows {
    uint32_t next, end;
    uint32_t next_run, last_run;
    int64_t last_order_ns;
    uint64_t last_sequence; /* of the first row of the last run */
};

struct gather {
    const struct chunk_tables *tables;
    struct seal_rows *out;
    uint32_t *source_index, *format_index; /* process number -> index + 1 */
    int64_t *order_ns;       /* of each row */
    struct row_run *runs;
    uint32_t run_count, run_capacity;
    struct source_rows *sources;
    bool in_order; /* each source's rows arrived in their order */
};

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "no memory to sort the rows of a head");
}

static bool index_sources(struct gather *gather, const struct chunk *chunk)
{
    struct seal_rows *out = gather->out;

    for (uint32_t i = 0; i < chunk->source_count; i++) {
        uint32_t number = chunk->source_numbers[i];
        struct event_source *grown;

        if (gather->source_index[number] != 0)
            continue;
        if ((out->source_count & (out->source_count + 1)) == 0) { /* 0, 1, 3, 7: double */
            grown = realloc(out->sources,
                            ((size_t)out->source_count + 1) * 2 * sizeof(*out->sources));
            if (grown == NULL)
                return false;
            out->sources = grown;
        }
        out->sources[out->source_count] = *source_table_source(gather->tables->sources, number);
        gather->sources[out->source_count] = (struct source_rows){
            .last_run = RUN_NONE, .next_run = RUN_NONE, .last_order_ns = INT64_MIN};
        gather->source_index[number] = ++out->source_count;
    }
    for (uint32_t i = 0; i < chunk->format_count; i++) {
        uint32_t number = chunk->formats[i].number;

        if (gather->format_index[number] != 0)
            continue;
        out->formats[out->format_count] = name_table_name(gather->tables->formats, number);
        gather->format_index[number] = ++out->format_count;
    }
    return true;
}

/* A row as a chunk has it. */
struct row_place {
    uint32_t chunk, row;
    uint32_t fields_at;
};

static struct row_place find_row(const struct seal_rows *rows, uint32_t place)
{
    struct row_place found = {.chunk = rows->place_chunks[place / PLACE_STEP]};

    while (rows->chunk_rows[found.chunk + 1] <= place)
        found.chunk++;
    found.row = place - rows->chunk_rows[found.chunk];
    found.fields_at = (uint32_t)chunk_column_at(
        &rows->head->chunks[found.chunk]->columns[CHUNK_FIELDS], found.row);
    return found;
}

static const struct event_field *fields_of(void *user, uint32_t place, struct event_field *room,
                                           uint32_t *count)
{
    const struct seal_rows *rows = user;
    struct row_place at = find_row(rows, place);

    *count = chunk_event_fields(rows->head->chunks[at.chunk], at.fields_at, room);
    return room;
}

static void ask_fields(void *user, uint32_t place)
{
    const struct seal_rows *rows = user;
    struct row_place at = find_row(rows, place);

    __builtin_prefetch(rows->head->chunks[at.chunk]->fields.data + at.fields_at);
}

static uint64_t spans_of(void *user, uint32_t place, struct event_spans *out)
{
    const struct seal_rows *rows = user;
    struct row_place at = find_row(rows, place);

    return (uint64_t)at.chunk << 32 |
           chunk_event_spans(rows->head->chunks[at.chunk], at.fields_at, out);
}

/* Of `source`, from this row on. */
static bool begin_run(struct gather *gather, struct source_rows *source, uint32_t row,
                      uint64_t sequence)
{
    if (gather->run_count == gather->run_capacity) {
        uint32_t capacity = gather->run_capacity == 0 ? 1024 : gather->run_capacity * 2;
        struct row_run *grown = realloc(gather->runs, capacity * sizeof(*grown));

        if (grown == NULL)
            return false;
        gather->runs = grown;
        gather->run_capacity = capacity;
    }
    if (source->last_run == RUN_NONE)
        source->next_run = gather->run_count;
    else
        gather->runs[source->last_run].next = gather->run_count;
    gather->in_order =
        gather->in_order && (source->last_run == RUN_NONE || sequence > source->last_sequence);
    source->last_run = gather->run_count;
    source->last_sequence = sequence;
    gather->runs[gather->run_count++] = (struct row_run){row, row, RUN_NONE};
    return true;
}

/* A row of the run at hand, which is of `source`. */
static void add_row(struct gather *gather, struct source_rows *source, const struct row_facts *facts)
{
    uint32_t at = (uint32_t)gather->out->row_count++;
    int64_t order_ns = row_order_ns(facts);

    gather->in_order = gather->in_order && order_ns >= source->last_order_ns;
    source->last_order_ns = order_ns;
    gather->order_ns[at] = order_ns;
    gather->runs[gather->run_count - 1].end = at + 1;
    gather->out->facts[at] = *facts;
}

static bool gather_rows(struct gather *gather, const struct chunk *chunk)
{
    struct source_rows *source = NULL;
    uint32_t chunk_source = UINT32_MAX, number = 0;

    for (uint32_t i = 0; i < chunk->row_count; i++) {
        struct chunk_row row = chunk_row_at(chunk, i);
        uint32_t at = (uint32_t)gather->out->row_count;

        if (row.source != chunk_source) {
            chunk_source = row.source;
            number = gather->source_index[chunk->source_numbers[chunk_source]] - 1;
            source = &gather->sources[number];
            if (!begin_run(gather, source, at, chunk_row_sequence(chunk, i)))
                return false;
        }
        add_row(gather, source,
                &(struct row_facts){
                    .time_ns = row.time_ns,
                    .order_distance_ns = (int64_t)((uint64_t)row.order_ns - (uint64_t)row.time_ns),
                    .sequence = chunk_row_sequence(chunk, i),
                    .offset = row.offset,
                    .bytes = chunk->text.data + row.text_at,
                    .size = row.text_len,
                    .source_len = row.source_len,
                    .source = number,
                    .place = at,
                    .format =
                        (uint16_t)(gather->format_index[chunk->formats[row.format].number] - 1),
                    .level = row.level,
                    .flags = row.flags,
                });
    }
    return true;
}

/* Its rows are the next ones. */
static void note_chunk(struct seal_rows *out, uint32_t chunk)
{
    uint32_t first = (uint32_t)out->row_count, end = first + out->head->chunks[chunk]->row_count;

    out->chunk_rows[chunk] = first;
    out->chunk_rows[chunk + 1] = end;
    for (uint32_t step = (first + PLACE_STEP - 1) / PLACE_STEP; step * PLACE_STEP < end; step++)
        out->place_chunks[step] = chunk;
}

struct merge_entry {
    int64_t order_ns; /* of the source's next row */
    uint32_t source;
};

static bool comes_before(struct merge_entry a, struct merge_entry b)
{
    return a.order_ns < b.order_ns || (a.order_ns == b.order_ns && a.source < b.source);
}

/* Put `entry` at `at` or, while one below it comes first, deeper. */
static void sift_down(struct merge_entry *heap, uint32_t count, uint32_t at,
                      struct merge_entry entry)
{
    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child + 1 < count && comes_before(heap[child + 1], heap[child]))
            child++;
        if (child >= count || !comes_before(heap[child], entry))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = entry;
}

/* Go to the source's next run when the one at hand is done; false: there is none. */
static bool has_row(const struct gather *gather, struct source_rows *source)
{
    if (source->next == source->end && source->next_run != RUN_NONE) {
        const struct row_run *run = &gather->runs[source->next_run];

        source->next = run->first;
        source->end = run->end;
        source->next_run = run->next;
    }
    return source->next < source->end;
}

/* The source that comes after the first one. */
static struct merge_entry second_of(const struct merge_entry *heap, uint32_t count)
{
    if (count == 1)
        return (struct merge_entry){INT64_MAX, UINT32_MAX};
    return count > 2 && comes_before(heap[2], heap[1]) ? heap[2] : heap[1];
}

/* Rows of the first source go out as long as they come before those of the second. */
static void merge_runs(struct gather *gather, struct merge_entry *heap)
{
    uint32_t *out = gather->out->order, count = 0;

    for (uint32_t i = 0; i < gather->out->source_count; i++)
        if (has_row(gather, &gather->sources[i]))
            heap[count++] =
                (struct merge_entry){gather->order_ns[gather->sources[i].next], i};
    for (uint32_t i = count; i-- > 0;)
        sift_down(heap, count, i, heap[i]);
    while (count > 0) {
        struct source_rows *source = &gather->sources[heap[0].source];
        struct merge_entry entry = heap[0], second = second_of(heap, count);
        bool more;

        do {
            *out++ = source->next++;
            more = has_row(gather, source);
            if (more)
                entry.order_ns = gather->order_ns[source->next];
        } while (more && comes_before(entry, second));
        if (!more)
            entry = heap[--count];
        if (count > 0)
            sift_down(heap, count, 0, entry);
    }
}

static int compare_facts(const void *a, const void *b)
{
    const struct row_facts *left = a, *right = b;
    int64_t left_ns = row_order_ns(left), right_ns = row_order_ns(right);

    if (left_ns != right_ns)
        return left_ns < right_ns ? -1 : 1;
    if (left->source != right->source)
        return left->source < right->source ? -1 : 1;
    return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

static bool sort_rows(struct gather *gather)
{
    struct seal_rows *out = gather->out;
    struct merge_entry *heap;

    if (!gather->in_order) {
        qsort(out->facts, out->row_count, sizeof(*out->facts), compare_facts);
        for (uint32_t i = 0; i < out->row_count; i++)
            out->order[i] = i;
        return true;
    }
    heap = malloc(((size_t)out->source_count + 1) * sizeof(*heap));
    if (heap != NULL)
        merge_runs(gather, heap);
    free(heap);
    return heap != NULL;
}

static bool take_tables(struct gather *gather)
{
    size_t sources = (size_t)source_table_count(gather->tables->sources) + 1;
    size_t formats = (size_t)name_table_count(gather->tables->formats) + 1;

    gather->source_index = calloc(sources, sizeof(*gather->source_index));
    gather->format_index = calloc(formats, sizeof(*gather->format_index));
    gather->sources = calloc(sources, sizeof(*gather->sources));
    gather->out->formats = calloc(formats, sizeof(*gather->out->formats));
    return gather->source_index != NULL && gather->format_index != NULL &&
           gather->sources != NULL && gather->out->formats != NULL;
}

static bool take_rows(struct gather *gather, const struct head *head)
{
    struct seal_rows *out = gather->out;
    size_t steps = head->row_count / PLACE_STEP + 1;

    out->facts_memory = spare_take(row_facts_size(head->row_count));
    out->order = spare_take((head->row_count + 1) * sizeof(*out->order));
    out->chunk_rows = malloc(((size_t)head->count + 1) * sizeof(*out->chunk_rows));
    out->place_chunks = malloc(steps * sizeof(*out->place_chunks));
    gather->order_ns = spare_take((head->row_count + 1) * sizeof(*gather->order_ns));
    out->facts = row_facts_in(out->facts_memory);
    return out->facts_memory != NULL && out->order != NULL && out->chunk_rows != NULL &&
           out->place_chunks != NULL && gather->order_ns != NULL;
}

static bool gather_head(struct gather *gather, const struct head *head)
{
    bool fine = take_tables(gather) && take_rows(gather, head);

    for (uint32_t i = 0; i < head->count && fine; i++) {
        note_chunk(gather->out, i);
        fine = index_sources(gather, head->chunks[i]) && gather_rows(gather, head->chunks[i]);
    }
    return fine && sort_rows(gather) &&
           seal_samples_of(head, gather->source_index, gather->out->source_count,
                           &gather->out->samples);
}

enum status seal_rows_of(const struct head *head, const struct chunk_tables *tables,
                         struct seal_rows *out, struct error *err)
{
    struct gather gather = {.tables = tables, .out = out, .in_order = true};
    bool fine;

    *out = (struct seal_rows){.head = head};
    fine = head->row_count < UINT32_MAX && gather_head(&gather, head);
    spare_give(gather.order_ns);
    free(gather.runs);
    free(gather.sources);
    free(gather.source_index);
    free(gather.format_index);
    if (fine)
        return STATUS_OK;
    seal_rows_release(out);
    return no_memory(err);
}

void seal_rows_release(struct seal_rows *rows)
{
    spare_give(rows->facts_memory);
    spare_give(rows->order);
    free(rows->chunk_rows);
    free(rows->place_chunks);
    seal_samples_release(&rows->samples);
    free(rows->sources);
    free(rows->formats);
    *rows = (struct seal_rows){0};
}

/* Copies of the rows of a part, as they stand in `rows`. */
static bool copy_part(const struct seal_rows *rows, const uint32_t *order, uint64_t count,
                      struct seal_part *out)
{
    uint32_t *numbers = spare_take((rows->row_count + 1) * sizeof(*numbers)), copied = 0;
    struct row_facts *facts;

    out->facts_memory = spare_take(row_facts_size(count));
    out->order = spare_take((count + 1) * sizeof(*out->order));
    if (numbers == NULL || out->facts_memory == NULL || out->order == NULL) {
        spare_give(numbers);
        return false;
    }
    facts = row_facts_in(out->facts_memory);
    memset(numbers, 0, rows->row_count * sizeof(*numbers));
    for (uint64_t i = 0; i < count; i++)
        numbers[order[i]] = 1;
    for (uint64_t i = 0; i < rows->row_count; i++)
        if (numbers[i] != 0) {
            facts[copied] = rows->facts[i];
            numbers[i] = copied++;
        }
    for (uint64_t i = 0; i < count; i++)
        out->order[i] = numbers[order[i]];
    out->content.facts = facts;
    out->content.order = out->order;
    spare_give(numbers);
    return true;
}

enum status seal_part_of(const struct seal_rows *rows, uint64_t first, uint64_t count,
                         struct seal_part *out, struct error *err)
{
    *out = (struct seal_part){.content = {.sources = rows->sources,
                                          .formats = rows->formats,
                                          .row_count = count,
                                          .source_count = rows->source_count,
                                          .format_count = rows->format_count,
                                          .facts = rows->facts,
                                          .order = rows->order,
                                          .fields = fields_of,
                                          .fields_user = (void *)(uintptr_t)rows,
                                          .ask_fields = ask_fields,
                                          .spans = spans_of}};
    if (count == rows->row_count || copy_part(rows, rows->order + first, count, out))
        return STATUS_OK;
    seal_part_release(out);
    return no_memory(err);
}

void seal_part_release(struct seal_part *part)
{
    spare_give(part->facts_memory);
    spare_give(part->order);
    *part = (struct seal_part){0};
}
