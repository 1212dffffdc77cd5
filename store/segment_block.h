/* store/segment_block.h -- a block of a segment in memory: pages load when they are needed.
 *
 * A block is a list of sections, each with the rows of one family. Values can be asked for in two
 * forms: as they are stored (numbers, codes, ids: what filters work on) and as text.
 * Thread safety: one thread at a time per block. */
#ifndef DENDRO_STORE_SEGMENT_BLOCK_H
#define DENDRO_STORE_SEGMENT_BLOCK_H

#include "store/page_cache.h"

/* A column of a section; what is set depends on its class. All arrays are by row of the section.
 * What only printing needs (dict, ids) comes with segment_block_printable(). */
struct segment_values {
    bool loaded, printable;
    const int64_t *numbers; /* NUMBERS (stamps: ns since the epoch), mantissas, numbers of ids */
    const int64_t *scales;  /* DECIMALS */
    const uint32_t *codes;
    const struct slice *dict;  /* CODES: string of each code */
    const struct slice *texts; /* TEXTS */
    const uint8_t *ids;        /* IDS: slot_id_size() bytes per row */
};

/* Pages of ids that were read: a block may need all of them for each of its columns. Its own, or one
 * that blocks of a segment share on one thread, with an arena that outlives them. */
struct id_pages {
    struct slice heads;
    struct slice *rest; /* by page */
};
struct id_cache {
    struct arena *arena;
    struct id_pages *pools; /* as the pools of the segment */
};

struct segment_block {
    struct block base;
    struct segment *segment;
    const struct segment_block_entry *entry;
    uint64_t bytes_read;
    const int64_t *pages[BLOCK_PAGE_COUNT]; /* decoded; times of order are summed up already */
    const uint32_t *sources;                /* index of the segment's sources, by row */
    const uint32_t *template_codes;         /* of the row's family, by row */
    const uint32_t *templates;              /* index of the segment's templates, by row */
    struct segment_values **values;          /* [section][column]; NULL: nothing loaded yet */
    struct segment_few **few;                /* [section], see segment_few.h; NULL: none made yet */
    struct pool_hold hold;
    struct page_uses uses;
    struct id_cache own_ids, *ids;
    struct stamp_cache stamps;
    field_id *fields;
    uint32_t field_count;
};

/* The whole block with all rows selected; nothing is read yet. */
enum status segment_block_new(struct segment *segment, uint32_t index,
                             struct segment_block **out, struct error *err) WARN_UNUSED;

/* The same with an arena that is lent to one block after the other: its memory need not be found, and
 * cleared by the system, for each of them. */
enum status segment_block_lend(struct segment *segment, uint32_t index, struct arena *arena,
                               struct segment_block **out, struct error *err) WARN_UNUSED;

static inline const struct segment_family *segment_family_of(const struct segment_block *block,
                                                           uint32_t section)
{
    return &block->segment->families[block->entry->sections[section].family];
}

/* Numbers of a page of the block, one per row; source and template pages are checked. */
enum status segment_block_page(struct segment_block *block, enum block_page page,
                              const int64_t **out, struct error *err) WARN_UNUSED;
/* `count` numbers of a page of the segment, if they are kept between queries: whole and not checked
 * against any pool; *out NULL: they are not, and nothing was read. */
enum status segment_block_kept(struct segment_block *block, const struct page_ref *page,
                               uint32_t count, const int64_t **out, struct error *err) WARN_UNUSED;
/* The same for codes, all of which must be less than `below`. */
enum status segment_block_kept_codes(struct segment_block *block, const struct page_ref *page,
                                     uint32_t count, uint64_t below, const uint32_t **out,
                                     struct error *err) WARN_UNUSED;
#define CODES_ANY ((uint64_t)UINT32_MAX + 1) /* `below` that all are */
/* Is it known without a look into the file that every row has the same number there? `value` is then
 * set, and nothing is made. */
bool segment_block_constant(const struct segment_block *block, enum block_page page,
                           int64_t *value);
enum status segment_block_sources(struct segment_block *block, const uint32_t **out,
                                 struct error *err) WARN_UNUSED;
