/* tests/base/test_buf.c -- growth to the maximum, sticky failure, byte order. */
#include "base/buf.h"

#include "base/byteorder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_maximum_is_exact(void **unused)
{
    struct buf buf = buf_empty(100);
    struct error err = {0};

    (void)unused;
    for (int i = 0; i < 100; i++)
        assert_true(buf_append_byte(&buf, 'x'));
    assert_int_equal(buf_check(&buf, "test", &err), STATUS_OK);
    assert_false(buf_append_byte(&buf, 'y'));
    assert_int_equal(buf.len, 100);
    assert_false(buf_append(&buf, "", 0)); /* failure stays */
    assert_int_equal(buf_check(&buf, "test", &err), STATUS_TOO_LARGE);
    buf_reset(&buf);
    assert_true(buf_append_text(&buf, "again"));
    assert_true(buf_reserve(&buf, 95));
    assert_false(buf_reserve(&buf, SIZE_MAX));
    buf_release(&buf);
    assert_int_equal(buf.capacity, 0);
    assert_int_equal(buf.size_max, 100);
}

static void test_text(void **unused)
{
    struct buf buf = buf_empty(1000);

    (void)unused;
    assert_true(buf_append_text(&buf, "a"));
    assert_true(buf_append_slice(&buf, SLICE_LITERAL("bc")));
    assert_true(buf_printf(&buf, "%s-%03d", "d", 7));
    assert_true(slice_is(buf_slice(&buf), "abcd-007"));
    buf_consume(&buf, 3);
    assert_true(slice_is(buf_slice(&buf), "d-007"));
    buf_consume(&buf, 5);
    assert_int_equal(buf.len, 0);
    buf_release(&buf);
}

/* Bytes by hand; the varint of 300 is the example of the Protocol Buffers encoding document. */
static void test_integers(void **unused)
{
    static const char want[] = "\x34\x12\x78\x56\x34\x12\xef\xcd\xab\x90\x78\x56\x34\x12\xac\x02";
    struct buf buf = buf_empty(1000);
    struct slice rest;
    uint16_t small = 0;
    uint32_t middle = 0;
    uint64_t large = 0;
    uint64_t varint = 0;

    (void)unused;
    assert_true(buf_append_u16(&buf, 0x1234) && buf_append_u32(&buf, 0x12345678) &&
                buf_append_u64(&buf, 0x1234567890abcdef) && buf_append_varint(&buf, 300));
    assert_true(slice_equal(buf_slice(&buf), slice_make(want, sizeof(want) - 1)));
    rest = buf_slice(&buf);
    assert_true(take_u16(&rest, &small) && take_u32(&rest, &middle) && take_u64(&rest, &large) &&
                take_varint(&rest, &varint));
    assert_true(small == 0x1234 && middle == 0x12345678 && large == 0x1234567890abcdef &&
                varint == 300);
    assert_int_equal(rest.len, 0);
    assert_false(take_u16(&rest, &small));
    buf_release(&buf);
}

static const struct varint_case {
    const char *name;
    const char *bytes;
    size_t len;
    bool ok;
    uint64_t value;
} varint_cases[] = {
    {"zero", "\0", 1, true, 0},
    {"127", "\x7f", 1, true, 127},
    {"128", "\x80\x01", 2, true, 128},
    {"largest", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, true, UINT64_MAX},
    {"65 bits", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10, false, 0},
    {"eleven bytes", "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11, false, 0},
    {"cut", "\x80", 1, false, 0},
    {"nothing", "", 0, false, 0},
};

static void test_varint(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(varint_cases); i++) {
        const struct varint_case *c = &varint_cases[i];
        struct slice rest = slice_make(c->bytes, c->len);
        uint64_t value = 0;

        print_message("  %s\n", c->name);
        assert_int_equal(take_varint(&rest, &value), c->ok);
        assert_true(value == c->value);
        assert_int_equal(rest.len, c->ok ? 0 : c->len);
    }
}

static void test_zigzag(void **unused)
{
    (void)unused;
    assert_true(zigzag(0) == 0 && zigzag(-1) == 1 && zigzag(1) == 2 && zigzag(-2) == 3);
    assert_true(unzigzag(zigzag(INT64_MIN)) == INT64_MIN);
    assert_true(unzigzag(zigzag(INT64_MAX)) == INT64_MAX);
}

static void test_take_text(void **unused)
{
    struct slice rest = slice_make("\x02" "ab" "\x03" "cd", 6);
    struct slice text;

    (void)unused;
    assert_true(take_text(&rest, &text));
    assert_true(slice_is(text, "ab"));
    assert_false(take_text(&rest, &text)); /* says three bytes, has two */
    assert_int_equal(rest.len, 3);
}

/* Both kinds of memory keep the bytes; the first to ask gets what it asks for. */
static void test_kinds(void **unused)
{
    (void)unused;
    for (int spare = 0; spare < 2; spare++) {
        struct buf buf = spare ? buf_empty_spare(10000) : buf_empty(10000);

        assert_true(buf_reserve(&buf, 1000));
        assert_int_equal(buf.capacity, 1000);
        assert_true(buf_append_text(&buf, "text"));
        assert_true(buf_reserve(&buf, 5000));
        assert_true(buf_append_text(&buf, " and more"));
        assert_memory_equal(buf.data, "text and more", 13);
        buf_release(&buf);
        assert_int_equal(buf.spare, spare);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maximum_is_exact), cmocka_unit_test(test_text),
        cmocka_unit_test(test_integers),         cmocka_unit_test(test_varint),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_zigzag),           cmocka_unit_test(test_take_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
