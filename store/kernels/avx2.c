/* store/kernels/avx2.c -- 32 bytes at a time.
 *
 * Classes of bytes come from two table lookups, one per nibble (the method of Mula and Langdale for
 * base64 and JSON); substrings are found by comparing the needle's first and last byte at once
 * (Mula, "SIMD-friendly algorithms for substring searching"). */
#include "store/kernels/kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))

/* One bit per row of the ASCII table that holds token bytes; low nibble -> rows it occurs in. The two
 * highest are the rows of hex digits, so that masks are made of them without comparing. */
enum { ROW_2 = 1, ROW_LETTERS = 4, ROW_5 = 8, ROW_7 = 16, ROW_HEX = 0x40, ROW_3 = 0x80 };
#define ROWS(rows) ((char)(rows))

struct chunk_masks {
    uint32_t token, digit, mark, hex;
};

struct word_masks {
    uint64_t token, digit, mark, hex;
};

AVX2 static inline __m256i load_bytes(const char *from)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)from);
}

AVX2 static inline struct chunk_masks chunk_masks(__m256i bytes)
{
    enum { AZ09 = ROW_3 | ROW_LETTERS | ROW_5 | ROW_7, AF09 = AZ09 | ROW_HEX };
    const __m256i low_table = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        ROWS(ROW_3 | ROW_5 | ROW_7), ROWS(AF09), ROWS(AF09), ROWS(AF09), ROWS(AF09), ROWS(AF09),
        ROWS(AF09), ROWS(AZ09), ROWS(AZ09), ROWS(AZ09), ROW_LETTERS | ROW_5 | ROW_7, ROW_LETTERS,
        ROW_LETTERS, ROW_LETTERS | ROW_2, ROW_LETTERS | ROW_2, ROW_LETTERS | ROW_5));
    const __m256i high_table = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 0, ROW_2, ROWS(ROW_3), ROW_LETTERS | ROW_HEX, ROW_5,
                      ROW_LETTERS | ROW_HEX, ROW_7, 0, 0, 0, 0, 0, 0, 0, 0));
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i low = _mm256_shuffle_epi8(low_table, bytes); /* bytes >= 0x80 give 0 */
    __m256i high = _mm256_shuffle_epi8(high_table,
                                       _mm256_and_si256(_mm256_srli_epi16(bytes, 4), nibble));
    __m256i both = _mm256_and_si256(low, high);
    __m256i none = _mm256_cmpeq_epi8(both, _mm256_setzero_si256());
    uint32_t digit = (uint32_t)_mm256_movemask_epi8(both);
    uint32_t letter = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(both, 1));
    __m256i mark = _mm256_or_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('=')),
                                   _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('@')));

    return (struct chunk_masks){
        .token = ~(uint32_t)_mm256_movemask_epi8(none) | (uint32_t)_mm256_movemask_epi8(bytes),
        .digit = digit,
        .mark = (uint32_t)_mm256_movemask_epi8(mark),
        .hex = digit | letter,
    };
}

/* 32 bytes, put to `copy` unless that is NULL. */
AVX2 static inline __m256i take_bytes(const char *from, char *copy)
{
    __m256i bytes = load_bytes(from);

    if (copy != NULL)
        _mm256_storeu_si256((__m256i *)(void *)copy, bytes);
    return bytes;
}

/* Fewer than 32 bytes. A call of its own: its room on the stack is not wanted for longer ones. */
AVX2 static __attribute__((noinline)) __m256i take_few_bytes(const char *from, size_t len,
                                                             char *copy)
{
    char room[32];

    memset(room, 0, sizeof(room)); /* NUL is in no class */
    memcpy(room, from, len);
    return take_bytes(room, copy);
}

/* The masks of 1 to 64 bytes at `from`, the end of `before` bytes more. A load may begin in those: bits
 * of bytes that were not asked for are shifted out. */
