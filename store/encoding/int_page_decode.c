/* store/encoding/int_page_decode.c -- read a page of numbers. Every byte may be damaged. */
#include "store/encoding/int_page.h"

#include "base/byteorder.h"
#include "store/kernels/kernels.h"
#include "store/zstd_context.h"

#include <stdlib.h>

enum { DICT_VALUES_MAX = 256, PLANE_ON_STACK = 16384 };

struct header {
    unsigned transform, storage;
    int64_t first, base;
    uint64_t factor;
    int64_t dict[DICT_VALUES_MAX];
    uint64_t dict_count;
};

static bool take_dict(struct slice *rest, struct header *out)
{
    uint64_t raw, value;

    if (!take_varint(rest, &out->dict_count) || out->dict_count == 0 ||
        out->dict_count > DICT_VALUES_MAX || !take_varint(rest, &raw))
        return false;
    value = (uint64_t)unzigzag(raw);
    out->dict[0] = (int64_t)value;
    for (uint64_t i = 1; i < out->dict_count; i++) {
        if (!take_varint(rest, &raw))
            return false;
        value += raw;
        out->dict[i] = (int64_t)value;
    }
    return true;
}

static bool take_header(struct slice *rest, struct header *out)
{
    uint64_t raw;
    uint8_t form;

    if (!take_u8(rest, &form))
        return false;
    out->transform = form & 0x0f;
    out->storage = form & 0xf0;
    if (out->storage != 0 && out->storage != INT_PLANES)
        return false;
    if (out->transform == INT_DICT)
        return take_dict(rest, out);
    if (out->transform == INT_DELTA) {
        if (!take_varint(rest, &raw))
            return false;
        out->first = unzigzag(raw);
    } else if (out->transform != INT_FOR && out->transform != INT_CONST) {
        return false;
    }
    if (!take_varint(rest, &raw))
        return false;
    out->base = unzigzag(raw);
    return out->transform == INT_CONST || take_varint(rest, &out->factor);
}

static bool take_plane(struct slice *rest, size_t count, char *scratch, const uint8_t **out)
{
    uint64_t size;
    struct slice stored;

    if (!take_varint(rest, &size) || size >> 1 > rest->len ||
        !take_bytes(rest, (size_t)(size >> 1), &stored))
        return false;
    if ((size & 1) == 0) {
        *out = (const uint8_t *)stored.data;
        return stored.len == count;
    }
    *out = (const uint8_t *)scratch;
    return zstd_read(stored, scratch, count);
}

static bool take_planes(struct slice *rest, size_t count, unsigned bytes, uint64_t *out)
{
    char on_stack[PLANE_ON_STACK];
    char *scratch = count <= sizeof(on_stack) ? on_stack : malloc(count);
    bool fine = scratch != NULL && bytes <= 8;

    if (bytes == 0)
        memset(out, 0, count * sizeof(*out));
    for (unsigned byte = 0; byte < bytes && fine; byte++) {
        const uint8_t *plane = NULL;

        fine = take_plane(rest, count, scratch, &plane);
        if (fine)
            kernels()->put_plane(plane, count, byte, out);
    }
    if (scratch != on_stack)
        free(scratch);
    return fine;
}

/* The packed bytes of `count` numbers, slack included; NULL if the page is too short. */
static const uint8_t *packed_bytes(struct slice rest, size_t count, unsigned width)
{
    size_t size = (count * width + 7) / 8 + UNPACK_SLACK;

    return width <= UNPACK_WIDTH_MAX && rest.len >= size ? (const uint8_t *)rest.data : NULL;
}

static bool take_residuals(struct slice *rest, const struct header *header, size_t count,
                           uint64_t *out)
{
    const uint8_t *packed;
    uint8_t width;

    if (!take_u8(rest, &width))
        return false;
    if (header->storage == INT_PLANES)
        return take_planes(rest, count, width, out);
    packed = packed_bytes(*rest, count, width);
    if (packed == NULL)
        return false;
    kernels()->unpack(packed, width, count, out);
    return true;
}

static bool apply_dict(const struct header *header, size_t count, int64_t *values)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t index = (uint64_t)values[i];

        if (index >= header->dict_count)
            return false;
        values[i] = header->dict[index];
    }
    return true;
}

/* base + factor * residual; most factors are 1, and many a base is 0. */
static void scale_residuals(const struct header *header, size_t count, uint64_t *values)
{
    uint64_t base = (uint64_t)header->base, factor = header->factor;

    if (factor != 1)
        for (size_t i = 0; i < count; i++)
            values[i] = base + factor * values[i];
    else if (base != 0)
        for (size_t i = 0; i < count; i++)
            values[i] += base;
}

static bool decode_delta(struct slice rest, const struct header *header, size_t count,
                         int64_t *out)
{
    uint64_t *residuals = (uint64_t *)out;
    uint64_t value = (uint64_t)header->first;

    if (count > 1 && !take_residuals(&rest, header, count - 1, residuals + 1))
        return false;
    residuals[0] = value;
    for (size_t i = 1; i < count; i++) {
        value += (uint64_t)header->base + header->factor * residuals[i];
        residuals[i] = value;
    }
    return true;
}

bool int_page_decode(struct slice page, size_t count, int64_t *out)
{
    struct header header;

    if (count == 0 || !take_header(&page, &header))
        return false;
    if (header.transform == INT_CONST) {
        for (size_t i = 0; i < count; i++)
            out[i] = header.base;
        return true;
    }
    if (header.transform == INT_DELTA)
        return decode_delta(page, &header, count, out);
    if (!take_residuals(&page, &header, count, (uint64_t *)out))
        return false;
    if (header.transform == INT_DICT)
        return apply_dict(&header, count, out);
    scale_residuals(&header, count, (uint64_t *)out);
    return true;
}

