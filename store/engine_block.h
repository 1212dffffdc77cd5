/* store/engine_block.h -- a block of a segment in memory: pages load when they are needed.
 *
 * A block is a list of sections, each with the rows of one family. Values can be asked for in two
 * forms: as they are stored (numbers, codes, ids: what filters work on) and as text.
 * Thread safety: one thread at a time per block. */
#ifndef DENDRO_STORE_ENGINE_BLOCK_H
#define DENDRO_STORE_ENGINE_BLOCK_H

#include "store/engine_segment_format.h"

/* A column of a section; what is set depends on its class. All arrays are by row of the section.
 * What only printing needs (dict, ids) comes with engine_block_printable(). */
struct engine_values {
    bool loaded, printable;
    const int64_t *numbers; /* NUMBERS (stamps: ns since the epoch), mantissas, numbers of ids */
    const int64_t *scales;  /* DECIMALS */
    const uint32_t *codes;
    const struct slice *dict;  /* CODES: string of each code */
    const struct slice *texts; /* TEXTS */
    const uint8_t *ids;        /* IDS: slot_id_size() bytes per row */
};

struct engine_block {
    struct block base;
    struct engine_segment *segment;
    const struct engine_block_entry *entry;
    uint64_t bytes_read;
    const int64_t *pages[BLOCK_PAGE_COUNT]; /* decoded; times of order are summed up already */
    const uint32_t *sources;                /* index of the segment's sources, by row */
    const uint32_t *templates;              /* index of the segment's templates, by row */
    struct engine_values **values;          /* [section][column]; NULL: nothing loaded yet */
    struct pool_hold hold;
    struct stamp_cache stamps;
    struct buf lines;                       /* rendered for FIELD_ID_MSG */
    field_id *fields;
    uint32_t field_count;
};

/* The whole block with all rows selected; nothing is read yet. */
enum status engine_block_new(struct engine_segment *segment, uint32_t index,
                             struct engine_block **out, struct error *err) WARN_UNUSED;

static inline const struct engine_family *engine_family_of(const struct engine_block *block,
                                                           uint32_t section)
{
    return &block->segment->families[block->entry->sections[section].family];
}

/* Numbers of a page of the block, one per row; source and template pages are checked. */
enum status engine_block_page(struct engine_block *block, enum block_page page,
                              const int64_t **out, struct error *err) WARN_UNUSED;
enum status engine_block_sources(struct engine_block *block, const uint32_t **out,
                                 struct error *err) WARN_UNUSED;
enum status engine_block_templates(struct engine_block *block, const uint32_t **out,
                                   struct error *err) WARN_UNUSED;

/* A column of a section, loaded as a whole: numbers and codes are checked against their pools. */
enum status engine_block_values(struct engine_block *block, uint32_t section, uint32_t column,
                                const struct engine_values **out, struct error *err) WARN_UNUSED;
/* The same, ready for engine_value_text(). */
enum status engine_block_printable(struct engine_block *block, uint32_t section, uint32_t column,
                                   const struct engine_values **out,
                                   struct error *err) WARN_UNUSED;
/* All columns of a section, for rendering. */
enum status engine_block_load(struct engine_block *block, uint32_t section,
                              struct error *err) WARN_UNUSED;

/* Text of one value that is printable; `scratch` has SLOT_WRITE_MAX bytes and may hold it. */
struct slice engine_value_text(struct engine_block *block, const struct engine_column *column,
                               const struct engine_values *values, uint32_t row, char *scratch);

/* Append the line of `row` (of the block) or a part of it: gaps and slots from (begin gap, offset) to
 * (end gap, offset). The section's columns must be loaded. */
struct line_part {
    uint32_t begin_gap, begin_offset, end_gap, end_offset;
};
bool engine_append_part(struct engine_block *block, uint32_t section, uint32_t row,
                        const struct line_part *part, struct buf *out);
bool engine_append_line(struct engine_block *block, uint32_t section, uint32_t row,
                        struct buf *out);
uint32_t engine_section_of(const struct engine_block *block, uint32_t row);

/* Field `index` of the family as a part of the lines of a template. */
struct line_part engine_field_part(const struct engine_block *block, uint32_t section,
                                   uint32_t template, uint32_t index);

/* The operations of block_impl.h. */
extern const struct block_ops engine_block_ops;
/* block_column() for fields of events that are neither of the source nor the line. */
enum status engine_field_column(struct engine_block *block, field_id field, bool as_text,
                                struct column *out, struct error *err) WARN_UNUSED;

#endif
