/* store/encoding/int_page_encode.c -- choose the form of a page of numbers and write it. */
#include "store/encoding/int_page.h"
#include "store/encoding/int_page_cost.h"

#include "base/byteorder.h"
#include "store/kernels/kernels.h"
#include "store/zstd_context.h"

#include <math.h>
#include <stdlib.h>

enum {
    DICT_VALUES_MAX = 256,
    DICT_PLACES = 1024,
    HEADER_SIZE_MAX = 1 + 3 * VARINT_SIZE_MAX,
    ENTROPY_COUNT_MIN = 48, /* below this packing wins: zstd has 12 bytes and tables of its own */
    REPEATS_LEVEL = 3,      /* of zstd */
    PLANE_TABLE_SHARE = 4,  /* bytes that occur in a plane per byte of its table, at least */
    SAMPLE_COUNT = COST_SAMPLE_RUNS * COST_RUN_COUNT,
};
#define DELTA_SHARE_MAX  0.97 /* of the plain numbers: those need no sums when they are read */
#define PLANES_SHARE_MAX 0.9  /* of packed ones, which are decoded several times as fast */
#define SAMPLE_DOUBT     0.1
#define PLANE_SURE_SHARE 0.8  /* of what it may take: a plane below that is not counted again */

/* One way to write the page. */
struct candidate {
    enum int_transform transform;
    const uint64_t *residuals; /* NULL: only a sample of them was made */
    size_t count;
    int64_t first, base;
    uint64_t range;  /* the largest residual before they are divided */
    uint64_t factor; /* 0: not known yet */
    uint64_t largest;
    double cost;                     /* bytes, estimated */
    double planes[sizeof(uint64_t)]; /* of it by byte position, where entropy was asked */
    uint64_t dict[DICT_VALUES_MAX];
    unsigned dict_count;
};

void int_encoder_init(struct int_encoder *encoder)
{
    *encoder = (struct int_encoder){.packed = buf_empty((size_t)16 << 20),
                                    .planes = buf_empty((size_t)16 << 20)};
}

void int_encoder_release(struct int_encoder *encoder)
{
    for (size_t i = 0; i < COUNT_OF(encoder->residuals); i++)
        free(encoder->residuals[i]);
    free(encoder->plane);
    buf_release(&encoder->packed);
    buf_release(&encoder->planes);
    *encoder = (struct int_encoder){0};
}

static bool reserve(struct int_encoder *encoder, size_t count)
{
    if (count <= encoder->capacity)
        return true;
    for (size_t i = 0; i < COUNT_OF(encoder->residuals); i++) {
        uint64_t *grown = realloc(encoder->residuals[i], count * sizeof(*grown));

        if (grown == NULL)
            return false;
        encoder->residuals[i] = grown;
    }
    free(encoder->plane);
    encoder->plane = malloc(count * sizeof(uint64_t));
    encoder->capacity = encoder->plane == NULL ? 0 : count;
    return encoder->plane != NULL;
}

static unsigned bits_of(uint64_t value)
{
    return value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
}

/* Times of seconds or milliseconds kept in ns have a common factor 10^n = 2^n * 5^n. A multiple is
 * divided by it by shifting and multiplying with the inverse of 5^n modulo 2^64; with all else the same
 * arithmetic gives more than `quotient_max` (Granlund and Montgomery, "Division by Invariant
 * Integers using Multiplication", section 9). */
static const struct factor {
    uint64_t value, inverse, quotient_max;
    unsigned shift;
} factors[] = {
    {1000000000, 0x8e47ce423a2e9c6d, UINT64_MAX / 1000000000, 9},
    {1000000, 0x790fb65668c26139, UINT64_MAX / 1000000, 6},
    {1000, 0x1cac083126e978d5, UINT64_MAX / 1000, 3},
};

enum { FACTOR_MIN = 1000 /* of them */ };

static inline bool is_multiple(uint64_t value, const struct factor *factor)
{
    uint64_t product = value * factor->inverse;

    return (product >> factor->shift | product << (64 - factor->shift)) <= factor->quotient_max;
}

static const struct factor *common_factor(const uint64_t *residuals, size_t count,
                                          uint64_t largest)
{
    for (size_t i = 0; i < COUNT_OF(factors); i++) {
        size_t at = 0;

        if (largest < factors[i].value)
            continue;
        while (at < count && is_multiple(residuals[at], &factors[i]))
            at++;
        if (at == count)
            return &factors[i];
    }
    return NULL;
}

/* Residuals [first, first + count) of a candidate, not divided yet. */
static void subtract_base(const struct candidate *candidate, const int64_t *values, size_t first,
                          size_t count, uint64_t *out)
{
    if (candidate->transform == INT_DELTA)
        kernels()->differences(values + first, count + 1, candidate->base, out);
    else
        kernels()->subtract(values + first, count, candidate->base, out);
}

