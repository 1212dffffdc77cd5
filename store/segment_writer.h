/* store/segment_writer.h -- a segment being written: what its parts share.
 *
 * segment_writer.c makes the pages, segment_directory_writer.c the directory behind them.
 * Thread safety: one thread at a time per writer. */
#ifndef DENDRO_STORE_SEGMENT_WRITER_H
#define DENDRO_STORE_SEGMENT_WRITER_H

#include "store/row_facts.h"
#include "store/segment_gather.h"
#include "store/rollup_sums.h"
#include "store/segment_page_writer.h"
#include "store/segment_samples.h"
#include "store/segment_format.h"

#define DIRECTORY_PART_MAX ((size_t)SEGMENT_DIRECTORY_SIZE_MAX / 2)

/* What is known of a source while its rows go by in segment order. */
struct source_state {
    struct segment_source info;
    int64_t tail;
    uint64_t next_sequence, next_offset;
    uint64_t run_rows;      /* rows of the run at hand */
    uint64_t anchor_rank;   /* of the last anchor */
    uint32_t run_count, anchor_count;
    struct buf runs, anchors;
    int64_t run_distance;
};

struct segment_writer {
    struct io *io;
    const char *path;
    const struct segment_content *content;
    struct error *err;
    struct segment_summary summary;
    struct shaped_rows rows;
    struct source_state *sources;
    const struct row_facts *facts; /* of the content */
    int64_t *expected_ranks;      /* per source: in the block at hand */
    uint32_t *field_numbers;      /* process number -> number in the file + 1 */
    uint32_t field_capacity;
    struct buf field_names;
    uint32_t field_count;
    struct slice *blobs;          /* of the gathering; bytes in blob_bytes */
    struct buf blob_bytes;
    struct gathering gathering;
    struct gathered *gathered;    /* per family, kept for classes and lists */
    struct page_writer pages;
    struct buf blocks;            /* entries of blocks */
    uint32_t block_count;
    struct segment_samples samples;
    uint32_t *origins, *groups;   /* of the rollups, by source */
    struct rollup_builder rollup;
    struct rollup_sums_builder sums;
    int64_t *numbers;             /* of the block at hand: BLOCK_ROWS_MAX per page */
    struct buf directory;
};

/* Number of a field in the file, from 0; UINT32_MAX without memory. */
uint32_t segment_field_number(struct segment_writer *writer, field_id field);

/* Rows of a family; family_count: those kept as text. */
static inline uint32_t segment_family_rows(const struct segment_writer *writer, uint32_t family)
{
    const uint64_t *start = writer->rows.family_start;

    return (uint32_t)(start[family + 1] - start[family]);
}

/* Rows [first, first + count) of one family in a block. */
struct block_part {
    uint32_t family;
    uint32_t first, count;
};

/* Values of the rows of the block at hand. */
static inline int64_t *segment_page_numbers(const struct segment_writer *writer,
                                            enum block_page page)
{
    return writer->numbers + (size_t)page * BLOCK_ROWS_MAX;
}

static inline const uint32_t *segment_part_rows(const struct segment_writer *writer,
                                                const struct block_part *part)
{
    return writer->rows.order + writer->rows.family_start[part->family] + part->first;
}

/* writer->directory from all that was put before. Errors: NO_MEMORY. */
enum status segment_directory_make(struct segment_writer *writer) WARN_UNUSED;

#endif
