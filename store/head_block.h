/* store/head_block.h -- blocks over rows that are still in the head.
 * Thread safety: as block.h. */
#ifndef DENDRO_STORE_HEAD_BLOCK_H
#define DENDRO_STORE_HEAD_BLOCK_H

#include "store/block_impl.h"
#include "store/chunk.h"
#include "store/scan.h"

#define PART_ALL_SOURCES UINT32_MAX

/* Some rows of one chunk: those of one of its formats; or all its samples; or the open rows of one
 * format and source. */
struct head_part {
    const struct chunk *chunk;
    uint32_t format; /* the chunk's own index; not for samples */
    uint32_t source; /* the chunk's own index, for open rows; PART_ALL_SOURCES: complete rows */
};

struct head_block_options {
    const struct chunk_tables *tables;
    const struct head_part *parts;
    uint32_t part_count;
    bool samples;
    uint64_t after_sequence; /* rows up to it are not selected */
};

/* A block of the rows of all parts, all selected but for `after_sequence`. The chunks must outlive
 * it: the caller sets `owner`. Errors: NO_MEMORY. */
enum status head_block_new(const struct head_block_options *options, struct block **out,
                           struct error *err) WARN_UNUSED;

#endif
