/* store/seal_rows.c -- the rows of a head, sorted.
 *
 * The rows of one source arrive in their order, so that sorting is a merge of as many lists as there
 * are sources. Fields stay packed in the chunks: in the open they would take twice the memory of the
 * lines, and each is wanted once, while its line is at hand. */
#include "store/seal_rows.h"

#include "base/spare.h"
#include "store/chunk_impl.h"
#include "store/segment_order.h"

#include <stdlib.h>

enum { MERGE_AHEAD = 4 /* rows of a source that are asked for before their turn */ };

struct gather {
    const struct chunk_tables *tables;
    struct seal_rows *out;
    uint32_t *source_index, *format_index; /* process number -> index + 1 */
    struct segment_row *arrived; /* rows in order of arrival */
    uint32_t *row_sources;       /* of each of them */
    struct source_queue *queues; /* by source */
};

/* Rows of one source that are not merged yet. */
struct source_queue {
    uint64_t row_count;
    uint32_t *next, *end; /* indexes of rows that arrived */
    int64_t last_order_ns;
    uint64_t last_sequence;
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

/* `packed` of a row: the number of its chunk in the head, and where its fields begin there. */
static uint64_t pack_place(uint32_t chunk, uint32_t fields_at)
{
    return (uint64_t)chunk << 32 | fields_at;
}

void seal_row_fields(void *user, const struct segment_row *row, struct event_field *out)
{
    const struct seal_rows *rows = user;

    (void)chunk_event_fields(rows->head->chunks[row->packed >> 32], (uint32_t)row->packed, out);
}

void seal_row_ask(void *user, const struct segment_row *row)
{
    const struct seal_rows *rows = user;

    __builtin_prefetch(rows->head->chunks[row->packed >> 32]->fields.data + (uint32_t)row->packed);
}

uint64_t seal_row_spans(void *user, const struct segment_row *row, struct event_spans *out)
{
    const struct seal_rows *rows = user;
    uint32_t chunk = (uint32_t)(row->packed >> 32);

    return (uint64_t)chunk << 32 |
           chunk_event_spans(rows->head->chunks[chunk], (uint32_t)row->packed, out);
}

static void gather_rows(struct gather *gather, uint32_t chunk_index)
{
    struct seal_rows *out = gather->out;
    const struct chunk *chunk = out->head->chunks[chunk_index];

    for (uint32_t i = 0; i < chunk->row_count; i++) {
        struct chunk_row row = chunk_row_at(chunk, i);
        struct event *event = &out->events[out->row_count];

        chunk_event(chunk, &row, NULL, event);
        event->source = gather->source_index[chunk->source_numbers[row.source]] - 1;
        gather->row_sources[out->row_count] = event->source;
        event->format = (uint16_t)(gather->format_index[chunk->formats[row.format].number] - 1);
        gather->arrived[out->row_count++] = (struct segment_row){
            .event = event,
            .order_time_ns = row.order_ns,
            .sequence = chunk_row_sequence(chunk, i),
            .packed = pack_place(chunk_index, row.fields_at),
        };
    }
}

/* Count the rows of each source; false if those of one are not in order. */
static bool fill_queues(struct gather *gather)
{
    bool in_order = true;

    for (uint32_t i = 0; i < gather->out->source_count; i++)
        gather->queues[i].last_order_ns = INT64_MIN;
    for (uint64_t i = 0; i < gather->out->row_count; i++) {
        const struct segment_row *row = &gather->arrived[i];
        struct source_queue *queue = &gather->queues[gather->row_sources[i]];

        in_order = in_order && row->order_time_ns >= queue->last_order_ns &&
                   (row->sequence > queue->last_sequence || queue->row_count == 0);
        queue->last_order_ns = row->order_time_ns;
        queue->last_sequence = row->sequence;
        queue->row_count++;
    }
    return in_order;
}

/* Lists of the rows of each source, one behind the other in `lists`. */
static void list_rows(struct gather *gather, uint32_t *lists)
{
    for (uint32_t i = 0; i < gather->out->source_count; i++) {
        gather->queues[i].next = gather->queues[i].end = lists;
        lists += gather->queues[i].row_count;
    }
    for (uint32_t i = 0; i < gather->out->row_count; i++)
        *gather->queues[gather->row_sources[i]].end++ = i;
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

static void merge_lists(struct gather *gather, struct merge_entry *heap)
{
    struct segment_row *out = gather->out->rows;
    uint32_t count = 0;

    for (uint32_t i = 0; i < gather->out->source_count; i++)
        if (gather->queues[i].row_count > 0)
            heap[count++] = (struct merge_entry){
                gather->arrived[*gather->queues[i].next].order_time_ns, i};
    for (uint32_t i = count; i-- > 0;)
        sift_down(heap, count, i, heap[i]);
    while (count > 0) {
        struct source_queue *queue = &gather->queues[heap[0].source];
        struct merge_entry entry = heap[0];

        *out++ = gather->arrived[*queue->next++];
        if (queue->end - queue->next > MERGE_AHEAD) /* else each turn of a source waits for memory */
            __builtin_prefetch(&gather->arrived[queue->next[MERGE_AHEAD]]);
        if (queue->next < queue->end)
            entry.order_ns = gather->arrived[*queue->next].order_time_ns;
        else
            entry = heap[--count];
        if (count > 0)
            sift_down(heap, count, 0, entry);
    }
}

static bool sort_rows(struct gather *gather)
{
    struct seal_rows *out = gather->out;
    uint32_t *lists = spare_take((out->row_count + 1) * sizeof(*lists));
    struct merge_entry *heap = malloc(((size_t)out->source_count + 1) * sizeof(*heap));
    bool fine;

    gather->queues = calloc((size_t)out->source_count + 1, sizeof(*gather->queues));
    fine = lists != NULL && heap != NULL && gather->queues != NULL;
    if (fine && fill_queues(gather)) {
        list_rows(gather, lists);
        merge_lists(gather, heap);
    } else if (fine) {
        memcpy(out->rows, gather->arrived, out->row_count * sizeof(*out->rows));
        qsort(out->rows, out->row_count, sizeof(*out->rows), segment_row_compare);
    }
    spare_give(lists);
    free(heap);
    free(gather->queues);
    return fine;
}

static bool gather_head(struct gather *gather, const struct head *head)
{
    struct seal_rows *out = gather->out;
    bool fine = true;

    gather->source_index = calloc((size_t)source_table_count(gather->tables->sources) + 1,
                                  sizeof(*gather->source_index));
    gather->format_index = calloc((size_t)name_table_count(gather->tables->formats) + 1,
                                  sizeof(*gather->format_index));
    out->formats = calloc((size_t)name_table_count(gather->tables->formats) + 1,
                          sizeof(*out->formats));
    out->events = spare_take((head->row_count + 1) * sizeof(*out->events));
    out->rows = spare_take((head->row_count + 1) * sizeof(*out->rows));
    gather->arrived = spare_take((head->row_count + 1) * sizeof(*gather->arrived));
    gather->row_sources = spare_take((head->row_count + 1) * sizeof(*gather->row_sources));
    if (gather->source_index == NULL || gather->format_index == NULL || out->formats == NULL ||
        out->events == NULL || out->rows == NULL || gather->arrived == NULL ||
        gather->row_sources == NULL)
        return false;
    for (uint32_t i = 0; i < head->count && fine; i++) {
        fine = index_sources(gather, head->chunks[i]);
        if (fine)
            gather_rows(gather, i);
    }
    return fine && sort_rows(gather) &&
           seal_samples_of(head, gather->source_index, &out->samples);
}

enum status seal_rows_of(const struct head *head, const struct chunk_tables *tables,
                         struct seal_rows *out, struct error *err)
{
    struct gather gather = {.tables = tables, .out = out};
    bool fine;

    *out = (struct seal_rows){.head = head};
    fine = head->row_count < UINT32_MAX && gather_head(&gather, head);
    spare_give(gather.arrived);
    spare_give(gather.row_sources);
    free(gather.source_index);
    free(gather.format_index);
    if (fine)
        return STATUS_OK;
    seal_rows_release(out);
    return no_memory(err);
}

void seal_rows_release(struct seal_rows *rows)
{
    seal_samples_release(&rows->samples);
    spare_give(rows->events);
    spare_give(rows->rows);
    free(rows->sources);
    free(rows->formats);
    *rows = (struct seal_rows){0};
}
