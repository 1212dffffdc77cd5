/* query/api/admin.h -- who may order what cannot be undone: erasures and snapshots.
 *
 * With a token in the configuration every order must carry it, also from loopback, where a proxy makes
 * all callers look alike. Without one, orders are taken from loopback only, and not from what a proxy
 * has passed on. Pages of other sites that a browser has open here are refused either way: a form can
 * post to any address.
 * Thread safety: pure functions. */
#ifndef DENDRO_QUERY_API_ADMIN_H
#define DENDRO_QUERY_API_ADMIN_H

#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>

struct buf;
struct io;

enum { ADMIN_TOKEN_SIZE_MIN = 16, ADMIN_TOKEN_SIZE_MAX = 4096 };

struct admin_caller {
    struct slice peer;          /* address of the connection */
    struct slice host, origin;  /* headers; empty: not there */
    struct slice authorization;
    bool forwarded;             /* a proxy says that it passes the request on */
};

struct admin_refusal {
    unsigned status; /* of HTTP */
    const char *code, *message, *hint;
};

/* NULL: allowed. `token` may be NULL. The refusal is static. */
const struct admin_refusal *admin_check(const struct admin_caller *caller, const char *token);

/* The token in a file, without white space around it, to `out` with a NUL behind it. Errors: INVALID
 * (others than its owner can read the file, or the token is too short), and those of reading. */
enum status admin_token_read(struct io *io, const char *path, struct buf *out,
                             struct error *err) WARN_UNUSED;

#endif
