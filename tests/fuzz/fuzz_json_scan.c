/* tests/fuzz/fuzz_json_scan.c -- our scanner and jansson must agree on what is JSON, where jansson
 * has an opinion: it passes over NUL bytes, which are never JSON, refuses bytes that are not UTF-8,
 * lone surrogates and numbers beyond its types, and its depth limit is another. Strings must decode
 * alike. */
#include "collector/json_scan.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool scan_all(struct slice text, struct arena *arena, bool *too_deep, bool *has_number)
{
    struct json_scan scan;
    struct json_token token;

    *has_number = false;
    json_scan_init(&scan, text);
    while (json_scan_next(&scan, &token)) {
        assert(token.text.data >= text.data &&
               token.text.data + token.text.len <= text.data + text.len);
        *has_number = *has_number || token.type == JSON_TOKEN_NUMBER;
        if (token.escaped) {
            struct slice decoded = json_unescape(token.text, arena);

            assert(decoded.len < token.text.len);
        }
    }
    *too_deep = scan.error != NULL && strcmp(scan.error, "nested too deep") == 0;
    return json_scan_done(&scan);
}

/* One string: the same bytes from both. */
static void compare_string(struct slice text, const json_t *value, struct arena *arena)
{
    struct json_scan scan;
    struct json_token token;
    struct slice ours;

    json_scan_init(&scan, text);
    assert(json_scan_next(&scan, &token) && token.type == JSON_TOKEN_STRING);
    ours = token.escaped ? json_unescape(token.text, arena) : token.text;
    assert(slice_equal(ours, slice_make(json_string_value(value), json_string_length(value))));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size);
    struct arena arena = arena_empty(16 << 20);
    json_error_t error;
    json_t *theirs = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    bool too_deep;
    bool has_number;
    bool ours = scan_all(text, &arena, &too_deep, &has_number);

    if (slice_find_byte(text, '\0') != SIZE_MAX) {
        assert(!ours);
    } else if (theirs != NULL) {
        assert(ours || too_deep);
        if (json_is_string(theirs))
            compare_string(text, theirs, &arena);
    } else if (ours) {
        enum json_error_code code = json_error_code(&error);

        assert(code == json_error_invalid_utf8 || code == json_error_numeric_overflow ||
               code == json_error_invalid_syntax || code == json_error_null_byte_in_key);
        if (code == json_error_invalid_syntax) /* \uD800 alone */
            assert(strstr(error.text, "invalid Unicode") != NULL);
    }
    json_decref(theirs);
    arena_release(&arena);
    return 0;
}
