/* store/head.c -- a growing list of chunks. */
#include "store/head.h"

#include <stdlib.h>

enum { HEAD_CHUNKS_MIN = 64 };

enum status head_new(uint32_t shard, struct head **out, struct error *err)
{
    struct head *head = calloc(1, sizeof(*head));

    if (head == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a head");
    atomic_init(&head->refs, 1);
    head->shard = shard;
    head->first_wal_file = UINT64_MAX;
    *out = head;
    return STATUS_OK;
}

struct head *head_ref(struct head *head)
{
    atomic_fetch_add_explicit(&head->refs, 1, memory_order_relaxed);
    return head;
}

void head_unref(struct head *head)
{
    if (head == NULL || atomic_fetch_sub_explicit(&head->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < head->count; i++)
        chunk_unref(head->chunks[i]);
    free(head->chunks);
    free(head);
}

enum status head_reserve(struct head *head, uint32_t count, struct error *err)
{
    uint32_t capacity = head->capacity == 0 ? HEAD_CHUNKS_MIN : head->capacity;
    struct chunk **grown;

    if (head->count + count <= head->capacity)
        return STATUS_OK;
    while (capacity < head->count + count)
        capacity *= 2;
    grown = realloc(head->chunks, capacity * sizeof(struct chunk *));
    if (grown == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a head");
    head->chunks = grown;
    head->capacity = capacity;
    return STATUS_OK;
}

void head_add(struct head *head, struct chunk *chunk, int64_t now_ns)
{
    assert(head->count < head->capacity);
    if (head->count == 0)
        head->born_ns = now_ns;
    head->chunks[head->count++] = chunk;
    head->raw_size += chunk->raw_size;
    head->memory_size += chunk->memory_size;
    head->row_count += chunk->row_count;
    head->sample_count += chunk->sample_count;
    if (chunk->wal_file < head->first_wal_file)
        head->first_wal_file = chunk->wal_file;
    if (chunk->record_number > head->last_record)
        head->last_record = chunk->record_number;
}