AVX2 static inline __attribute__((always_inline)) struct word_masks
tail_masks(const char *from, size_t len, size_t before, char *copy)
{
    struct chunk_masks a, b = {0};
    unsigned skipped = 0, second_at = 32;

    if (len + before >= 64) {
        skipped = 64 - (unsigned)len;
        a = chunk_masks(take_bytes(from - skipped, copy == NULL ? NULL : copy - skipped));
        b = chunk_masks(take_bytes(from - skipped + 32, copy == NULL ? NULL : copy - skipped + 32));
    } else if (len >= 32) {
        second_at = (unsigned)len - 32;
        a = chunk_masks(take_bytes(from, copy));
        b = chunk_masks(take_bytes(from + second_at, copy == NULL ? NULL : copy + second_at));
    } else {
        a = chunk_masks(take_few_bytes(from, len, copy));
    }
    return (struct word_masks){
        .token = (a.token | (uint64_t)b.token << second_at) >> skipped,
        .digit = (a.digit | (uint64_t)b.digit << second_at) >> skipped,
        .mark = (a.mark | (uint64_t)b.mark << second_at) >> skipped,
        .hex = (a.hex | (uint64_t)b.hex << second_at) >> skipped,
    };
}

AVX2 static inline void put_masks(const struct byte_masks *out, size_t word,
                                  struct word_masks masks, bool triggers, uint64_t *carry)
{
    out->token[word] = masks.token;
    out->digit[word] = masks.digit;
    out->hex[word] = masks.hex;
    if (!triggers)
        return;
    out->trigger[word] = masks.digit | ((masks.mark << 1 | *carry) & masks.token);
    *carry = masks.mark >> 63;
}

/* `triggers` and `copies`: are they wanted? */
AVX2 static inline __attribute__((always_inline)) void
all_masks(const char *data, size_t len, const struct byte_masks *out, bool triggers, bool copies)
{
    uint64_t carry = 0;
    size_t at = 0;

    for (; at + 64 <= len; at += 64) {
        struct chunk_masks a = chunk_masks(take_bytes(data + at, copies ? out->copy + at : NULL));
        struct chunk_masks b =
            chunk_masks(take_bytes(data + at + 32, copies ? out->copy + at + 32 : NULL));

        put_masks(out, at / 64,
                  (struct word_masks){a.token | (uint64_t)b.token << 32,
                                      a.digit | (uint64_t)b.digit << 32,
                                      a.mark | (uint64_t)b.mark << 32,
                                      a.hex | (uint64_t)b.hex << 32},
                  triggers, &carry);
    }
    if (at < len)
        put_masks(out, at / 64,
                  tail_masks(data + at, len - at, at, copies ? out->copy + at : NULL), triggers,
                  &carry);
    if (copies)
        memset(out->copy + len, 0, BYTE_MASKS_SLACK);
}

AVX2 static void byte_masks(const char *data, size_t len, const struct byte_masks *out)
{
    if (out->trigger == NULL && out->copy != NULL)
        all_masks(data, len, out, false, true);
    else if (out->copy != NULL)
        all_masks(data, len, out, true, true);
    else if (out->trigger != NULL)
        all_masks(data, len, out, true, false);
    else
        all_masks(data, len, out, false, false);
}

/* Letters have bit 6, lower case ones bit 5 too, as digits have; shifts bring these to bit 7. */
AVX2 static struct hex_letters read_hex32(const char *digits, uint8_t *out)
{
    const __m256i nine = _mm256_set1_epi8(9), bit6 = _mm256_set1_epi8(0x40);
    __m256i bytes = load_bytes(digits);
    __m256i letter = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit6), bit6);
    __m256i value = _mm256_add_epi8(_mm256_and_si256(bytes, _mm256_set1_epi8(15)),
                                    _mm256_and_si256(letter, nine));
    __m256i pairs = _mm256_maddubs_epi16(value, _mm256_set1_epi16(0x0110)); /* 16 * first + second */
    __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi16(pairs, pairs), 0x08);
    uint32_t all = (uint32_t)_mm256_movemask_epi8(letter);

    _mm_storeu_si128((__m128i *)(void *)out, _mm256_castsi256_si128(packed));
    return (struct hex_letters){
        .all = all,
        .lower = all & (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(bytes, 2)),
    };
}

AVX2 static size_t find_tail(struct slice text, struct slice needle, size_t from)
{
    for (; from + needle.len <= text.len; from++)
        if (text.data[from] == needle.data[0] &&
            memcmp(text.data + from, needle.data, needle.len) == 0)
            return from;
    return SIZE_MAX;
}

