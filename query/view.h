/* query/view.h -- rows on their way through the operators: a block of the store, or columns that
 * an operator made, with columns laid over it and rows dropped, but nothing copied.
 *
 * A view is itself a block (store/block_impl.h), so that filters run on it as in the store, and
 * block_column() finds its columns. An operator gets a view, may lay columns over it or drop
 * rows, and pushes it on; what it keeps longer it copies.
 * Thread safety: one thread at a time per view. */
#ifndef DENDRO_QUERY_VIEW_H
#define DENDRO_QUERY_VIEW_H

#include "query/cell.h"
#include "query/names.h"
#include "store/block_impl.h"

struct view_column {
    field_id field;
    enum { VIEW_DATA, VIEW_ALIAS, VIEW_HIDDEN } kind;
    struct column data;  /* VIEW_DATA */
    field_id alias;      /* VIEW_ALIAS: a column of the source */
};

struct view {
    struct block base;       /* first: a view is a block */
    struct block *source;    /* borrowed; NULL: only columns of its own */
    bool open;               /* columns of the source are seen under their own names */
    struct view_column *columns;
    uint32_t column_count, column_capacity;
    field_id *fields;        /* room for view_fields() */
};

/* Ready for use; memory of columns is bounded by `size_max`. */
void view_init(struct view *view, size_t size_max);
void view_release(struct view *view);

/* Show the selected rows of `block`, which must outlive the use of the view. */
enum status view_show(struct view *view, struct block *block, struct error *err) WARN_UNUSED;
/* Show `row_count` rows without columns yet; all are selected. */
enum status view_begin(struct view *view, uint32_t row_count, struct error *err) WARN_UNUSED;

/* Lay a column over what was there under this name. Its arrays must live as long as the rows:
 * made in view_arena(), or the source's. */
enum status view_set(struct view *view, field_id field, const struct column *column,
                     struct error *err) WARN_UNUSED;
/* The column of `from` is seen as `field` too. */
enum status view_alias(struct view *view, field_id field, field_id from,
                       struct error *err) WARN_UNUSED;
enum status view_hide(struct view *view, field_id field, struct error *err) WARN_UNUSED;
/* Hide all but these, and show them in this order. */
enum status view_only(struct view *view, const field_id *fields, uint32_t count,
                      struct error *err) WARN_UNUSED;

/* Names that are seen, in order; borrowed until the next change. */
enum status view_fields(struct view *view, const field_id **out, uint32_t *count,
                        struct error *err) WARN_UNUSED;

static inline struct block *view_block(struct view *view)
{
    return &view->base;
}

static inline struct arena *view_arena(struct view *view)
{
    return &view->base.arena;
}

static inline uint32_t view_row_count(const struct view *view)
{
    return view->base.row_count;
}

static inline uint32_t view_selected_count(const struct view *view)
{
    return view->base.selected_count;
}

/* The values of a field in all rows of the view, selected or not, as block_column() gives them: what
 * was laid over the block, or else the block's own. `as_text`: numbers and times as texts, too.
 * Borrowed until the view goes on to other rows. COLUMN_MISSING: no row has it. */
enum status view_column(struct view *view, field_id field, bool as_text, struct column *out,
                        struct error *err) WARN_UNUSED;
/* Keep only selected rows that are set in `rows` too. */
void view_keep(struct view *view, const uint64_t *rows);
/* Numbers of the selected rows, ascending, view_selected_count() of them; in the view's arena. */
enum status view_rows(struct view *view, const uint32_t **out, struct error *err) WARN_UNUSED;

#endif
