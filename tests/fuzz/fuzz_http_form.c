/* tests/fuzz/fuzz_http_form.c -- the small grammars of a request, and JSON text of any bytes.
 * Checked: what we encode decodes to the same; escaped text is always UTF-8 without controls. */
#include "base/http_client.h"
#include "base/http_form.h"
#include "base/json_writer.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_form(struct slice text)
{
    struct arena arena = arena_empty(8 * 1024 * 1024);
    struct http_params params = {0};
    struct buf encoded = buf_empty(8 * 1024 * 1024);

    (void)!http_form_decode(text, &arena, &params, NULL);
    arena_reset(&arena);
    params = (struct http_params){0};
    require(http_form_append(&encoded, "q", text));
    require(http_form_decode(buf_slice(&encoded), &arena, &params, NULL) == STATUS_OK);
    require(params.count == 1 && slice_is(params.items[0].name, "q"));
    require(slice_equal(params.items[0].value, text));
    buf_release(&encoded);
    arena_release(&arena);
}

static void check_json(struct slice text)
{
    struct buf out = buf_empty(8 * 1024 * 1024);

    jsonw_escape(&out, text);
    require(!out.failed && jsonw_utf8_valid(buf_slice(&out)));
    for (size_t i = 0; i < out.len; i++)
        require((unsigned char)out.data[i] >= 0x20 && out.data[i] != 0x7F);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size);

    if (size > 65536)
        return 0;
    check_form(text);
    check_json(text);
    (void)http_coding_accepted(text);
    (void)http_host_is_loopback(text);
    (void)http_type_is(text, "text/csv");
    return 0;
}
