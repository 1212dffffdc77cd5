/* store/kernels/scalar.c -- the plain form of each kernel: what the vector forms must equal. */
#include "store/kernels/kernels.h"

static void byte_masks(const char *data, size_t len, const struct byte_masks *out)
{
    bool marked = false;

    for (size_t word = 0; word * 64 < len; word++) {
        size_t end = len - word * 64 < 64 ? len - word * 64 : 64;
        uint64_t token = 0, trigger = 0, digit = 0, hex = 0;

        for (size_t i = 0; i < end; i++) {
            char c = data[word * 64 + i];
            uint64_t is_token = is_token_byte(c);

            token |= is_token << i;
            digit |= (uint64_t)is_digit_byte(c) << i;
            hex |= (uint64_t)is_hex_byte(c) << i;
            trigger |= (uint64_t)(is_digit_byte(c) || (marked && is_token)) << i;
            marked = c == '=' || c == '@';
        }
        out->token[word] = token;
        if (out->trigger != NULL)
            out->trigger[word] = trigger;
        out->digit[word] = digit;
        out->hex[word] = hex;
    }
    if (out->copy == NULL)
        return;
    if (len > 0)
        memcpy(out->copy, data, len);
    memset(out->copy + len, 0, BYTE_MASKS_SLACK);
}

static unsigned hex_value(char digit)
{
    return is_digit_byte(digit) ? (unsigned)(digit - '0') : (unsigned)((digit | 0x20) - 'a') + 10;
}

static struct hex_letters read_hex32(const char *digits, uint8_t *out)
{
    struct hex_letters letters = {0, 0};

    for (unsigned i = 0; i < 32; i++) {
        bool letter = !is_digit_byte(digits[i]);

        letters.all |= (uint32_t)letter << i;
        letters.lower |= (uint32_t)(letter && digits[i] >= 'a') << i;
        if (i % 2 == 1)
            out[i / 2] = (uint8_t)(hex_value(digits[i - 1]) << 4 | hex_value(digits[i]));
    }
    return letters;
}

static size_t find(struct slice text, struct slice needle, size_t from)
{
    const char *hit;

    if (from > text.len || needle.len > text.len - from)
        return SIZE_MAX;
    hit = memmem(text.data + from, text.len - from, needle.data, needle.len);
    return hit == NULL ? SIZE_MAX : (size_t)(hit - text.data);
}

static bool equal_fold(const char *text, struct slice needle)
{
    for (size_t i = 0; i < needle.len; i++)
        if (fold_byte(text[i]) != needle.data[i])
            return false;
    return true;
}

static size_t find_fold(struct slice text, struct slice needle, size_t from)
{
    if (needle.len > text.len)
        return SIZE_MAX;
    for (size_t at = from; at <= text.len - needle.len; at++)
        if (fold_byte(text.data[at]) == needle.data[0] && equal_fold(text.data + at, needle))
            return at;
    return SIZE_MAX;
}

static uint64_t unpack_one(const uint8_t *packed, unsigned width, size_t index)
{
    size_t bit = index * width;
    uint64_t word;

    memcpy(&word, packed + bit / 8, sizeof(word));
    return word >> (bit % 8) & (((uint64_t)1 << width) - 1);
}

static void unpack(const uint8_t *packed, unsigned width, size_t count, uint64_t *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = unpack_one(packed, width, i);
}

static void unpack32(const uint8_t *packed, unsigned width, size_t count, uint32_t *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (uint32_t)unpack_one(packed, width, i);
}

static void equal32(const uint32_t *values, size_t count, uint32_t value, uint64_t *bits)
{
    for (size_t word = 0; word * 64 < count; word++) {
        size_t end = count - word * 64 < 64 ? count - word * 64 : 64;

        bits[word] = 0;
        for (size_t i = 0; i < end; i++)
            bits[word] |= (uint64_t)(values[word * 64 + i] == value) << i;
    }
}

static void range64(const int64_t *values, size_t count, int64_t low, int64_t high, uint64_t *bits)
{
    for (size_t word = 0; word * 64 < count; word++) {
        size_t end = count - word * 64 < 64 ? count - word * 64 : 64;

        bits[word] = 0;
        for (size_t i = 0; i < end; i++) {
            int64_t value = values[word * 64 + i];

            bits[word] |= (uint64_t)(value >= low && value <= high) << i;
        }
    }
}

static void table32(const uint32_t *values, size_t count, const uint8_t *pass, uint64_t *bits)
{
    for (size_t word = 0; word * 64 < count; word++) {
        size_t end = count - word * 64 < 64 ? count - word * 64 : 64;

        bits[word] = 0;
        for (size_t i = 0; i < end; i++)
            bits[word] |= (uint64_t)pass[values[word * 64 + i]] << i;
    }
}

static int64_t difference(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static void range_of(const int64_t *values, size_t count, struct number_range *out)
{
    *out = (struct number_range){values[0], values[0], INT64_MAX, INT64_MIN};
    for (size_t i = 1; i < count; i++) {
        int64_t delta = difference(values[i], values[i - 1]);

        out->low = values[i] < out->low ? values[i] : out->low;
        out->high = values[i] > out->high ? values[i] : out->high;
        out->delta_low = delta < out->delta_low ? delta : out->delta_low;
        out->delta_high = delta > out->delta_high ? delta : out->delta_high;
    }
}

static void subtract(const int64_t *values, size_t count, int64_t base, uint64_t *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (uint64_t)values[i] - (uint64_t)base;
}

static void differences(const int64_t *values, size_t count, int64_t base, uint64_t *out)
{
    for (size_t i = 1; i < count; i++)
        out[i - 1] = (uint64_t)values[i] - (uint64_t)values[i - 1] - (uint64_t)base;
}

static void hex(const uint8_t *bytes, size_t count, bool upper, char *out)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
}

static bool digits8(const int64_t *values, size_t count, uint64_t *out)
{
    bool fits = true;

    for (size_t i = 0; i < count; i++) {
        uint64_t value = (uint64_t)values[i], digits = 0;

        fits &= value < 100000000;
        for (unsigned k = 0; k < 8; k++, value /= 10)
            digits = digits << 8 | value % 10;
        out[i] = digits;
    }
    return fits;
}

static void take_plane(const uint64_t *values, size_t count, unsigned byte, uint8_t *plane)
{
    for (size_t i = 0; i < count; i++)
        plane[i] = (uint8_t)(values[i] >> (8 * byte));
}

static void put_plane(const uint8_t *plane, size_t count, unsigned byte, uint64_t *values)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (byte == 0 ? 0 : values[i]) | (uint64_t)plane[i] << (8 * byte);
}

const struct kernels kernels_scalar = {
    .name = "scalar",
    .byte_masks = byte_masks,
    .read_hex32 = read_hex32,
    .find = find,
    .find_fold = find_fold,
    .unpack = unpack,
    .unpack32 = unpack32,
    .range_of = range_of,
    .subtract = subtract,
    .differences = differences,
    .hex = hex,
    .digits8 = digits8,
    .take_plane = take_plane,
    .put_plane = put_plane,
    .equal32 = equal32,
    .range64 = range64,
    .table32 = table32,
};

const struct kernels *kernels(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
        return __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512bw")
                   ? &kernels_avx512
                   : &kernels_avx2;
#endif
    return &kernels_scalar;
}
