/* store/receipt.h -- what an erasure leaves behind: receipts/<number>.json, for people, and for a
 * restored backup, on which it must be done again.
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_RECEIPT_H
#define DENDRO_STORE_RECEIPT_H

#include "base/io.h"
#include "store/erase.h"

struct json_writer;

enum { RECEIPT_SIZE_MAX = 512 << 10 };

/* One JSON object: number, state, requested, finished, by, filter, start, end, sequence_max, rows,
 * samples, segments, problem. Open ends of the range are null. */
void receipt_put(struct json_writer *json, const struct erase_receipt *receipt);

/* Durable when it returns OK. */
enum status receipt_write(struct io *io, const char *dir, const struct erase_receipt *receipt,
                          struct error *err) WARN_UNUSED;

#endif