AVX2 static size_t find(struct slice text, struct slice needle, size_t from)
{
    const __m256i first = _mm256_set1_epi8(needle.data[0]);
    const __m256i last = _mm256_set1_epi8(needle.data[needle.len - 1]);

    for (; from + needle.len + 31 <= text.len; from += 32) {
        const char *at = text.data + from;
        __m256i head = _mm256_loadu_si256((const __m256i *)(const void *)at);
        __m256i end = _mm256_loadu_si256((const __m256i *)(const void *)(at + needle.len - 1));
        uint32_t hits = (uint32_t)_mm256_movemask_epi8(
            _mm256_and_si256(_mm256_cmpeq_epi8(head, first), _mm256_cmpeq_epi8(end, last)));

        for (; hits != 0; hits &= hits - 1) {
            size_t offset = (size_t)__builtin_ctz(hits);

            if (memcmp(at + offset, needle.data, needle.len) == 0)
                return from + offset;
        }
    }
    return find_tail(text, needle, from);
}

/* ASCII capitals to lower case, other bytes as they are. */
AVX2 static inline __m256i fold(__m256i bytes)
{
    __m256i shifted = _mm256_sub_epi8(bytes, _mm256_set1_epi8((char)('A' + 128)));
    __m256i capital = _mm256_cmpgt_epi8(_mm256_set1_epi8(-128 + 26), shifted);

    return _mm256_or_si256(bytes, _mm256_and_si256(capital, _mm256_set1_epi8(0x20)));
}

static bool equal_fold(const char *text, struct slice needle)
{
    for (size_t i = 0; i < needle.len; i++)
        if (fold_byte(text[i]) != needle.data[i])
            return false;
    return true;
}

AVX2 static size_t find_fold(struct slice text, struct slice needle, size_t from)
{
    const __m256i first = _mm256_set1_epi8(needle.data[0]);
    const __m256i last = _mm256_set1_epi8(needle.data[needle.len - 1]);

    for (; from + needle.len + 31 <= text.len; from += 32) {
        const char *at = text.data + from;
        __m256i head = fold(_mm256_loadu_si256((const __m256i *)(const void *)at));
        __m256i end =
            fold(_mm256_loadu_si256((const __m256i *)(const void *)(at + needle.len - 1)));
        uint32_t hits = (uint32_t)_mm256_movemask_epi8(
            _mm256_and_si256(_mm256_cmpeq_epi8(head, first), _mm256_cmpeq_epi8(end, last)));

        for (; hits != 0; hits &= hits - 1) {
            size_t offset = (size_t)__builtin_ctz(hits);

            if (equal_fold(at + offset, needle))
                return from + offset;
        }
    }
    for (; from + needle.len <= text.len; from++)
        if (equal_fold(text.data + from, needle))
            return from;
    return SIZE_MAX;
}

AVX2 static inline __m256i unpack_four(const uint8_t *packed, __m256i bit, __m256i mask)
{
    __m256i words = _mm256_i64gather_epi64((const long long *)(const void *)packed,
                                           _mm256_srli_epi64(bit, 3), 1);
    __m256i shift = _mm256_and_si256(bit, _mm256_set1_epi64x(7));

    return _mm256_and_si256(_mm256_srlv_epi64(words, shift), mask);
}

AVX2 static void unpack(const uint8_t *packed, unsigned width, size_t count, uint64_t *out)
{
    const long long w = width;
    const __m256i mask = _mm256_set1_epi64x((1LL << width) - 1);
    const __m256i step = _mm256_set1_epi64x(4 * w);
    __m256i bit = _mm256_setr_epi64x(0, w, 2 * w, 3 * w);
    size_t i = 0;

    for (; i + 4 <= count; i += 4) {
        _mm256_storeu_si256((__m256i *)(void *)(out + i), unpack_four(packed, bit, mask));
        bit = _mm256_add_epi64(bit, step);
    }
    for (; i < count; i++) {
        uint64_t word;

        memcpy(&word, packed + i * width / 8, sizeof(word));
        out[i] = word >> (i * width % 8) & (((uint64_t)1 << width) - 1);
    }
}

