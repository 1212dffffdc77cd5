/* store/segment_format.h -- layout of a segment file of the template engine, version 5.
 * Integers are little-endian; "text" is a varint length and bytes; varints are LEB128.
 *
 *   offset  size  field
 *        0     8  magic        "DNSEG\r\n\0": the CR LF exposes a text-mode copy
 *        8     4  version      readers refuse a version they do not know
 *       12     4  reserved     0
 *       16        regions, one behind the other, each a row of pages: POOL (strings and their grams),
 *                 CODES, NUMBERS, IDS, TEXTS, ROLLUP: what a query touches most comes first
 *                 directory    one zstd frame
 *   end-128    8  seed         of the page hashes; from the summary, so equal input gives equal files
 *   end-120   40  region_size  of the first five regions
 *   end-80     8  directory_offset
 *   end-72     8  directory_size      stored
 *   end-64     8  directory_raw_size
 *   end-56    16  directory_hash      XXH3-128 of the stored directory with `seed`; it holds the hash
 *                                     of every page, so it stands for the whole file (footer_hash)
 *   end-40     8  region_size  of ROLLUP
 *   end-32    16  reserved     0
 *   end-16     4  version
 *   end-12     4  reserved     0
 *   end -8     8  magic        "DNSEGEND"
 *
 * Page entry: varint size << 4 | kind << 1 | in_line.
 *   in_line 1  `size` bytes follow: the page itself, guarded by the directory's hash
 *   kind 0..5  a region: u32 hash follows: low half of XXH3-64 with seed + 8 * offset + region.
 *              Offsets are not kept: each page of a region begins where the one before it ends
 *   kind 7     `size` is the number of an earlier page entry of this directory that is the same page
 *
 * Directory, in this order:
 *   summary    rows, samples, raw_bytes (varints); time min, max, order min, max, sequence min, max
 *              (u64 each)
 *   fields     count, text each
 *   formats    count, text each
 *   sources    count, each: source (source_table.h), rows, from_offset, to_offset, zigzag tail;
 *              runs: count, each: rows, zigzag (first sequence - the number expected)
 *              anchors: count, each: rows since the last anchor, zigzag (offset - the one expected)
 *   families   count, count of all templates, each: format << 1 | as_text, slot count, kinds (2 bytes each), field count,
 *              each: field << 1 | computed, type, unit, begin gap, end gap, place in the event;
 *              class of each column (1 byte each); template count, each: length of each gap,
 *              begin and end offset of each span; then the literals of all its templates
 *   blocks     count, each: flags (1: samples), rows; zigzag varints: time min, time max - min, order
 *              min - time min, order max - order min; pages of enum block_page; section count,
 *              each: family, rows, pages of its columns
 *   lists      of each dictionary column: string count, page of pool numbers by code
 *   pool       string count, page count, each: strings, raw size, page, page of its grams
 *   ids        pool count, each: kind (2 bytes), ids, page of heads, pages of the rest
 *   series     count, each: source, text of the metric, label count, name and value texts, samples
 *   rollups    page of counts (empty: none), field count, each: field, page of values: rollup.h;
 *              page of sums by tenant (empty: none): rollup_sums.h; page of cells of samples (empty:
 *              none): sample_rollup.h
 *
 * Version 4 is the same without runs in the stamps of texts and without samples of series and their
 * cells, version 3 also without sums by tenant, version 2 also without ROLLUP and without `rollups`.
 *
 * The sequence expected is the one before it in the source + 1; the offset expected is the one before
 * it + the length of its event + tail. The rank of a row counts the rows of its source before it, in
 * the order of segment_content; blocks keep it as the distance to the rank expected: one more than
 * that of the row before it in the block of the same source, at first 0. */
#ifndef DENDRO_STORE_SEGMENT_SEGMENT_FORMAT_H
#define DENDRO_STORE_SEGMENT_SEGMENT_FORMAT_H

#include "base/arena.h"
#include "store/block_impl.h"
#include "store/segment.h"
#include "store/slot.h"
#include "store/text_pool.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    SEGMENT_VERSION = 5,
    SEGMENT_VERSION_MIN = 2,            /* that this program reads */
    SEGMENT_HEADER_SIZE = 16,
    SEGMENT_FOOTER_SIZE = 128,
    SEGMENT_DIRECTORY_SIZE_MAX = 256 << 20,
    SEGMENT_PAGE_SIZE_MAX = 256 << 20,
    SEGMENT_INLINE_SIZE_MAX = 40,       /* a page of its own costs 6 bytes here and a read */
    SEGMENT_SMALL_FAMILY_ROWS = 1024,   /* smaller families share blocks */
    SEGMENT_BLOCK_BYTES_MAX = 4 << 20,  /* of lines: what a block costs in memory is bounded */
    SEGMENT_TEXT_BLOCK_BYTES_MAX = 512 << 10, /* of lines kept as text */
    SEGMENT_PATH_SIZE_MAX = 4096,
};
#define SEGMENT_MAGIC     "DNSEG\r\n"
#define SEGMENT_END_MAGIC "DNSEGEND"

