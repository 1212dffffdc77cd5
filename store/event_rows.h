/* store/event_rows.h -- events in the open as the rows of a segment to be.
 * Thread safety: plain data; the rows must be kept meanwhile. */
#ifndef DENDRO_STORE_EVENT_ROWS_H
#define DENDRO_STORE_EVENT_ROWS_H

#include "store/segment.h"

struct event_rows {
    struct segment_content content; /* as the one given, with facts */
    void *facts_memory;             /* before they are aligned */
    uint32_t *order;
};

/* Of content->rows. Errors: NO_MEMORY. */
enum status event_rows_make(struct event_rows *rows, const struct segment_content *content,
                            struct error *err) WARN_UNUSED;
void event_rows_release(struct event_rows *rows);

#endif
