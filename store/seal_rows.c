/* store/seal_rows.c -- the rows of a head, sorted.
 *
 * They stay as they arrived, sorted are their indexes: later passes read rows one behind the other,
 * and their lines and fields with them. Fields stay packed in the chunks: in the open they would take
 * twice the memory of the lines, and each is wanted once, while its line is at hand. */
#include "store/seal_rows.h"

#include "base/spare.h"
#include "store/chunk_facts.h"
#include "store/chunk_impl.h"
#include "store/run_merge.h"

#include <stdlib.h>

/* Bytes of fields per entry of place_chunks; a chunk has no more than a few of them. */
enum { PLACE_STEP = 512 };

struct gather {
    const struct chunk_tables *tables;
    struct seal_rows *out;
    uint32_t *source_index, *format_index; /* process number -> index + 1 */
    struct run_merge merge;
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

/* The chunk with this place among its fields, and where there. */
static uint32_t find_chunk(const struct seal_rows *rows, uint32_t place, uint32_t *fields_at)
{
    uint32_t chunk = rows->place_chunks[place / PLACE_STEP];

    while (rows->starts[chunk + 1].place <= place)
        chunk++;
    *fields_at = place - rows->starts[chunk].place;
    return chunk;
}

static const struct event_field *fields_of(void *user, uint32_t place, struct event_field *room,
                                           uint32_t *count)
{
    const struct seal_rows *rows = user;
    uint32_t fields_at, chunk = find_chunk(rows, place, &fields_at);

    *count = chunk_event_fields(rows->head->chunks[chunk], fields_at, room);
    return room;
}

static void ask_fields(void *user, uint32_t place)
{
    const struct seal_rows *rows = user;
    uint32_t fields_at, chunk = find_chunk(rows, place, &fields_at);

    __builtin_prefetch(rows->head->chunks[chunk]->fields.data + fields_at);
}

static uint64_t spans_of(void *user, uint32_t place, struct event_spans *out)
{
    const struct seal_rows *rows = user;
    uint32_t fields_at, chunk = find_chunk(rows, place, &fields_at);

    return (uint64_t)chunk << 32 |
           chunk_event_spans(rows->head->chunks[chunk], fields_at,
                             rows->value_hashes + rows->starts[chunk].value, out);
}

/* The numbers of a chunk become those of the head, and its rows go to the merge. */
static bool number_rows(struct gather *gather, const struct chunk *chunk, uint32_t first_place,
                        struct row_facts *facts)
{
    uint32_t chunk_source = UINT32_MAX, source = 0;

    for (uint32_t i = 0; i < chunk->row_count; i++) {
        struct row_facts *row = &facts[i];

        if (row->source != chunk_source) {
            chunk_source = row->source;
            source = gather->source_index[chunk->source_numbers[chunk_source]] - 1;
            if (!run_merge_begin(&gather->merge, source, row->sequence))
                return false;
        }
        row->source = source;
        row->format = (uint16_t)(gather->format_index[chunk->formats[row->format].number] - 1);
        row->place += first_place;
        run_merge_add(&gather->merge, row_order_ns(row));
    }
    return true;
}

static bool gather_rows(struct gather *gather, uint32_t index)
{
    struct seal_rows *out = gather->out;
    const struct chunk *chunk = out->head->chunks[index];
    struct row_facts *facts = out->facts + out->row_count;

    chunk_facts(chunk, facts);
    out->row_count += chunk->row_count;
    return number_rows(gather, chunk, out->starts[index].place, facts);
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

/* Rows that cannot be merged are moved: those of a source must stand in their order in any case. */
static bool sort_rows(struct gather *gather)
{
    struct seal_rows *out = gather->out;
    enum status status = run_merge_finish(&gather->merge, out->order);

    if (status != STATUS_INVALID)
        return status == STATUS_OK;
    qsort(out->facts, out->row_count, sizeof(*out->facts), compare_facts);
    for (uint32_t i = 0; i < out->row_count; i++)
        out->order[i] = i;
    return true;
}

static bool take_tables(struct gather *gather)
{
    size_t formats = (size_t)name_table_count(gather->tables->formats) + 1;
    uint32_t sources = source_table_count(gather->tables->sources);

    gather->source_index = calloc((size_t)sources + 1, sizeof(*gather->source_index));
    gather->format_index = calloc(formats, sizeof(*gather->format_index));
    gather->out->formats = calloc(formats, sizeof(*gather->out->formats));
    return gather->source_index != NULL && gather->format_index != NULL &&
           gather->out->formats != NULL &&
           run_merge_init(&gather->merge, gather->out->head->row_count, sources);
}

/* The fields of all chunks one behind the other, and their computed texts. False without memory, or if
 * they are too long. */
static bool place_chunks(struct seal_rows *out)
{
    const struct head *head = out->head;
    uint64_t size = 0, values = 0;

    out->starts = malloc(((size_t)head->count + 1) * sizeof(*out->starts));
    for (uint32_t i = 0; i < head->count && out->starts != NULL; i++) {
        out->starts[i] = (struct chunk_start){(uint32_t)size, (uint32_t)values};
        size += head->chunks[i]->fields.len;
        values += head->chunks[i]->value_count;
    }
    if (out->starts == NULL || size > UINT32_MAX || values > UINT32_MAX)
        return false;
    out->starts[head->count] = (struct chunk_start){(uint32_t)size, (uint32_t)values};
    out->place_chunks = malloc((size / PLACE_STEP + 1) * sizeof(*out->place_chunks));
    out->value_hashes = malloc((values + 1) * sizeof(*out->value_hashes));
    if (out->place_chunks == NULL || out->value_hashes == NULL)
        return false;
    for (uint32_t i = 0, step = 0; i < head->count; i++) {
        for (; (uint64_t)step * PLACE_STEP < out->starts[i + 1].place; step++)
            out->place_chunks[step] = i;
        chunk_hash_values(head->chunks[i], out->value_hashes + out->starts[i].value);
    }
    return true;
}

static bool gather_head(struct gather *gather)
{
    struct seal_rows *out = gather->out;
    const struct head *head = out->head;
    bool fine;

    out->facts_memory = spare_take(row_facts_size(head->row_count));
    out->order = spare_take((head->row_count + 1) * sizeof(*out->order));
    out->facts = row_facts_in(out->facts_memory);
    fine = out->facts_memory != NULL && out->order != NULL && take_tables(gather) &&
           place_chunks(out);
    for (uint32_t i = 0; i < head->count && fine; i++)
        fine = index_sources(gather, head->chunks[i]) && gather_rows(gather, i);
    return fine && sort_rows(gather) &&
           seal_samples_of(head, gather->source_index, out->source_count, &out->samples);
}

enum status seal_rows_of(const struct head *head, const struct chunk_tables *tables,
                         struct seal_rows *out, struct error *err)
{
    struct gather gather = {.tables = tables, .out = out};
    bool fine;

    *out = (struct seal_rows){.head = head};
    fine = head->row_count < UINT32_MAX && gather_head(&gather);
    run_merge_release(&gather.merge);
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
    free(rows->starts);
    free(rows->value_hashes);
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