static void divide(uint64_t *residuals, size_t count, const struct factor *factor)
{
    for (size_t i = 0; i < count && factor != NULL; i++)
        residuals[i] = (residuals[i] >> factor->shift) * factor->inverse;
}

static void set_factor(struct candidate *candidate, const struct factor *factor)
{
    candidate->factor = factor == NULL ? 1 : factor->value;
    candidate->largest = candidate->range / candidate->factor;
}

/* Bytes of a candidate by residuals that are all of it or a sample. */
static void estimate(struct candidate *candidate, const uint64_t *residuals, size_t count)
{
    double packed = (double)candidate->count * bits_of(candidate->largest) / 8, entropy;

    candidate->cost = packed;
    if (candidate->count < ENTROPY_COUNT_MIN)
        return;
    entropy = int_cost_of_numbers(residuals, count, candidate->largest, candidate->planes) *
              (double)candidate->count / (double)count;
    for (size_t byte = 0; byte < sizeof(uint64_t); byte++)
        candidate->planes[byte] *= (double)candidate->count / (double)count;
    if (entropy < packed)
        candidate->cost = entropy;
}

/* As COST_SAMPLE_RUNS runs of neighbours say, evenly spread: that counts for more than a few percent
 * only. What all of them have in common the whole page mostly has. */
static void estimate_by_sample(struct candidate *candidate, const int64_t *values)
{
    uint64_t sample[SAMPLE_COUNT];
    const struct factor *factor;

    for (size_t run = 0; run < COST_SAMPLE_RUNS; run++)
        subtract_base(candidate, values,
                      run * (candidate->count - COST_RUN_COUNT) / COST_SAMPLE_RUNS, COST_RUN_COUNT,
                      sample + run * COST_RUN_COUNT);
    factor = common_factor(sample, SAMPLE_COUNT, candidate->range);
    set_factor(candidate, factor);
    divide(sample, SAMPLE_COUNT, factor);
    estimate(candidate, sample, SAMPLE_COUNT);
}

/* All residuals. False: they have not the common factor that a sample had. */
static bool make_residuals(struct candidate *candidate, const int64_t *values, uint64_t *room)
{
    uint64_t expected = candidate->factor;
    const struct factor *factor;

    if (candidate->residuals != NULL)
        return true;
    if (candidate->transform == INT_FOR && candidate->base == 0 &&
        (expected == 1 || candidate->range < FACTOR_MIN)) { /* codes, most often */
        set_factor(candidate, NULL);
        candidate->residuals = (const uint64_t *)values;
        return true;
    }
    subtract_base(candidate, values, 0, candidate->count, room);
    factor = common_factor(room, candidate->count, candidate->range);
    divide(room, candidate->count, factor);
    set_factor(candidate, factor);
    candidate->residuals = room;
    return expected == 0 || expected == candidate->factor;
}

static void begin_plain(const struct number_range *range, size_t count, struct candidate *out)
{
    *out = (struct candidate){.transform = INT_FOR,
                              .count = count,
                              .base = range->low,
                              .range = (uint64_t)range->high - (uint64_t)range->low};
}

static void begin_delta(const struct number_range *range, size_t count, int64_t first,
                        struct candidate *out)
{
    *out = (struct candidate){.transform = INT_DELTA,
                              .count = count - 1,
                              .first = first,
                              .base = range->delta_low,
                              .range =
                                  (uint64_t)range->delta_high - (uint64_t)range->delta_low};
}

static int compare_u64(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return left < right ? -1 : left > right;
}

/* False with more than DICT_VALUES_MAX distinct values. */
static bool try_dict(struct int_encoder *encoder, const int64_t *values, size_t count,
                     struct candidate *out)
{
    uint64_t keys[DICT_PLACES];
    uint16_t codes[DICT_PLACES], ranks[DICT_VALUES_MAX];
    uint64_t *residuals = encoder->residuals[2];
    uint64_t order[DICT_VALUES_MAX];
    unsigned distinct = 0;