AVX2 static void unpack32(const uint8_t *packed, unsigned width, size_t count, uint32_t *out)
{
    const long long w = width;
    const __m256i mask = _mm256_set1_epi64x((1LL << width) - 1);
    const __m256i step = _mm256_set1_epi64x(4 * w);
    const __m256i even = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
    __m256i bit = _mm256_setr_epi64x(0, w, 2 * w, 3 * w);
    size_t i = 0;

    for (; i + 4 <= count; i += 4) {
        __m256i four = _mm256_permutevar8x32_epi32(unpack_four(packed, bit, mask), even);

        _mm_storeu_si128((__m128i *)(void *)(out + i), _mm256_castsi256_si128(four));
        bit = _mm256_add_epi64(bit, step);
    }
    for (; i < count; i++) {
        uint64_t word;

        memcpy(&word, packed + i * width / 8, sizeof(word));
        out[i] = (uint32_t)(word >> (i * width % 8) & (((uint64_t)1 << width) - 1));
    }
}

AVX2 static void equal32(const uint32_t *values, size_t count, uint32_t value, uint64_t *bits)
{
    const __m256i wanted = _mm256_set1_epi32((int)value);

    for (size_t word = 0; word * 64 < count; word++) {
        const uint32_t *from = values + word * 64;
        size_t end = count - word * 64 < 64 ? count - word * 64 : 64;
        size_t i = 0;
        uint64_t hits = 0;

        for (; i + 8 <= end; i += 8) {
            __m256i eight = _mm256_loadu_si256((const __m256i *)(const void *)(from + i));
            __m256i equal = _mm256_cmpeq_epi32(eight, wanted);

            hits |= (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(equal)) << i;
        }
        for (; i < end; i++)
            hits |= (uint64_t)(from[i] == value) << i;
        bits[word] = hits;
    }
}

AVX2 static void range64(const int64_t *values, size_t count, int64_t low, int64_t high,
                         uint64_t *bits)
{
    const __m256i lowest = _mm256_set1_epi64x(low), highest = _mm256_set1_epi64x(high);

    for (size_t word = 0; word * 64 < count; word++) {
        const int64_t *from = values + word * 64;
        size_t end = count - word * 64 < 64 ? count - word * 64 : 64;
        size_t i = 0;
        uint64_t hits = 0;

        for (; i + 4 <= end; i += 4) {
            __m256i four = _mm256_loadu_si256((const __m256i *)(const void *)(from + i));
            __m256i out = _mm256_or_si256(_mm256_cmpgt_epi64(lowest, four),
                                          _mm256_cmpgt_epi64(four, highest));

            hits |= (uint64_t)(~(uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(out)) & 15) << i;
        }
        for (; i < end; i++)
            hits |= (uint64_t)(from[i] >= low && from[i] <= high) << i;
        bits[word] = hits;
    }
}

static void table32(const uint32_t *values, size_t count, const uint8_t *pass, uint64_t *bits)
{
    for (size_t word = 0; word * 64 < count; word++) {
        const uint32_t *from = values + word * 64;
        size_t end = count - word * 64 < 64 ? count - word * 64 : 64;
        uint64_t hits = 0;

        for (size_t i = 0; i < end; i++)
            hits |= (uint64_t)pass[from[i]] << i;
        bits[word] = hits;
    }
}

AVX2 static inline __m256i load_numbers(const int64_t *values)
{
    return _mm256_loadu_si256((const __m256i *)values);
}

AVX2 static inline __m256i smaller(__m256i a, __m256i b)
{
    return _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(a, b));
}

AVX2 static inline __m256i larger(__m256i a, __m256i b)
{
    return _mm256_blendv_epi8(b, a, _mm256_cmpgt_epi64(a, b));
}

AVX2 static int64_t smallest_lane(__m256i lanes)
{
    int64_t values[4];

    _mm256_storeu_si256((__m256i *)values, lanes);
    for (size_t i = 1; i < 4; i++)
        values[0] = values[i] < values[0] ? values[i] : values[0];
    return values[0];
}

AVX2 static int64_t largest_lane(__m256i lanes)
{
    int64_t values[4];

    _mm256_storeu_si256((__m256i *)values, lanes);
    for (size_t i = 1; i < 4; i++)
        values[0] = values[i] > values[0] ? values[i] : values[0];
    return values[0];
}

