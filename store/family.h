/* store/family.h -- group templates whose lines fit one typed table.
 *
 * Two templates can share a family if they have the same skeleton (delimiters, kinds of slots,
 * fields) and at least a third of their words. The words that differ make the rows' template code; a
 * position with too many different words becomes a text slot instead ("widened": user names without
 * digits). Deterministic: the same templates in the same order give the same families.
 *
 * Thread safety: one thread at a time. */
#ifndef DENDRO_STORE_FAMILY_H
#define DENDRO_STORE_FAMILY_H

#include "base/error.h"
#include "store/template.h"

enum {
    FAMILY_WORDS_MAX = 1000,       /* of a template; with more its lines are kept as text */
    FAMILY_WORD_VARIANTS_MAX = 64, /* different words at one position */
    FAMILY_ROWS_MIN = 8,           /* smaller families are kept as text: a table costs ~100 bytes */
};
#define FAMILY_NONE UINT32_MAX

/* Where a column of a family comes from in one of the templates that were given. */
struct column_source {
    uint16_t slot;   /* of the raw template; FAMILY_NO_SLOT: `word` */
    struct slice word;
};
#define FAMILY_NO_SLOT UINT16_MAX

struct family {
    uint32_t format;
    uint32_t first_template, template_count; /* in family_set.templates */
    uint64_t row_count;
    uint16_t slot_count, computed_count, field_count;
    const struct slot_kind *kinds;   /* of slots; widened ones are TEXT_TOKEN */
    /* Of all templates of the family; the offsets are those of its first template. */
    const struct shape_field *fields;
};

/* A raw template placed. */
struct family_member {
    uint32_t family;   /* FAMILY_NONE: kept as text */
    uint32_t template; /* in family_set.templates */
    const struct column_source *columns; /* slot_count of the family; NULL: slot i is column i */
};

struct family_set {
    struct arena arena;
    struct family *families;
    struct template **templates; /* those of one family stand together */
    struct family_member *members; /* one per raw template */
    uint32_t family_count, template_count;
};

/* Group the templates of `table` by their row counts so far. NULL `err` is fine.
 * Errors: NO_MEMORY. */
enum status family_set_make(struct family_set *set, const struct template_table *table,
                            struct error *err) WARN_UNUSED;
void family_set_release(struct family_set *set);

#endif
