/* store/seal_rows.h -- the rows and samples of a head in the order and the form in which a segment takes them.
 * Thread safety: plain data; the head must be kept meanwhile. */
#ifndef DENDRO_STORE_SEAL_ROWS_H
#define DENDRO_STORE_SEAL_ROWS_H

#include "store/seal_samples.h"

struct seal_rows {
    const struct head *head;
    struct event *events;     /* in order of arrival, without their fields */
    struct segment_row *rows; /* by (order time, source, sequence) */
    uint64_t row_count;
    struct seal_samples samples;
    struct event_source *sources;
    struct slice *formats;
    uint32_t source_count, format_count;
};

enum status seal_rows_of(const struct head *head, const struct chunk_tables *tables,
                         struct seal_rows *out, struct error *err) WARN_UNUSED;
void seal_rows_release(struct seal_rows *rows);

/* segment_content.fields of these rows, with them as `user`. */
void seal_row_fields(void *user, const struct segment_row *row, struct event_field *out);
/* The same of segment_content.ask_fields. */
void seal_row_ask(void *user, const struct segment_row *row);
/* The same of segment_content.spans. */
uint64_t seal_row_spans(void *user, const struct segment_row *row, struct event_spans *out);

#endif