/* Four at a time; the last four may overlap those before them, which changes no minimum. */
AVX2 static void range_of(const int64_t *values, size_t count, struct number_range *out)
{
    __m256i low = _mm256_set1_epi64x(values[0]), high = low;
    __m256i delta_low = _mm256_set1_epi64x(INT64_MAX), delta_high = _mm256_set1_epi64x(INT64_MIN);

    if (count < 5) {
        kernels_scalar.range_of(values, count, out);
        return;
    }
    for (size_t i = 1; i < count; i += 4) {
        size_t at = i + 4 <= count ? i : count - 4;
        __m256i here = load_numbers(values + at);
        __m256i delta = _mm256_sub_epi64(here, load_numbers(values + at - 1));

        low = smaller(low, here);
        high = larger(high, here);
        delta_low = smaller(delta_low, delta);
        delta_high = larger(delta_high, delta);
    }
    *out = (struct number_range){smallest_lane(low), largest_lane(high), smallest_lane(delta_low),
                                 largest_lane(delta_high)};
}

AVX2 static void subtract(const int64_t *values, size_t count, int64_t base, uint64_t *out)
{
    const __m256i bases = _mm256_set1_epi64x(base);
    size_t i = 0;

    for (; i + 4 <= count; i += 4)
        _mm256_storeu_si256((__m256i *)(out + i),
                            _mm256_sub_epi64(load_numbers(values + i), bases));
    for (; i < count; i++)
        out[i] = (uint64_t)values[i] - (uint64_t)base;
}

AVX2 static void differences(const int64_t *values, size_t count, int64_t base, uint64_t *out)
{
    const __m256i bases = _mm256_set1_epi64x(base);
    size_t i = 1;

    for (; i + 4 <= count; i += 4) {
        __m256i delta = _mm256_sub_epi64(load_numbers(values + i), load_numbers(values + i - 1));

        _mm256_storeu_si256((__m256i *)(out + i - 1), _mm256_sub_epi64(delta, bases));
    }
    for (; i < count; i++)
        out[i - 1] = (uint64_t)values[i] - (uint64_t)values[i - 1] - (uint64_t)base;
}

AVX2 static void hex(const uint8_t *bytes, size_t count, bool upper, char *out)
{
    const __m128i digits =
        _mm_loadu_si128((const __m128i *)(upper ? "0123456789ABCDEF" : "0123456789abcdef"));
    const __m128i low_bits = _mm_set1_epi8(15);
    size_t i = 0;

    for (; i + 16 <= count; i += 16) {
        __m128i here = _mm_loadu_si128((const __m128i *)(bytes + i));
        __m128i high = _mm_shuffle_epi8(digits, _mm_and_si128(_mm_srli_epi16(here, 4), low_bits));
        __m128i low = _mm_shuffle_epi8(digits, _mm_and_si128(here, low_bits));

        _mm_storeu_si128((__m128i *)(out + 2 * i), _mm_unpacklo_epi8(high, low));
        _mm_storeu_si128((__m128i *)(out + 2 * i + 16), _mm_unpackhi_epi8(high, low));
    }
    kernels_scalar.hex(bytes + i, count - i, upper, out + 2 * i);
}

/* Four numbers below 10^8: halves of four digits, of which each gives pairs, of which each gives digits.
 * Division is multiplication by the inverse (Granlund and Montgomery, 1994). */
AVX2 static inline __m256i eight_digits(__m256i values)
{
    __m256i upper = _mm256_srli_epi64(_mm256_mul_epu32(values, _mm256_set1_epi64x(3518437209)), 45);
    __m256i lower = _mm256_sub_epi64(values, _mm256_mul_epu32(upper, _mm256_set1_epi64x(10000)));
    __m256i fours = _mm256_or_si256(upper, _mm256_slli_epi64(lower, 32));
    __m256i hundreds =
        _mm256_srli_epi32(_mm256_madd_epi16(fours, _mm256_set1_epi32(10486)), 20);
    __m256i below = _mm256_sub_epi32(fours, _mm256_madd_epi16(hundreds, _mm256_set1_epi32(100)));
    __m256i pairs = _mm256_or_si256(hundreds, _mm256_slli_epi32(below, 16));
    __m256i tens = _mm256_srli_epi16(_mm256_mullo_epi16(pairs, _mm256_set1_epi16(103)), 10);
    __m256i ones = _mm256_sub_epi16(pairs, _mm256_mullo_epi16(tens, _mm256_set1_epi16(10)));

    return _mm256_or_si256(tens, _mm256_slli_epi16(ones, 8));
}

