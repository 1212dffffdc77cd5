/* store/zstd_context.h -- compression of pages, with one context per thread.
 * Thread safety: any thread; contexts end with their thread. */
#ifndef DENDRO_STORE_ZSTD_CONTEXT_H
#define DENDRO_STORE_ZSTD_CONTEXT_H

#include "base/buf.h"

/* Append `text` compressed to `out`; false without memory. */
bool zstd_append(struct buf *out, struct slice text, int level);
/* The same for one byte position of many numbers, with parameters of their own. */
bool zstd_append_numbers(struct buf *out, struct slice plane);
/* Exactly `size` bytes from `frame` to `out`; false if it holds more, less, or damage. */
bool zstd_read(struct slice frame, void *out, size_t size);

#endif
