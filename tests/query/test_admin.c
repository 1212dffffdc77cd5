/* tests/query/test_admin.c -- who may order an erasure or a snapshot, and which token files are taken. */
#include "query/api/admin.h"

#include "base/buf.h"
#include "base/io.h"
#include "tests/support/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#define TOKEN  "0123456789abcdef"
#define BEARER "Bearer " TOKEN

static const struct admin_case {
    const char *name, *token, *peer, *authorization, *origin;
    bool forwarded;
    unsigned status; /* 0: allowed */
} admin_cases[] = {
    {"loopback", NULL, "127.0.0.1", "", "", false, 0},
    {"anywhere in 127/8", NULL, "127.8.9.1", "", "", false, 0},
    {"loopback of IPv6", NULL, "::1", "", "", false, 0},
    {"loopback, mapped", NULL, "::ffff:127.0.0.1", "", "", false, 0},
    {"another address", NULL, "192.0.2.1", "", "", false, 403},
    {"one that begins alike", NULL, "::12", "", "", false, 403},
    {"another, mapped", NULL, "::ffff:192.0.2.1", "", "", false, 403},
    {"no address", NULL, "", "", "", false, 403},
    {"a token that nobody set", NULL, "192.0.2.1", BEARER, "", false, 403},
    {"a proxy on loopback", NULL, "127.0.0.1", "", "", true, 403},
    {"a page of another site", NULL, "127.0.0.1", "", "https://example.org", false, 403},
    {"a page without an origin", NULL, "127.0.0.1", "", "null", false, 403},
    {"our own page", NULL, "127.0.0.1", "", "http://127.0.0.1:7600", false, 0},
    {"the same host at another port", NULL, "127.0.0.1", "", "http://127.0.0.1:8000", false, 403},
    {"the token", TOKEN, "192.0.2.1", BEARER, "", false, 0},
    {"the token through a proxy", TOKEN, "127.0.0.1", BEARER, "", true, 0},
    {"the scheme in small letters", TOKEN, "192.0.2.1", "bearer " TOKEN, "", false, 0},
    {"no token on loopback", TOKEN, "127.0.0.1", "", "", false, 401},
    {"the scheme alone", TOKEN, "127.0.0.1", "Bearer ", "", false, 401},
    {"another scheme", TOKEN, "127.0.0.1", "Digest " TOKEN, "", false, 401},
    {"the token without a scheme", TOKEN, "127.0.0.1", TOKEN, "", false, 401},
    {"its last character is wrong", TOKEN, "127.0.0.1", "Bearer 0123456789abcdeg", "", false, 401},
    {"its beginning", TOKEN, "127.0.0.1", "Bearer 0123456789abcde", "", false, 401},
    {"more than it", TOKEN, "127.0.0.1", BEARER "0", "", false, 401},
    {"the token on a page of another site", TOKEN, "127.0.0.1", BEARER, "https://example.org", false,
     403},
};

static void test_check(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(admin_cases); i++) {
        const struct admin_case *c = &admin_cases[i];
        struct admin_caller caller = {.peer = slice_of(c->peer),
                                      .host = SLICE_LITERAL("127.0.0.1:7600"),
                                      .origin = slice_of(c->origin),
                                      .authorization = slice_of(c->authorization),
                                      .forwarded = c->forwarded};
        const struct admin_refusal *refusal = admin_check(&caller, c->token);

        print_message("  %s\n", c->name);
        assert_int_equal(refusal == NULL ? 0 : refusal->status, c->status);
    }
}

static const struct file_case {
    const char *name, *content;
    unsigned mode;
    enum status status;
} file_cases[] = {
    {"the owner's", TOKEN, 0600, STATUS_OK},
    {"the owner's, to read", "  " TOKEN "\n", 0400, STATUS_OK},
    {"the group may read it", TOKEN, 0640, STATUS_INVALID},
    {"all may read it", TOKEN, 0604, STATUS_INVALID},
    {"too short", "0123456789abcde\n", 0600, STATUS_INVALID},
    {"empty", "", 0600, STATUS_INVALID},
};

static void test_files(void **unused)
{
    struct temp_dir dir;
    char path[PATH_MAX];
    struct error err = {0};
    struct buf none = buf_empty(ADMIN_TOKEN_SIZE_MAX);

    (void)unused;
    temp_dir_make(&dir);
    temp_dir_join(&dir, "token", path, sizeof(path));
    assert_int_equal(admin_token_read(io_system(), path, &none, &err), STATUS_NOT_FOUND);
    for (size_t i = 0; i < COUNT_OF(file_cases); i++) {
        const struct file_case *c = &file_cases[i];
        struct buf token = buf_empty(ADMIN_TOKEN_SIZE_MAX);

        print_message("  %s\n", c->name);
        assert_int_equal(io_replace_file(io_system(), path, slice_of(c->content), &err), STATUS_OK);
        assert_int_equal(chmod(path, c->mode), 0);
        assert_int_equal(admin_token_read(io_system(), path, &token, &err), c->status);
        if (c->status == STATUS_OK)
            assert_string_equal(token.data, TOKEN);
        buf_release(&token);
    }
    temp_dir_remove(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