enum page_region {
    REGION_POOL,
    REGION_CODES,
    REGION_NUMBERS,
    REGION_IDS,
    REGION_TEXTS,
    REGION_ROLLUP,
    REGION_COUNT,
    PAGE_AGAIN = 7, /* not a region: see above */
};

/* Pages that every block has; samples use those marked s. All are int pages. */
enum block_page {
    PAGE_TIME,     /* s */
    PAGE_ORDER,    /* order time - time */
    PAGE_SOURCE,   /*    index of the segment's sources */
    PAGE_RANK,     /* s: sequence */
    PAGE_LEVEL,    /* s: series */
    PAGE_FLAGS,    /* s: scale of the value, 255: `number` is its bits */
    PAGE_TEMPLATE, /* s: number of the value; else template - first template of the family */
    BLOCK_PAGE_COUNT,
};

/* How the values of a column are kept. */
enum column_class {
    CLASS_NUMBERS,  /* int page; stamps: minus the row's time */
    CLASS_DECIMALS, /* int pages of mantissas and scales */
    CLASS_IDS,      /* int page of numbers in the pool of the kind */
    CLASS_CODES,    /* int page of codes; the column's list gives the string */
    CLASS_TEXTS,    /* varint raw size, zstd frame of text_page_append(); then a page of text_stamp.h */
    CLASS_COUNT
};

static inline unsigned class_page_count(unsigned class)
{
    return class == CLASS_DECIMALS || class == CLASS_TEXTS ? 2 : 1;
}

struct page_ref {
    const char *in_line; /* NULL: in the file */
    uint64_t offset;     /* in the file */
    uint32_t size, hash;
    uint32_t entry; /* number of the page entry */
    uint8_t region;
};

struct segment_column {
    struct slot_kind kind; /* computed fields: TEXT_FREE */
    uint8_t class;
    uint32_t dict_count;   /* CLASS_CODES */
    struct page_ref list;
};

/* Is a field exactly one slot in every template of its family? To find out takes a look at each. */
enum field_one_slot { ONE_SLOT_UNKNOWN, ONE_SLOT_NO, ONE_SLOT_YES };

struct segment_field {
    field_id field; /* of this process */
    uint8_t type, unit;
    bool computed;
    uint16_t begin_gap, end_gap; /* computed: begin_gap is the column */
    uint16_t place;              /* in the event: the first of equal names counts */
    atomic_uchar one_slot;       /* enum field_one_slot: found when somebody asks */
};

struct segment_template {
    const char *literals;
    const uint32_t *gap_ends;      /* slot_count + 1 */
    const uint32_t *field_offsets; /* begin, end of each field */
};

struct segment_family {
    uint32_t format;
    /* Lines kept as text: slot 0 is the line; the last column holds the fields of the event, see
     * segment_fields.h. */
    bool as_text;
    uint16_t slot_count, column_count, field_count; /* columns: slots, then computed fields */
    struct segment_column *columns;
    struct segment_field *fields;
    uint32_t first_template, template_count;
};

struct segment_section {
    uint32_t family, first_row, row_count;
    const struct page_ref *pages; /* of its columns, in order */
};

struct segment_block_entry {
    bool samples;
    uint32_t row_count, section_count;
    uint64_t first_sample; /* samples: how many are before it in the file */
    int64_t time_min_ns, time_max_ns, order_min_ns, order_max_ns;
    struct page_ref pages[BLOCK_PAGE_COUNT];
    const struct segment_section *sections;
};

/* Rows of one source that arrived one behind the other. */
struct segment_run {
    uint64_t first_rank, first_sequence;
};

struct segment_anchor {
    uint64_t rank, offset;
};

struct segment_source_entry {
    struct segment_source info;
    uint32_t number; /* in this process */
    uint32_t run_count, anchor_count;
    uint64_t tail;
    const struct segment_run *runs;
    const struct segment_anchor *anchors;
};

struct segment_pool_page {
    uint32_t first, count, raw_size;
    struct page_ref page, grams;
};

struct segment_ids {
    struct slot_kind kind;
    uint32_t count;
    struct page_ref heads;
    const struct page_ref *rest; /* one per ID_PAGE_COUNT ids */
};

struct segment_series {
    uint32_t source;
    struct slice metric;
    uint32_t label_count;
    const struct label *labels;
    uint64_t first_sample; /* those of all series before it; since version 5 */
};

struct segment_patterns;
struct gap_index;
struct kept_page;
struct rollup_kept;
struct segment_rollup_field {
    field_id field;
    struct page_ref page;
    _Atomic(struct rollup_kept *) values_kept; /* decoded */
};

