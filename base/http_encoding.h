/* base/http_encoding.h -- compress one HTTP answer as it is written (gzip, RFC 1952; zstd, RFC 8878
 * with the 8 MiB window of RFC 9659).
 * Thread safety: one thread at a time per encoder. */
#ifndef DENDRO_BASE_HTTP_ENCODING_H
#define DENDRO_BASE_HTTP_ENCODING_H

#include "base/buf.h"
#include "base/error.h"
#include "base/http_form.h"

struct http_encoder;

enum http_encoder_step {
    HTTP_ENCODE_MORE,  /* keep what compresses better together */
    HTTP_ENCODE_FLUSH, /* give out everything so far */
    HTTP_ENCODE_END,   /* and finish the stream */
};

/* `coding` is not HTTP_IDENTITY. */
enum status http_encoder_new(enum http_coding coding, struct http_encoder **out,
                             struct error *err) WARN_UNUSED;
/* Append the compressed form of `bytes` to `out`. Errors: NO_MEMORY, TOO_LARGE (`out` is full). */
enum status http_encoder_run(struct http_encoder *encoder, struct slice bytes,
                             enum http_encoder_step step, struct buf *out) WARN_UNUSED;
void http_encoder_free(struct http_encoder *encoder); /* NULL does nothing */
/* "gzip", "zstd" for Content-Encoding; NULL for none. */
const char *http_coding_name(enum http_coding coding);

#endif
