/* base/packed_reader.h -- read a local file that may be compressed: plain, .gz or .zst.
 * The kind is told by the first bytes, not by the name. Several gzip members or zstd frames in a
 * row (as log rotation appends them) are one text. Memory: 128 KiB and the window.
 * Thread safety: one thread at a time per reader. */
#ifndef DENDRO_BASE_PACKED_READER_H
#define DENDRO_BASE_PACKED_READER_H

#include "base/compress.h"
#include "base/io.h"

struct packed_reader;

/* Errors: those of io_open() and of reading the first bytes. */
enum status packed_reader_open(struct io *io, const char *path, struct packed_reader **out,
                               struct error *err) WARN_UNUSED;
void packed_reader_close(struct packed_reader *reader); /* NULL does nothing */

/* Up to `size` bytes into `data`: *len > 0 of them, or STATUS_END at the end of the text.
 * Errors: INVALID  damaged, or cut short; what came before has been handed out already
 *         IO       the system refused a read */
enum status packed_reader_read(struct packed_reader *reader, char *data, size_t size, size_t *len,
                               struct error *err) WARN_UNUSED;

#endif