/* A number that is negative or too large has its highest bit set, or what it leaves of the largest. */
AVX2 static bool digits8(const int64_t *values, size_t count, uint64_t *out)
{
    const __m256i largest = _mm256_set1_epi64x(99999999);
    __m256i bad = _mm256_setzero_si256();
    size_t i = 0;

    for (; i + 4 <= count; i += 4) {
        __m256i here = _mm256_loadu_si256((const __m256i *)(const void *)(values + i));

        bad = _mm256_or_si256(bad, _mm256_or_si256(here, _mm256_sub_epi64(largest, here)));
        _mm256_storeu_si256((__m256i *)(void *)(out + i), eight_digits(here));
    }
    return kernels_scalar.digits8(values + i, count - i, out + i) &&
           _mm256_movemask_pd(_mm256_castsi256_pd(bad)) == 0;
}

/* Byte `byte` of the two numbers of each half, at places 2 * pair and 2 * pair + 1 of that half. */
AVX2 static inline __m256i bytes_of_four(const uint64_t *values, unsigned byte, unsigned pair)
{
    uint64_t places = ~((uint64_t)0xffff << (16 * pair)); /* 0xff: nothing comes here */
    __m256i from;

    places |= ((uint64_t)(8 + byte) << 8 | byte) << (16 * pair);
    from = _mm256_broadcastsi128_si256(_mm_set_epi64x(-1, (int64_t)places));
    return _mm256_shuffle_epi8(_mm256_loadu_si256((const __m256i *)values), from);
}

AVX2 static void take_plane(const uint64_t *values, size_t count, unsigned byte, uint8_t *plane)
{
    size_t i = 0;

    for (; i + 16 <= count; i += 16) {
        __m256i early = _mm256_or_si256(bytes_of_four(values + i, byte, 0),
                                        bytes_of_four(values + i + 4, byte, 1));
        __m256i late = _mm256_or_si256(bytes_of_four(values + i + 8, byte, 2),
                                       bytes_of_four(values + i + 12, byte, 3));
        __m256i all = _mm256_or_si256(early, late); /* each half has two of every four */

        _mm_storeu_si128((__m128i *)(plane + i),
                         _mm_unpacklo_epi16(_mm256_castsi256_si128(all),
                                            _mm256_extracti128_si256(all, 1)));
    }
    for (; i < count; i++)
        plane[i] = (uint8_t)(values[i] >> (8 * byte));
}

/* Four bytes as numbers. */
AVX2 static inline __m256i widen_four(const uint8_t *bytes)
{
    int32_t four;

    memcpy(&four, bytes, sizeof(four));
    return _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(four));
}

/* The first plane reads no numbers: to read new memory, and then to write it, are two page faults. */
AVX2 static void put_plane(const uint8_t *plane, size_t count, unsigned byte, uint64_t *values)
{
    const __m128i shift = _mm_cvtsi32_si128((int)(8 * byte));
    size_t whole = count & ~(size_t)3;

    for (size_t i = 0; i < whole && byte == 0; i += 4)
        _mm256_storeu_si256((__m256i *)(values + i), widen_four(plane + i));
    for (size_t i = 0; i < whole && byte > 0; i += 4) {
        __m256i *out = (__m256i *)(values + i);

        _mm256_storeu_si256(out, _mm256_or_si256(_mm256_sll_epi64(widen_four(plane + i), shift),
                                                 _mm256_loadu_si256(out)));
    }
    kernels_scalar.put_plane(plane + whole, count - whole, byte, values + whole);
}

#define AVX2_KERNELS                                                                               \
    .read_hex32 = read_hex32, .find = find, .find_fold = find_fold, .unpack = unpack,              \
    .unpack32 = unpack32, .subtract = subtract, .differences = differences, .hex = hex,            \
    .digits8 = digits8, .take_plane = take_plane, .put_plane = put_plane, .equal32 = equal32,      \
    .range64 = range64, .table32 = table32

const struct kernels kernels_avx2 = {
    .name = "avx2", .byte_masks = byte_masks, .range_of = range_of, AVX2_KERNELS};
const struct kernels kernels_avx512 = {.name = "avx512",
                                       .byte_masks = byte_masks_avx512,
                                       .range_of = range_of_avx512,
                                       AVX2_KERNELS};

#endif
