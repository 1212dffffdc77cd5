/* query/api/admin.c -- the rules of admin.h, each with the sentence that says what to do. */
#include "query/api/admin.h"

#include "base/buf.h"
#include "base/io.h"

#include <string.h>
#include <sys/stat.h>

static const struct admin_refusal refusals[] = {
    {403, "forbidden", "a page of another site may not do this",
     "use dendro erase, dendro store snapshot, or curl"},
    {403, "forbidden",
     "this is taken from loopback only, as long as the collector has no admin token",
     "ask on the collector's host, or set admin_token_file in its configuration"},
    {401, "unauthorized", "this needs the admin token", "Authorization: Bearer TOKEN, --token-file"},
};
enum { REFUSED_ORIGIN, REFUSED_REMOTE, REFUSED_TOKEN };

static bool is_loopback(struct slice peer)
{
    if (slice_starts(peer, SLICE_LITERAL("::ffff:"))) /* IPv4 on a socket of both families */
        peer = slice_from(peer, 7);
    return slice_starts(peer, SLICE_LITERAL("127.")) || slice_is(peer, "::1");
}

/* Origin is "scheme://host:port", Host is "host:port". */
static bool is_foreign(struct slice origin, struct slice host)
{
    size_t at = slice_find(origin, SLICE_LITERAL("://"));

    return origin.len > 0 &&
           (at == SIZE_MAX || !slice_equal_fold(slice_from(origin, at + 3), host));
}

/* As long for a wrong token as for the right one. */
static bool same_token(struct slice given, struct slice token)
{
    size_t differences = given.len ^ token.len;

    for (size_t i = 0; i < token.len; i++)
        differences |= (unsigned char)(i < given.len ? given.data[i] : '\0') ^
                       (unsigned char)token.data[i];
    return differences == 0;
}

static bool has_token(struct slice authorization, struct slice token)
{
    static const struct slice scheme = {"Bearer ", 7};

    return authorization.len > scheme.len &&
           slice_equal_fold(slice_first(authorization, scheme.len), scheme) &&
           same_token(slice_trim(slice_from(authorization, scheme.len)), token);
}

const struct admin_refusal *admin_check(const struct admin_caller *caller, const char *token)
{
    if (is_foreign(caller->origin, caller->host))
        return &refusals[REFUSED_ORIGIN];
    if (token != NULL)
        return has_token(caller->authorization, slice_of(token)) ? NULL : &refusals[REFUSED_TOKEN];
    return is_loopback(caller->peer) && !caller->forwarded ? NULL : &refusals[REFUSED_REMOTE];
}

enum status admin_token_read(struct io *io, const char *path, struct buf *out, struct error *err)
{
    struct io_info info;
    struct slice token;
    enum status status = io_info_of(io, path, &info, err);

    if (status == STATUS_OK && (info.mode & (S_IRWXG | S_IRWXO)) != 0)
        return error_set(err, STATUS_INVALID,
                         "admin_token_file: others than its owner have access to %s: chmod 600",
                         path);
    if (status == STATUS_OK)
        status = io_read_file(io, path, out, err);
    if (status != STATUS_OK) {
        error_context(err, "admin_token_file");
        return status;
    }
    token = slice_trim(buf_slice(out));
    if (token.len < ADMIN_TOKEN_SIZE_MIN || slice_find_byte(token, '\0') != SIZE_MAX)
        return error_set(err, STATUS_INVALID,
                         "admin_token_file: %s has no token of at least %d characters", path,
                         ADMIN_TOKEN_SIZE_MIN);
    memmove(out->data, token.data, token.len);
    out->len = token.len;
    return buf_append_byte(out, '\0') ? STATUS_OK : buf_check(out, "the admin token", err);
}
