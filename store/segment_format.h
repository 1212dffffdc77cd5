/* store/segment_format.h -- layout of a segment file, version 1. Integers are little-endian.
 *
 *   offset  size  field
 *        0     8  magic        "DNSEG\r\n\0"
 *        8     4  version      readers refuse a version they do not know
 *       12     4  reserved     0
 *       16        pages, in any order
 *        d        directory    zstd
 *   end-80     8  directory_offset
 *   end-72     8  directory_size       stored
 *   end-64     8  directory_raw_size
 *   end-56     8  seed                 of this segment's page hashes
 *   end-48    16  directory_hash       XXH3-128 of the raw directory; it holds every page's hash,
 *                                      so it stands for the whole file (footer_hash)
 *   end-32    16  reserved     0
 *   end-16     4  version
 *   end-12     4  reserved     0
 *   end -8     8  magic        "DNSEGEND"
 *
 * Directory: varints unless noted; "text" is a varint length and bytes.
 *   summary    rows, samples, raw_bytes, then as u64: time min, max, order min, max, sequence min,
 *              max
 *   fields     count, text each
 *   formats    count, text each
 *   sources    count, each: source (source_table.h), rows, from_offset, to_offset
 *   blocks     count, each: flags (bit 0: samples), rows, format, u64 time min, max, order min, max,
 *              then columns: count, each as struct segment_column
 * Column: id, encoding, field, type, unit, u64 value, offset, size, raw_size, u64 hash.
 * A page is stored raw when size == raw_size, else as one zstd frame.
 *
 * A block holds rows of one format in the order of segment_content, or samples in theirs. */
#ifndef DENDRO_STORE_SEGMENT_FORMAT_H
#define DENDRO_STORE_SEGMENT_FORMAT_H

#include "store/block_impl.h"
#include "store/segment.h"

enum {
    SEGMENT_VERSION = 1,
    SEGMENT_HEADER_SIZE = 16,
    SEGMENT_FOOTER_SIZE = 80,
    SEGMENT_BLOCK_TEXT_MAX = 1 << 20,     /* a block ends when its lines reach this */
    SEGMENT_PAGE_SIZE_MAX = 256 << 20,
    SEGMENT_DIRECTORY_SIZE_MAX = 64 << 20,
    SEGMENT_BLOCK_COLUMNS_MAX = 4096,
    SEGMENT_DICT_MAX = 4096,              /* distinct values of a dictionary column */
    SEGMENT_ZSTD_LEVEL = 1,
};
#define SEGMENT_MAGIC     "DNSEG\r\n"
#define SEGMENT_END_MAGIC "DNSEGEND"

enum segment_column_id {
    COLUMN_ID_TIME = 1,
    COLUMN_ID_ORDER,      /* order time minus time */
    COLUMN_ID_SOURCE,     /* index of the segment's sources */
    COLUMN_ID_SEQUENCE,
    COLUMN_ID_OFFSET,
    COLUMN_ID_SOURCE_LEN,
    COLUMN_ID_LEVEL,
    COLUMN_ID_FLAGS,
    COLUMN_ID_TEXT_LEN,
    COLUMN_ID_TEXT,
    COLUMN_ID_FIELD,      /* one per (field, type, unit) */
    COLUMN_ID_SERIES,
    COLUMN_ID_VALUE,
    COLUMN_ID_COUNT
};

enum segment_encoding {
    ENCODING_CONST = 1, /* `value` in every row; no page */
    ENCODING_DELTA,     /* zigzag varints of differences */
    ENCODING_BYTES,     /* as they are: text, or 8 bytes per row */
    ENCODING_INT,       /* presence bits, then zigzag varint differences of the numbers that are the
                           canonical text of the field */
    ENCODING_DICT,      /* count, texts; then per row a varint code + 1, 0: missing */
    ENCODING_SPAN,      /* per row varint start + 1 (0: missing), varint length: of the row's text */
    ENCODING_TEXT,      /* per row varint length + 1 (0: missing), bytes */
    ENCODING_COUNT
};

struct segment_column {
    uint8_t id, encoding, type, unit;
    uint32_t field; /* index of the segment's fields */
    uint64_t value, offset, size, raw_size, hash;
};

struct segment_block_entry {
    bool samples;
    uint32_t row_count, format, column_count;
    int64_t time_min_ns, time_max_ns, order_min_ns, order_max_ns;
    struct segment_column *columns;
};

struct segment {
    struct io *io;
    const struct segment_names *names;
    char path[600];
    int fd;
    uint64_t seed;
    struct segment_summary summary;
    struct arena arena; /* the directory, decoded */
    struct slice *field_names, *format_names;
    field_id *fields; /* of this process, by the segment's index */
    struct segment_source *sources;
    uint32_t *source_numbers; /* of this process */
    struct segment_block_entry *blocks;
    atomic_uchar *blocks_checked; /* 1: every page of the block had its right hash once */
    uint32_t field_count, format_count, source_count, block_count;
};

/* Seed of one page's hash: a page in another place does not pass. */
static inline uint64_t segment_page_seed(uint64_t seed, uint32_t block, uint32_t column)
{
    return seed ^ ((uint64_t)block << 32 | column);
}

/* Read all pages of a block and compare their hashes; once per open segment. So a damaged block is
 * found before its rows are handed out, whatever columns the caller asks for later. */
enum status segment_block_check(const struct segment *segment, uint32_t block,
                                uint64_t *bytes_read, struct error *err) WARN_UNUSED;

/* Read one page whole, check it, give its raw bytes in `arena`. Adds to *bytes_read. */
enum status segment_page_read(const struct segment *segment, uint32_t block, uint32_t column,
                              struct arena *arena, struct slice *out, uint64_t *bytes_read,
                              struct error *err) WARN_UNUSED;

#endif
