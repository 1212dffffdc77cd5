/* store/row_facts.h -- what a segment keeps of a row beside the values of its line.
 *
 * The rows of a family lie anywhere among the rows of a segment: what is known of one stands
 * together, in one line of the processor's cache. */
#ifndef DENDRO_STORE_ROW_FACTS_H
#define DENDRO_STORE_ROW_FACTS_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

struct row_facts {
    int64_t time_ns, order_distance_ns; /* order time - time */
    uint64_t sequence;                  /* arrival number */
    uint64_t offset;
    const char *bytes;   /* the line; borrowed */
    uint32_t size;       /* of the line */
    uint32_t source_len; /* bytes that it covers in its source */
    uint32_t source;     /* index in the content, as format is */
    uint32_t rank;       /* rows of its source before it: the writer counts them */
    uint32_t place;      /* where its fields are: for segment_content.fields */
    uint16_t format;
    uint8_t level, flags;
};
enum { ROW_FACTS_ALIGN = 64 };
static_assert(sizeof(struct row_facts) == ROW_FACTS_ALIGN, "a row is one line of the cache");

/* Memory to take for `count` rows, and where in it they begin. */
static inline size_t row_facts_size(uint64_t count)
{
    return (size_t)count * sizeof(struct row_facts) + ROW_FACTS_ALIGN;
}

static inline struct row_facts *row_facts_in(void *memory)
{
    uintptr_t at = ((uintptr_t)memory + ROW_FACTS_ALIGN - 1) & ~(uintptr_t)(ROW_FACTS_ALIGN - 1);

    return (struct row_facts *)at;
}

static inline int64_t row_order_ns(const struct row_facts *row)
{
    return (int64_t)((uint64_t)row->time_ns + (uint64_t)row->order_distance_ns);
}

#endif
