/* tests/base/test_hash.c -- published vectors: RFC 3720 section B.4 for CRC-32C, xxhsum(1) 0.8.1
 * for XXH3. */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_crc32c(void **unused)
{
    /* B.4: an iSCSI SCSI Read (10) command */
    static const uint8_t command[48] = {
        0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 0x04, 0,
        0, 0, 0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0};
    uint8_t bytes[32];

    (void)unused;
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(crc32c(bytes, sizeof(bytes)), 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(crc32c(bytes, sizeof(bytes)), 0x62a8ab43);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(crc32c(bytes, sizeof(bytes)), 0x46dd794e);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_int_equal(crc32c(bytes, sizeof(bytes)), 0x113fdb5c);
    assert_int_equal(crc32c(command, sizeof(command)), 0xd9963a56);
    assert_int_equal(crc32c("123456789", 9), 0xe3069283); /* the usual check value */
    assert_int_equal(crc32c(NULL, 0), 0);
}

static void test_xxh3(void **unused)
{
    char many[300];
    struct hash128 wide;

    (void)unused;
    memset(many, 'a', sizeof(many));
    assert_true(hash64(NULL, 0) == 0x2d06800538d394c2);
    assert_true(hash64("abc", 3) == 0x78af5f94892f3950);
    assert_true(hash64(many, sizeof(many)) == 0xc1d17581d8eb7e21);
    assert_true(hash64_seed("abc", 3, 0) == 0x78af5f94892f3950);
    assert_true(hash64_seed("abc", 3, 1) != 0x78af5f94892f3950);
    wide = hash128("abc", 3, 0); /* printed high half first */
    assert_true(wide.high == 0x06b05ab6733a6185 && wide.low == 0x78af5f94892f3950);
    wide = hash128(many, sizeof(many), 0);
    assert_true(wide.high == 0x5e563f2cb28d2005 && wide.low == 0xc1d17581d8eb7e21);
    assert_true(hash128_equal(wide, hash128(many, sizeof(many), 0)));
    assert_false(hash128_equal(wide, hash128(many, sizeof(many), 1)));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c),
        cmocka_unit_test(test_xxh3),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