/* Of the rows of a section, counted from the first of its family; checked. */
enum status segment_block_template_codes(struct segment_block *block, uint32_t section,
                                         const uint32_t **out, struct error *err) WARN_UNUSED;
enum status segment_block_templates(struct segment_block *block, const uint32_t **out,
                                   struct error *err) WARN_UNUSED;

/* A column of a section, loaded as a whole: numbers and codes are checked against their pools. */
enum status segment_block_values(struct segment_block *block, uint32_t section, uint32_t column,
                                const struct segment_values **out, struct error *err) WARN_UNUSED;
/* Addresses of a column of IPV4 as their 32 bits. */
enum status segment_block_addresses(struct segment_block *block, uint32_t section,
                                    uint32_t column, const uint32_t **out,
                                    struct error *err) WARN_UNUSED;
/* The same, ready for segment_value_text(). */
enum status segment_block_printable(struct segment_block *block, uint32_t section, uint32_t column,
                                   const struct segment_values **out,
                                   struct error *err) WARN_UNUSED;
/* Number in the pool of each code of a dictionary column. */
enum status segment_block_list(struct segment_block *block, uint32_t section, uint32_t column,
                               const uint32_t **out, struct error *err) WARN_UNUSED;
/* All columns of a section, for rendering. */
enum status segment_block_load(struct segment_block *block, uint32_t section,
                              struct error *err) WARN_UNUSED;

/* Is it known without a look into the file that a column has the same value in all rows of a section? */
bool segment_column_constant(const struct segment_block *block, uint32_t section, uint32_t column);
/* Pages of a column of a section. */
const struct page_ref *segment_column_pages(const struct segment_block *block, uint32_t section,
                                           uint32_t column);
/* Bytes of ids by their numbers in the pool of their kind, which are checked. */
enum status segment_block_ids(struct segment_block *block, struct slot_kind kind,
                             const int64_t *numbers, uint32_t count, const uint8_t **out,
                             struct error *err) WARN_UNUSED;

/* Text of one value that is printable; `scratch` has SLOT_WRITE_MAX bytes and may hold it. */
struct slice segment_value_text(struct segment_block *block, const struct segment_column *column,
                               const struct segment_values *values, uint32_t row, char *scratch);

/* Append the line of `row` (of the block) or a part of it: gaps and slots from (begin gap, offset) to
 * (end gap, offset). The section's columns must be loaded. */
struct line_part {
    uint32_t begin_gap, begin_offset, end_gap, end_offset;
};
bool segment_append_part(struct segment_block *block, uint32_t section, uint32_t row,
                        const struct line_part *part, struct buf *out);
bool segment_append_line(struct segment_block *block, uint32_t section, uint32_t row,
                        struct buf *out);
struct line_part segment_whole_line(const struct segment_block *block, uint32_t section,
                                   uint32_t template);
/* The same from values that need not be those of the whole section. */
struct line_row {
    uint32_t section, template;
    const struct segment_values *values; /* by column */
    uint32_t index;                      /* of the row in their arrays */
};
bool segment_append_values(struct segment_block *block, const struct line_row *row,
                          const struct line_part *part, struct buf *out);
uint32_t segment_section_of(const struct segment_block *block, uint32_t row);

/* Field `index` of the family as a part of the lines of a template. */
struct line_part segment_field_part(const struct segment_block *block, uint32_t section,
                                   uint32_t template, uint32_t index);

/* The dictionary that is exactly the field, a text, in all rows of a family; UINT32_MAX: none is. */
uint32_t segment_dict_column(const struct segment *segment, const struct segment_family *family,
                             field_id field);

/* The column that is exactly the field in all rows of a family, and what its values mean; false: the
 * field is not there, or more than a column. */
struct field_slot {
    uint32_t column;
    uint8_t type, unit;
};
bool segment_field_slot(const struct segment *segment, const struct segment_family *family,
                        field_id field, struct field_slot *out);

/* The operations of block_impl.h. */
extern const struct block_ops segment_block_ops;
/* block_column() for fields of events that are neither of the source nor the line. */
enum status segment_field_column(struct segment_block *block, field_id field, bool as_text,
                                struct column *out, struct error *err) WARN_UNUSED;

#endif
