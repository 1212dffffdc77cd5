/* store/chunk_v1.h -- batches as programs before chunk version 2 wrote them to the WAL.
 *
 * Layout, version 1, integers little-endian:
 *   offset  size  field
 *        0     4  version          1
 *        4     4  source_count
 *        8     4  format_count
 *       12     4  binding_count    distinct (field, type, unit, computed)
 *       16     4  row_count        complete events
 *       20     4  open_count       events still being assembled; their rows stand behind
 *       24     4  sample_count
 *       28     4  series_count
 *       32     4  watermark_count
 *       36     4  loss_count
 *       40     4  tables_size
 *       44     4  fields_size
 *       48     8  text_size
 *       56     8  first_sequence
 *       64        rows, samples, tables, fields, text, bindings
 * Tables: sources, formats, watermarks, losses, series, all as in version 2 but for the offsets of
 * sources. A binding: its name, then one byte type << 4 | unit << 1 | computed. Fields of a row:
 * varint count, then per field varint binding and either varint start, varint len (a span of the
 * row's text) or varint len and bytes (computed).
 * Row:
 *        0     8  time_ns
 *        8     8  order_ns
 *       16     8  offset
 *       24     4  text_at, in the text
 *       28     4  text_len
 *       32     4  fields_at, in the fields
 *       36     4  source_len
 *       40     4  source
 *       44     2  format
 *       46     1  level
 *       47     1  flags
 *
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_CHUNK_V1_H
#define DENDRO_STORE_CHUNK_V1_H

#include "base/buf.h"
#include "base/error.h"
#include "store/name_table.h"

enum { CHUNK_V1_VERSION = 1 };

/* Check the batch in `bytes` wholly, and replace it by the same one in the present version;
 * `fields` gives its field names numbers. After an error `bytes` is as it was.
 * Errors: CORRUPT, TOO_LARGE, NO_MEMORY. */
enum status chunk_v1_convert(struct buf *bytes, struct name_table *fields,
                             struct error *err) WARN_UNUSED;

#endif
