/* store/template.h -- the constant parts of lines, found again by the shape of a line.
 *
 * A template is a shape without its values: gaps with their literals, kinds of slots, fields. Two
 * lines have the same template iff all of these are equal, byte for byte; the hash only finds the
 * candidates. So a row is exactly (template, values).
 * Thread safety: one thread at a time per table. */
#ifndef DENDRO_STORE_TEMPLATE_H
#define DENDRO_STORE_TEMPLATE_H

#include "base/arena.h"
#include "store/tokenizer.h"

enum { TEMPLATE_COUNT_MAX = 65536 /* of a segment; further lines are kept as text */ };
#define TEMPLATE_NONE UINT32_MAX

struct template {
    uint64_t hash;
    const char *literals;      /* of all gaps, one behind the other */
    const uint32_t *gap_ends;  /* slot_count + 1 ends in `literals` */
    const struct slot_kind *kinds;
    const struct shape_field *fields;
    uint32_t format;
    uint32_t row_count;
    uint16_t slot_count, field_count, computed_count;
};

struct template_table {
    struct arena arena;
    struct template **templates; /* in order of first use, until they are renumbered */
    uint32_t *places;            /* open addressing; TEMPLATE_NONE: free */
    uint32_t count, capacity, place_count;
};

void template_table_init(struct template_table *table);
void template_table_release(struct template_table *table);

/* Index of the template of `shape`, which was read from `bytes`, making one if needed.
 * TEMPLATE_NONE: no memory, or the limit was reached. */
uint32_t template_table_get(struct template_table *table, const struct line_shape *shape,
                            struct slice bytes, uint32_t format);

/* Template i becomes template numbers[i]; each number below the count is there once. False without
 * memory: nothing has changed. */
bool template_table_renumber(struct template_table *table, const uint32_t *numbers);

static inline uint32_t template_gap_start(const struct template *template, uint32_t gap)
{
    return gap == 0 ? 0 : template->gap_ends[gap - 1];
}

static inline struct slice template_gap(const struct template *template, uint32_t gap)
{
    uint32_t start = template_gap_start(template, gap);

    return (struct slice){template->literals + start, template->gap_ends[gap] - start};
}

/* The computed field that `number` others come before. */
static inline const struct shape_field *template_computed_field(const struct template *template,
                                                                uint32_t number)
{
    const struct shape_field *field = template->fields;

    while (!field->computed || number-- > 0)
        field++;
    return field;
}

#endif
