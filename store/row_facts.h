/* store/row_facts.h -- what a segment keeps of a row beside the values of its line.
 *
 * The rows of a family lie anywhere among the rows of a segment: what is known of one stands
 * together, in one line of the processor's cache. */
#ifndef DENDRO_STORE_ROW_FACTS_H
#define DENDRO_STORE_ROW_FACTS_H

#include <assert.h>
#include <stdint.h>

struct row_facts {
    int64_t time_ns, order_distance_ns; /* order time - time */
    int64_t rank;                       /* rows of its source before it */
    uint64_t sequence, offset;
    const char *bytes; /* the line; borrowed */
    uint32_t size;     /* of the line */
    uint32_t source;   /* index in the content */
    uint16_t format;
    uint8_t level, flags;
};
enum { ROW_FACTS_ALIGN = 64 };
static_assert(sizeof(struct row_facts) == ROW_FACTS_ALIGN, "a row is one line of the cache");

static inline int64_t row_order_ns(const struct row_facts *row)
{
    return (int64_t)((uint64_t)row->time_ns + (uint64_t)row->order_distance_ns);
}

#endif