struct segment_rollups {
    bool kept; /* false: a segment of version 2 */
    struct page_ref counts;
    struct segment_rollup_field *fields;
    uint32_t field_count;
    struct page_ref sums; /* of no size in segments of version 3 */
    struct page_ref samples; /* since version 5 */
    _Atomic(struct rollup_kept *) counts_kept, sums_kept, samples_kept;
};

/* Where the footer has the size of a region. */
static inline unsigned segment_footer_region(unsigned region)
{
    return region < REGION_ROLLUP ? 8 + 8 * region : 88;
}

struct segment {
    struct io *io;
    const struct segment_names *names;
    int fd;
    uint64_t seed;
    uint32_t version;
    bool quarantines; /* bad pages are set aside: page_quarantine.h */
    char *image; /* the bytes of the file: segment_read_ahead(); NULL: pages are read one by one */
    uint64_t region_start[REGION_COUNT]; /* in the file */
    struct segment_summary summary;
    struct arena arena; /* all that follows */
    field_id *fields;   /* names of the file -> of this process */
    struct slice *formats;
    struct segment_source_entry *sources;
    struct segment_family *families;
    struct segment_template *templates;
    struct segment_block_entry *blocks;
    struct segment_pool_page *pool;
    struct segment_ids *ids;
    struct segment_series *series;
    struct segment_rollups rollups; /* segment_rollup.h */
    const struct page_ref *pages; /* every page entry once, for segment_verify() */
    atomic_uchar *pages_checked; /* by page entry: 1 if its hash was right once */
    atomic_uchar *blocks_checked; /* by block: 1 if all its pages were right once */
    struct kept_page **kept_pages; /* by page entry: page_cache.h */
    uint32_t page_count;
    uint32_t field_count, format_count, source_count, family_count, template_count, block_count;
    uint32_t pool_page_count, pool_count, ids_count, series_count;
    _Atomic(uint64_t *) *block_sources; /* by block: block_sources.h; NULL: not known yet */
    _Atomic(struct text_page *) *pool_pages; /* decoded, kept while the budget lasts */
    _Atomic(struct segment_patterns *) patterns; /* NULL until somebody asks: segment_pattern.h */
    _Atomic(struct gap_index *) gap_index;       /* the same: gap_index.h */
    pthread_mutex_t offsets_lock;
    uint64_t **offsets; /* of each source, by rank; made at the first question */
    char path[SEGMENT_PATH_SIZE_MAX];
};

/* Are samples of series counted? */
static inline bool segment_counts_samples(const struct segment *segment)
{
    return segment->version >= 5;
}

/* The series of sample number `at` of such a segment, which has some. */
static inline uint32_t segment_series_of(const struct segment *segment, uint64_t at)
{
    uint32_t low = 0, high = segment->series_count;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (segment->series[middle].first_sample <= at)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Read the file at once, for who will ask for most of its pages before anybody else does: they are
 * checked one by one all the same. A large file, or one that this fails for, is read by pages. */
void segment_read_ahead(struct segment *segment);
/* Bytes of a page, into `arena` or of what was read ahead, checked; what fails is read once more.
 * Errors: CORRUPT (also for what the system cannot read, or what is set aside), NO_MEMORY.
 * `bytes_read` may be NULL. */
enum status segment_page_read(const struct segment *segment, const struct page_ref *page,
                             struct arena *arena, struct slice *out, uint64_t *bytes_read,
                             struct error *err) WARN_UNUSED;
enum status segment_corrupt(const struct segment *segment, const char *what,
                           struct error *err);

/* Compare the hashes of all pages that block `index` can lead to; each page once per open segment.
 * So a damaged block is found before its rows are handed out, whatever columns are asked for
 * later. Errors: as segment_page_read(). */
enum status segment_block_check(struct segment *segment, uint32_t index,
                               uint64_t *bytes_read, struct error *err) WARN_UNUSED;

/* Pool pages that their user must keep, since the budget of kept pages is used up. */
struct pool_hold {
    struct pool_held *held;
};

/* A page of the string pool, decoded. Valid until pool_hold_release(), or longer. */
enum status segment_pool_page(struct segment *segment, uint32_t index,
                             struct pool_hold *hold, const struct text_page **out,
                             struct error *err) WARN_UNUSED;
/* One string of the pool. */
enum status segment_pool_string(struct segment *segment, uint32_t number,
                               struct pool_hold *hold, struct slice *out,
                               struct error *err) WARN_UNUSED;
void pool_hold_release(struct pool_hold *hold);

/* The directory; see above. */
enum status segment_directory_parse(struct segment *segment, struct slice directory,
                                   const uint64_t region_size[REGION_COUNT],
                                   struct error *err) WARN_UNUSED;

#endif
