/* base/json_writer.h -- write JSON text fast and exactly: commas and quotes are its business.
 *
 *   jsonw_begin(&w, &buf);
 *   jsonw_object(&w);
 *   jsonw_key(&w, "rows"); jsonw_u64(&w, 3);
 *   jsonw_end_object(&w);
 *
 * Text is escaped as RFC 8259 section 7 says; bytes that are not UTF-8 (RFC 3629: no overlong
 * forms, no surrogates) become U+FFFD, one per maximal ill-formed piece (Unicode 15, section 3.9).
 * DEL and the C1 controls are escaped too: the text may end up on a terminal.
 * The prefix is jsonw_, since json_ is libjansson's.
 * Failure to grow shows in buf.failed, checked once by the owner of the buffer.
 * Thread safety: one thread at a time per writer. */
#ifndef DENDRO_BASE_JSON_WRITER_H
#define DENDRO_BASE_JSON_WRITER_H

#include "base/buf.h"
#include "base/slice.h"
#include "base/time_stamp.h"

#include <stdbool.h>
#include <stdint.h>

enum { JSON_DEPTH_MAX = 63 };

struct json_writer {
    struct buf *out;
    uint64_t filled; /* bit per depth: something stands there already, so a comma is due */
    unsigned depth;
    bool after_key;
};

static inline void jsonw_begin(struct json_writer *writer, struct buf *out)
{
    *writer = (struct json_writer){.out = out};
}

void jsonw_object(struct json_writer *writer);
void jsonw_end_object(struct json_writer *writer);
void jsonw_array(struct json_writer *writer);
void jsonw_end_array(struct json_writer *writer);
void jsonw_key(struct json_writer *writer, const char *name);
void jsonw_key_slice(struct json_writer *writer, struct slice name);

void jsonw_text(struct json_writer *writer, struct slice text);
void jsonw_string(struct json_writer *writer, const char *text);   /* NULL: null */
void jsonw_base64(struct json_writer *writer, struct slice bytes); /* RFC 4648, padded */
void jsonw_u64(struct json_writer *writer, uint64_t value);
void jsonw_i64(struct json_writer *writer, int64_t value);
/* With the fewest of 15 to 17 digits that read back to the same double; not a number or infinite:
 * null. */
void jsonw_double(struct json_writer *writer, double value);
void jsonw_bool(struct json_writer *writer, bool value);
void jsonw_null(struct json_writer *writer);
/* "2026-03-02T13:59:58.104Z": UTC, as many digits (0, 3, 6 or 9) as the stamp needs. */
void jsonw_time(struct json_writer *writer, int64_t time_ns);
/* Bytes that are JSON already. */
void jsonw_raw(struct json_writer *writer, struct slice json);

struct json_number {
    const char *name;
    uint64_t value;
};

/* Members of the object that is open. */
void jsonw_numbers(struct json_writer *writer, const struct json_number *numbers, size_t count);

/* Parts of the above for other writers. */
bool jsonw_utf8_valid(struct slice text);
void jsonw_escape(struct buf *out, struct slice text); /* without quotes */
size_t jsonw_format_i64(int64_t value, char out[24]);  /* length; printf costs five times as much */
size_t jsonw_format_double(double value,
                           char out[32]); /* length; "null" where there is no number */
size_t jsonw_format_time(int64_t time_ns,
                         char out[STAMP_TEXT_SIZE]); /* RFC 3339, as jsonw_time() */

#endif
