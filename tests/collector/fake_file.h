/* tests/collector/fake_file.h -- a followed file in memory, and frames of its ranges as a shipper
 * would make them.
 * Thread safety: none. */
#ifndef DENDRO_TESTS_COLLECTOR_FAKE_FILE_H
#define DENDRO_TESTS_COLLECTOR_FAKE_FILE_H

#include "base/batch_message.h"
#include "base/frame.h"

struct fake_file {
    struct wire_source source;
    const char *path;
    struct slice content;
};

/* The body of a BATCH with one range [start, end) of the file: whole lines; a last one without
 * newline is partial. `flags` for the range. Appended to `out`. */
void fake_file_body(const struct fake_file *file, uint64_t start, uint64_t end, uint8_t flags,
                    struct buf *out);
/* The same as a frame, as sent. */
void fake_file_frame(const struct fake_file *file, uint64_t start, uint64_t end, uint8_t flags,
                     uint64_t seq, struct buf *out);
/* Tail hash at `offset`. */
uint64_t fake_file_tail(const struct fake_file *file, uint64_t offset);

#endif
