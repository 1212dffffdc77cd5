/* store/kernels/avx512.c -- 64 bytes at a time, where avx2.c is slower by far: a class of all 128 ASCII
 * bytes is one lookup, masks come without being put together, and a mask keeps loads inside the line; the
 * smaller one of two numbers of 64 bits is one instruction. */
#include "store/kernels/kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vbmi,bmi2")))

enum { TOKEN = 1, DIGIT = 2, HEX = 4, MARK = 8, TH = TOKEN | HEX, TDH = TOKEN | DIGIT | HEX };

/* Classes of the ASCII bytes, those of a row of 16 in a line. */
static const char classes[128] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, TOKEN, TOKEN, 0, /* - . */
    TDH, TDH, TDH, TDH, TDH, TDH, TDH, TDH, TDH, TDH, 0, 0, 0, MARK, 0, 0, /* 0-9 = */
    MARK, TH, TH, TH, TH, TH, TH, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN,
    TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, 0, 0, 0, 0, TOKEN,
    0, TH, TH, TH, TH, TH, TH, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN,
    TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, TOKEN, 0, 0, 0, 0, 0,
};

AVX512 static inline __mmask64 has_class(__m512i of, int wanted)
{
    return _mm512_test_epi8_mask(of, _mm512_set1_epi8((char)wanted));
}

AVX512 void byte_masks_avx512(const char *data, size_t len, const struct byte_masks *out)
{
    const __m512i low = _mm512_loadu_si512(classes), high = _mm512_loadu_si512(classes + 64);
    const struct byte_masks to = *out;
    uint64_t carry = 0;

    for (size_t at = 0; at < len; at += 64) {
        __mmask64 inside = len - at < 64 ? _bzhi_u64(UINT64_MAX, (unsigned)(len - at)) : UINT64_MAX;
        __m512i bytes = _mm512_maskz_loadu_epi8(inside, data + at);
        __mmask64 above = _mm512_movepi8_mask(bytes); /* 0x80 and more: token bytes */
        __m512i of = _mm512_maskz_permutex2var_epi8(~above, low, bytes, high);
        uint64_t token = above | has_class(of, TOKEN), digit = has_class(of, DIGIT);

        to.token[at / 64] = token;
        to.digit[at / 64] = digit;
        to.hex[at / 64] = has_class(of, HEX);
        if (to.copy != NULL)
            _mm512_storeu_si512(to.copy + at, bytes);
        if (to.trigger != NULL) {
            uint64_t mark = has_class(of, MARK);

            to.trigger[at / 64] = digit | ((mark << 1 | carry) & token);
            carry = mark >> 63;
        }
    }
    if (to.copy != NULL)
        _mm512_storeu_si512(to.copy + len, _mm512_setzero_si512());
}

/* Eight at a time; the last eight may overlap those before them, which changes no minimum. */
AVX512 void range_of_avx512(const int64_t *values, size_t count, struct number_range *out)
{
    __m512i low = _mm512_set1_epi64(values[0]), high = low;
    __m512i delta_low = _mm512_set1_epi64(INT64_MAX), delta_high = _mm512_set1_epi64(INT64_MIN);

    if (count < 9) {
        kernels_avx2.range_of(values, count, out);
        return;
    }
    for (size_t i = 1; i < count; i += 8) {
        size_t at = i + 8 <= count ? i : count - 8;
        __m512i here = _mm512_loadu_si512(values + at);
        __m512i delta = _mm512_sub_epi64(here, _mm512_loadu_si512(values + at - 1));

        low = _mm512_min_epi64(low, here);
        high = _mm512_max_epi64(high, here);
        delta_low = _mm512_min_epi64(delta_low, delta);
        delta_high = _mm512_max_epi64(delta_high, delta);
    }
    *out = (struct number_range){_mm512_reduce_min_epi64(low), _mm512_reduce_max_epi64(high),
                                 _mm512_reduce_min_epi64(delta_low),
                                 _mm512_reduce_max_epi64(delta_high)};
}

#endif
