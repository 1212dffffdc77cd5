/* base/compress.h -- zlib, gzip and zstd with a bound on everything.
 * Output goes into a `struct buf`, whose maximum no input can exceed; a zstd window is at most
 * 8 MiB, zlib's is 32 KiB by its format. Sources: RFC 1950, RFC 1952, RFC 8878.
 * Thread safety: one thread at a time per object; make one per thread and reuse it. */
#ifndef DENDRO_BASE_COMPRESS_H
#define DENDRO_BASE_COMPRESS_H

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum codec { /* the numbers are those of the wire */
    CODEC_NONE = 0,
    CODEC_ZLIB = 1,
    CODEC_ZSTD = 2,
    CODEC_GZIP = 16, /* of files and HTTP; never on our wire */
};

enum {
    ZSTD_WINDOW_LOG_MAX = 23, /* 8 MiB: what zstd -19 writes, and what a reader must then hold */
    ZLIB_LEVEL_DEFAULT = 1,   /* the wire: speed; level 6 gains 10% for three times the work */
    ZSTD_LEVEL_DEFAULT = 3,
};

/* The name in messages, headers and options: "none", "zlib", "zstd", "gzip". Static text. */
const char *codec_name(enum codec codec);

/* ---- whole pieces: contexts are made on first use and kept ---- */

struct compressor;

enum status compressor_new(struct compressor **out, struct error *err) WARN_UNUSED;
void compressor_free(struct compressor *compressor); /* NULL does nothing */

/* Append `raw`, compressed, to `out`. Level: 1..9 for zlib and gzip, 1..19 for zstd.
 * Errors: TOO_LARGE (the buffer's maximum), NO_MEMORY. On error `out` keeps its length. */
enum status compress_append(struct compressor *compressor, enum codec codec, int level,
                            struct slice raw, struct buf *out, struct error *err) WARN_UNUSED;

/* Append what `packed` holds; it must be exactly `raw_len` bytes (known from a header).
 * Errors: INVALID     damaged, cut short, bytes behind its end, or another length
 *         TOO_LARGE   `raw_len` exceeds the room in `out`, checked before anything is inflated
 * On error `out` keeps its length. */
enum status decompress_append(struct compressor *compressor, enum codec codec, struct slice packed,
                              size_t raw_len, struct buf *out, struct error *err) WARN_UNUSED;

/* As above for an unknown length: at most `size_max` bytes (TOO_LARGE). Several gzip members or
 * zstd frames in a row are one text. */
enum status decompress_capped(enum codec codec, struct slice packed, size_t size_max,
                              struct buf *out, struct error *err) WARN_UNUSED;

/* ---- streams ---- */

struct unpacker;

/* For one stream; the caller's. Errors: NO_MEMORY. */
enum status unpacker_new(enum codec codec, struct unpacker **out, struct error *err) WARN_UNUSED;
void unpacker_free(struct unpacker *unpacker); /* NULL does nothing */

/* Eat from the front of `input` and write up to `size` bytes to `data`; *len of them are set.
 * Call again while it eats or writes anything. Errors: INVALID, NO_MEMORY. */
enum status unpacker_step(struct unpacker *unpacker, struct slice *input, char *data, size_t size,
                          size_t *len, struct error *err) WARN_UNUSED;
/* May the input end here? A member or frame has just ended, or nothing has come yet. */
bool unpacker_between(const struct unpacker *unpacker);

#endif
