/* base/http_form.h -- the small grammars inside an HTTP request: percent escapes, forms,
 * Accept-Encoding, Host. All input is hostile.
 * Thread safety: functions touch only their arguments. */
#ifndef DENDRO_BASE_HTTP_FORM_H
#define DENDRO_BASE_HTTP_FORM_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>

enum { HTTP_PARAMS_MAX = 256 }; /* of one request: no page of ours sends a tenth of that */

struct http_param {
    struct slice name, value;
};

struct http_params {
    struct http_param *items; /* room for HTTP_PARAMS_MAX, in the arena */
    size_t count;
};

/* Decode %XX (and '+' to a blank, if `form`). Errors: INVALID (a '%' without two hex digits),
 * NO_MEMORY. */
enum status http_percent_decode(struct slice text, bool form, struct arena *arena,
                                struct slice *out, struct error *err) WARN_UNUSED;
/* Add the pairs of `a=1&b=x+y` to `params`; pairs without a name are left out.
 * Errors: INVALID, TOO_LARGE (more than HTTP_PARAMS_MAX), NO_MEMORY. */
enum status http_form_decode(struct slice text, struct arena *arena, struct http_params *params,
                             struct error *err) WARN_UNUSED;
bool http_params_add(struct http_params *params, struct arena *arena, struct slice name,
                     struct slice value);

/* The coding to answer with, by RFC 9110 section 12.5.3: the acceptable one that we like best. */
enum http_coding { HTTP_IDENTITY, HTTP_GZIP, HTTP_ZSTD };
enum http_coding http_coding_accepted(struct slice accept_encoding);

/* Is `content_type` ("text/csv; charset=utf-8") of media type `type`, any case? */
bool http_type_is(struct slice content_type, const char *type);

/* Is the Host header (with or without port) a name of this machine's loopback: localhost,
 * 127.0.0.0/8, [::1]? */
bool http_host_is_loopback(struct slice host);
/* Host without its port. */
struct slice http_host_name(struct slice host);

#endif