    memset(codes, 0xff, sizeof(codes));
    for (size_t i = 0; i < count; i++) {
        uint64_t value = (uint64_t)values[i];
        unsigned place = (unsigned)((value * 0x9e3779b97f4a7c15u) >> 54);

        if (i > 0 && values[i] == values[i - 1]) {
            residuals[i] = residuals[i - 1];
            continue;
        }
        while (codes[place] != UINT16_MAX && keys[place] != value)
            place = (place + 1) % DICT_PLACES;
        if (codes[place] == UINT16_MAX) {
            if (distinct == DICT_VALUES_MAX)
                return false;
            keys[place] = value;
            order[distinct] = value;
            codes[place] = (uint16_t)distinct++;
        }
        residuals[i] = codes[place];
    }
    out->transform = INT_DICT;
    out->residuals = residuals;
    out->count = count;
    out->dict_count = distinct;
    out->largest = distinct - 1;
    memcpy(out->dict, order, distinct * sizeof(order[0]));
    qsort(out->dict, distinct, sizeof(out->dict[0]), compare_u64);
    for (unsigned i = 0; i < distinct; i++) {
        const uint64_t *at = bsearch(&order[i], out->dict, distinct, sizeof(order[0]), compare_u64);

        ranks[i] = (uint16_t)(at - out->dict);
    }
    for (size_t i = 0; i < count; i++)
        residuals[i] = ranks[residuals[i]];
    return true;
}

/* Numbers of `width` bits, up to UNPACK_WIDTH_MAX, one behind the other. */
static void pack(const uint64_t *residuals, size_t count, unsigned width, char *out)
{
    uint64_t pending = 0;
    unsigned pending_bits = 0;

    for (size_t i = 0; i < count; i++) {
        pending |= residuals[i] << pending_bits;
        pending_bits += width;
        if (pending_bits < 64)
            continue;
        put_le64(out, pending);
        out += 8;
        pending_bits -= 64;
        pending = pending_bits == 0 ? 0 : residuals[i] >> (width - pending_bits);
    }
    for (; pending_bits > 0; pending_bits -= pending_bits < 8 ? pending_bits : 8) {
        *out++ = (char)pending;
        pending >>= 8;
    }
}

static bool append_packed(struct buf *out, const struct candidate *candidate)
{
    unsigned width = bits_of(candidate->largest);
    size_t size = (candidate->count * width + 7) / 8;

    if (!buf_append_byte(out, (char)width) || !buf_reserve(out, size + 2 * UNPACK_SLACK))
        return false;
    pack(candidate->residuals, candidate->count, width, out->data + out->len);
    memset(out->data + out->len + size, 0, UNPACK_SLACK);
    buf_commit(out, size + UNPACK_SLACK);
    return true;
}

/* `cost` is the plane's entropy: when that leaves nothing to gain, nothing is tried. */
static bool append_plane(struct int_encoder *encoder, struct slice plane, double cost,
                         struct buf *out)
{
    size_t worth = plane.len - plane.len / 16, start;

    buf_reset(&encoder->packed);
    if (encoder->repeats) {
        if (!zstd_append(&encoder->packed, plane, REPEATS_LEVEL))
            return false;
    } else if (plane.len >= ENTROPY_COUNT_MIN && cost < (double)worth &&
               !zstd_append_numbers(&encoder->packed, plane)) {
        return false;
    }
    start = encoder->packed.len;
    if (start == 0 || start >= worth)
        return buf_append_varint(out, plane.len << 1) && buf_append_slice(out, plane);
    return buf_append_varint(out, start << 1 | 1) &&
           buf_append_slice(out, buf_slice(&encoder->packed));
}

/* The estimate says that all planes shrink, and so does this one: it is not counted. Should a
 * sample have lied, a try fails that is otherwise not made. */
static bool surely_shrinks(const struct candidate *candidate, unsigned byte, double size_max)
{
    return candidate->cost < PLANE_SURE_SHARE * size_max &&
           candidate->planes[byte] < PLANE_SURE_SHARE * (double)candidate->count;
}

/* The planes of a candidate, to encoder->plane; gives the least that they may take. */
static double split_planes(struct int_encoder *encoder, const struct candidate *candidate,
                           unsigned bytes, double size_max, double *costs)
{
    double size = 0;

    for (unsigned byte = 0; byte < bytes; byte++) {
        uint8_t *plane = encoder->plane + byte * candidate->count;
        unsigned distinct = 0;

        kernels()->take_plane(candidate->residuals, candidate->count, byte, plane);
        costs[byte] = surely_shrinks(candidate, byte, size_max)
                          ? candidate->planes[byte]
                          : int_cost_of_plane(plane, candidate->count, &distinct);
        size += costs[byte] + (double)distinct / PLANE_TABLE_SHARE;
    }
    return size;
}

/* Nothing is appended if the planes would be larger than `size_max`. */
static bool append_planes(struct int_encoder *encoder, const struct candidate *candidate,
                          double size_max, struct buf *out)
{
    unsigned bytes = (bits_of(candidate->largest) + 7) / 8;
    double costs[sizeof(uint64_t)];

    if (split_planes(encoder, candidate, bytes, size_max, costs) > size_max)
        return true;
    if (!buf_append_byte(out, (char)bytes))
        return false;
    for (unsigned byte = 0; byte < bytes; byte++)
        if (!append_plane(encoder,
                          slice_make(encoder->plane + byte * candidate->count, candidate->count),
                          costs[byte], out))
            return false;
    return true;
}