/* ---- a few values of a page ---- */

static bool pick_planes(struct slice *rest, size_t count, unsigned bytes, const uint32_t *places,
                        size_t place_count, uint64_t *out)
{
    char on_stack[PLANE_ON_STACK];
    char *scratch = count <= sizeof(on_stack) ? on_stack : malloc(count);
    bool fine = scratch != NULL && bytes <= 8;

    memset(out, 0, place_count * sizeof(*out));
    for (unsigned byte = 0; byte < bytes && fine; byte++) {
        const uint8_t *plane = NULL;

        fine = take_plane(rest, count, scratch, &plane);
        for (size_t i = 0; i < place_count && fine; i++)
            out[i] |= (uint64_t)plane[places[i]] << (8 * byte);
    }
    if (scratch != on_stack)
        free(scratch);
    return fine;
}

static bool pick_residuals(struct slice *rest, const struct header *header, size_t count,
                           const uint32_t *places, size_t place_count, uint64_t *out)
{
    const uint8_t *packed;
    uint8_t width;

    if (!take_u8(rest, &width))
        return false;
    if (header->storage == INT_PLANES)
        return pick_planes(rest, count, width, places, place_count, out);
    packed = packed_bytes(*rest, count, width);
    for (size_t i = 0; packed != NULL && i < place_count; i++) {
        size_t bit = (size_t)places[i] * width;
        uint64_t word;

        memcpy(&word, packed + bit / 8, sizeof(word)); /* the slack is behind the last one */
        out[i] = word >> (bit % 8) & (((uint64_t)1 << width) - 1);
    }
    return packed != NULL;
}

/* Each difference counts: all values are made. */
static bool pick_delta(struct slice rest, const struct header *header, size_t count,
                       const uint32_t *places, size_t place_count, int64_t *out)
{
    int64_t *all = malloc(count * sizeof(*all));
    bool fine = all != NULL && decode_delta(rest, header, count, all);

    for (size_t i = 0; i < place_count && fine; i++)
        out[i] = all[places[i]];
    free(all);
    return fine;
}

bool int_page_pick(struct slice page, size_t count, const uint32_t *places, size_t place_count,
                   int64_t *out)
{
    struct header header;

    if (count == 0 || !take_header(&page, &header))
        return false;
    if (header.transform == INT_DELTA)
        return pick_delta(page, &header, count, places, place_count, out);
    if (header.transform != INT_CONST &&
        !pick_residuals(&page, &header, count, places, place_count, (uint64_t *)out))
        return false;
    if (header.transform == INT_DICT)
        return apply_dict(&header, place_count, out);
    for (size_t i = 0; i < place_count; i++)
        out[i] = header.transform == INT_CONST
                     ? header.base
                     : (int64_t)((uint64_t)header.base + header.factor * (uint64_t)out[i]);
    return true;
}

bool int_page_constant(struct slice page, int64_t *out)
{
    struct header header;

    if (!take_header(&page, &header) || header.transform != INT_CONST)
        return false;
    *out = header.base;
    return true;
}

/* Planes of numbers below 2^32, of which there are `bytes` (1 to 4). */
static bool take_planes32(struct slice *rest, size_t count, unsigned bytes, uint32_t *out)
{
    char scratch[PLANE_ON_STACK];
    const uint8_t *plane;

    for (unsigned byte = 0; byte < bytes; byte++) {
        if (!take_plane(rest, count, scratch, &plane))
            return false;
        for (size_t i = 0; i < count; i++)
            out[i] = (byte == 0 ? 0 : out[i]) | (uint32_t)plane[i] << (8 * byte);
    }
    return true;
}

/* Codes of a dictionary, the most frequent pages, without going through 64 bits. */
static bool decode_small(struct slice rest, const struct header *header, size_t count,
                         uint32_t *out, bool *done)
{
    const uint8_t *packed;
    uint8_t width;

    *done = false;
    if (header->transform != INT_FOR || header->base != 0 || header->factor != 1 ||
        !take_u8(&rest, &width))
        return true;
    if (header->storage == INT_PLANES && width - 1u < sizeof(*out) && count <= PLANE_ON_STACK) {
        *done = take_planes32(&rest, count, width, out);
        return *done;
    }
    if (header->storage == 0 && width <= 32) {
        packed = packed_bytes(rest, count, width);
        if (packed == NULL)
            return false;
        kernels()->unpack32(packed, width, count, out);
        *done = true;
    }
    return true;
}

bool int_page_decode32(struct slice page, size_t count, uint32_t *out)
{
    struct slice rest = page;
    struct header header;
    int64_t *wide;
    uint64_t high = 0;
    bool done, fine;

    if (count == 0 || !take_header(&rest, &header))
        return false;
    if (header.transform == INT_CONST) {
        for (size_t i = 0; i < count; i++)
            out[i] = (uint32_t)header.base;
        return header.base >= 0 && header.base <= UINT32_MAX;
    }
    if (!decode_small(rest, &header, count, out, &done) || done)
        return done;
    wide = malloc(count * sizeof(*wide));
    fine = wide != NULL && int_page_decode(page, count, wide);
    for (size_t i = 0; i < count && fine; i++) {
        high |= (uint64_t)wide[i];
        out[i] = (uint32_t)wide[i];
    }
    free(wide);
    return fine && high <= UINT32_MAX;
}
