/* collector/json_scan.h -- JSON tokens of the ingest path, as spans of the text (RFC 8259).
 * A pull scanner without memory of its own beyond the nesting, so that a line is walked once and
 * nothing is copied. Strings may hold bytes that are not UTF-8: logs do.
 * Thread safety: one thread at a time per scanner. */
#ifndef DENDRO_COLLECTOR_JSON_SCAN_H
#define DENDRO_COLLECTOR_JSON_SCAN_H

#include "base/arena.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { JSON_DEPTH_MAX = 32 }; /* objects and arrays inside each other */

enum json_type {
    JSON_TOKEN_OBJECT_BEGIN,
    JSON_TOKEN_OBJECT_END,
    JSON_TOKEN_ARRAY_BEGIN,
    JSON_TOKEN_ARRAY_END,
    JSON_TOKEN_KEY,
    JSON_TOKEN_STRING,
    JSON_TOKEN_NUMBER,
    JSON_TOKEN_TRUE,
    JSON_TOKEN_FALSE,
    JSON_TOKEN_NULL,
};

struct json_token {
    enum json_type type;
    bool escaped;      /* KEY and STRING: holds backslashes, see json_unescape() */
    struct slice text; /* of KEY and STRING what is between the quotes; else the token itself */
};

struct json_scan {
    struct slice text;
    size_t at;         /* index of the next byte */
    const char *error; /* static sentence when the text is not JSON; NULL else */
    uint32_t objects;  /* bit per depth: set in an object */
    uint8_t depth;
    uint8_t expect; /* private: what may come next */
};

void json_scan_init(struct json_scan *scan, struct slice text);
/* The next token; false at the end of the value, or with `error` set when the text is wrong at
 * index `at`. Bytes behind the value, other than white space, are an error. */
bool json_scan_next(struct json_scan *scan, struct json_token *out);
/* After OBJECT_BEGIN or ARRAY_BEGIN: walk to its end; `out` is its whole text, brackets included.
 */
bool json_scan_skip(struct json_scan *scan, const struct json_token *begin, struct slice *out);
/* True after a whole value and nothing but white space behind it. */
bool json_scan_done(const struct json_scan *scan);

/* The bytes that a string with escapes stands for; a surrogate without its other half becomes
 * U+FFFD. Never longer than `text`. The empty slice when the arena is full. */
struct slice json_unescape(struct slice text, struct arena *arena);

#endif