static bool append_header(struct buf *out, const struct candidate *candidate, unsigned storage)
{
    bool fine = buf_append_byte(out, (char)(candidate->transform | storage));

    if (candidate->transform == INT_DELTA)
        fine = fine && buf_append_varint(out, zigzag(candidate->first));
    if (candidate->transform == INT_DICT) {
        fine = fine && buf_append_varint(out, candidate->dict_count) &&
               buf_append_varint(out, zigzag((int64_t)candidate->dict[0]));
        for (unsigned i = 1; i < candidate->dict_count; i++)
            fine = fine && buf_append_varint(out, candidate->dict[i] - candidate->dict[i - 1]);
        return fine;
    }
    return fine && buf_append_varint(out, zigzag(candidate->base)) &&
           buf_append_varint(out, candidate->factor);
}

static bool append_best(struct int_encoder *encoder, const struct candidate *best, struct buf *out)
{
    unsigned width = bits_of(best->largest);
    bool wide = width > UNPACK_WIDTH_MAX; /* only planes hold them */
    double planes_max =
        PLANES_SHARE_MAX * ((double)(best->count * width / 8) + UNPACK_SLACK);
    bool planes = wide || encoder->repeats ||
                  (best->count >= ENTROPY_COUNT_MIN && best->cost < planes_max);

    buf_reset(&encoder->planes);
    if (planes && !append_planes(encoder, best, wide || encoder->repeats ? INFINITY : planes_max,
                                 &encoder->planes))
        return false;
    if (wide || (encoder->planes.len > 0 && (double)encoder->planes.len < planes_max))
        return append_header(out, best, INT_PLANES) &&
               buf_append_slice(out, buf_slice(&encoder->planes));
    return append_header(out, best, 0) && append_packed(out, best);
}

static bool is_close(double share)
{
    return share > 1 - SAMPLE_DOUBT && share < 1 + SAMPLE_DOUBT;
}

static struct candidate *smaller(struct candidate *plain, struct candidate *delta)
{
    return delta->cost < plain->cost * DELTA_SHARE_MAX ? delta : plain;
}

/* The smaller one, with its residuals. A sample decides, unless the two come close. */
static struct candidate *plain_or_delta(struct int_encoder *encoder, const int64_t *values,
                                        struct candidate *plain, struct candidate *delta)
{
    if (delta->count > SAMPLE_COUNT) {
        struct candidate *best;

        estimate_by_sample(plain, values);
        estimate_by_sample(delta, values);
        best = smaller(plain, delta);
        if (!is_close(delta->cost / plain->cost) &&
            make_residuals(best, values, encoder->residuals[best == delta]))
            return best;
    }
    (void)make_residuals(plain, values, encoder->residuals[0]);
    (void)make_residuals(delta, values, encoder->residuals[1]);
    estimate(plain, plain->residuals, plain->count);
    estimate(delta, delta->residuals, delta->count);
    return smaller(plain, delta);
}

/* Every number like the one before it: half of all pages are such, and the others mostly say so in their
 * first line of the cache. */
static bool is_constant(const int64_t *values, size_t count)
{
    return values[0] == values[count - 1] &&
           memcmp(values, values + 1, (count - 1) * sizeof(*values)) == 0;
}

bool int_page_encode(struct int_encoder *encoder, const int64_t *values, size_t count,
                     struct buf *out)
{
    struct candidate plain, delta, dict;
    const struct candidate *best = &plain;
    struct number_range range;

    if (count == 0 || count > INT_PAGE_COUNT_MAX || !reserve(encoder, count))
        return false;
    if (is_constant(values, count))
        return buf_append_byte(out, INT_CONST) && buf_append_varint(out, zigzag(values[0]));
    kernels()->range_of(values, count, &range);
    begin_plain(&range, count, &plain);
    if (count > 2) {
        begin_delta(&range, count, values[0], &delta);
        best = plain_or_delta(encoder, values, &plain, &delta);
    } else {
        (void)make_residuals(&plain, values, encoder->residuals[0]);
    }
    if (plain.largest >= DICT_VALUES_MAX && count >= ENTROPY_COUNT_MIN &&
        try_dict(encoder, values, count, &dict)) {
        estimate(&dict, dict.residuals, count);
        dict.cost += 2.0 * dict.dict_count;
        if (dict.cost < best->cost)
            best = &dict;
    }
    return append_best(encoder, best, out);
}
