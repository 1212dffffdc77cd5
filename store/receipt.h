/* store/receipt.h -- what an erasure leaves behind: receipts/<number>.json, for people, and for a
 * restored backup, on which it must be done again. It is there from the begin of the work, and written
 * anew at its end.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_RECEIPT_H
#define DENDRO_STORE_RECEIPT_H

#include "base/io.h"
#include "store/erase.h"

struct json_writer;

enum { RECEIPT_SIZE_MAX = 32 << 20 }; /* ERASED_SEGMENTS_MAX segments, and texts that need escapes */

/* One JSON object: number, state, requested, finished, by, filter, start, end, sequence_max, rows,
 * samples, segments, undecided, complete, problem. Open ends of the range are null. `complete`: every
 * row that was meant is gone. */
void receipt_put(struct json_writer *json, const struct erase_receipt *receipt);
/* The same to a file, with `rewritten`, an array: segment (its name), became (the name of the one in
 * its place; null: no row stayed), rows, samples, bytes_before, bytes_after. Durable when it returns
 * OK. */
enum status receipt_write(struct io *io, const char *dir, const struct erase_receipt *receipt,
                          struct error *err) WARN_UNUSED;

#endif
