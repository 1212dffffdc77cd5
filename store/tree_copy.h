/* store/tree_copy.h -- files of a data directory into another folder, durable.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_TREE_COPY_H
#define DENDRO_STORE_TREE_COPY_H

#include "base/error.h"
#include "base/io.h"

#include <stdint.h>

/* The first `size` bytes of a file (UINT64_MAX: all), synced. */
enum status copy_file(struct io *io, const char *from, const char *to, uint64_t size,
                      uint64_t *copied, struct error *err) WARN_UNUSED;
/* A hard link, or a copy where that is not possible. */
enum status link_file(struct io *io, const char *from, const char *to, uint64_t *copied,
                      struct error *err) WARN_UNUSED;
/* All files of a folder, not those in folders below it; the target is made and synced. `links`:
 * hard links where possible. A folder that does not exist is empty. */
enum status copy_folder(struct io *io, const char *from, const char *to, bool links,
                        uint64_t *copied, struct error *err) WARN_UNUSED;
/* INVALID: there is something in it already. Made if missing. */
enum status empty_folder(struct io *io, const char *path, struct error *err) WARN_UNUSED;

#endif
