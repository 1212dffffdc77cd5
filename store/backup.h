/* store/backup.h -- a copy of a store that opens alone, taken while it works; and back.
 *
 * A snapshot is a folder like the store's own: hard links of the segments (they never change; bytes
 * are copied where links are not possible), the WAL up to a sequence, and a manifest, written last:
 * a folder without CURRENT is not finished. Appends wait only while the WAL is copied, which was just
 * begun anew, so a few milliseconds.
 *
 * A snapshot may be moved, copied and opened like any store. A restore also takes a new incarnation,
 * and does erasures again that were ordered after the snapshot.
 *
 * Thread safety: store_snapshot() from any thread; one at a time. */
#ifndef DENDRO_STORE_BACKUP_H
#define DENDRO_STORE_BACKUP_H

#include "base/error.h"
#include "store/store.h"

struct store_snapshot {
    uint64_t sequence; /* of the newest row in it */
    uint64_t segments, bytes; /* linked or copied */
    uint64_t copied_bytes;    /* what could not be linked, and the WAL */
};

/* Into `dir`, which must not exist or be empty. Errors: INVALID (it is not empty), IO, DISK_FULL,
 * NO_MEMORY; what was made until then stays. */
enum status store_snapshot(struct store *store, const char *dir, struct store_snapshot *out,
                           struct error *err) WARN_UNUSED;

/* Copy the files of a snapshot, or of a stopped store, to `to`, which must not exist or be empty;
 * everything is durable when it returns. Segments are linked where that is possible. Then open it, do
 * the erasures of newer receipts again, and call store_renew().
 * Errors: NOT_FOUND, INVALID (not a finished snapshot; `to` is not empty), IO, DISK_FULL, NO_MEMORY. */
enum status store_restore_files(struct io *io, const char *from, const char *to,
                                struct error *err) WARN_UNUSED;
/* Seal everything and take a new incarnation, so that shippers and tails see that time went back. */
enum status store_renew(struct store *store, struct error *err) WARN_UNUSED;

#endif
