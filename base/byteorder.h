/* base/byteorder.h -- little-endian integers, LEB128 varints, zigzag; unaligned access.
 * Source: LEB128 and zigzag as in the Protocol Buffers encoding document.
 * Thread safety: pure functions. */
#ifndef DENDRO_BASE_BYTEORDER_H
#define DENDRO_BASE_BYTEORDER_H

#include "base/slice.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "formats are read by plain copies");

enum { VARINT_SIZE_MAX = 10 }; /* 64 bits in groups of 7 */

static inline uint16_t get_le16(const void *from)
{
    uint16_t value;

    memcpy(&value, from, sizeof(value));
    return value;
}

static inline uint32_t get_le32(const void *from)
{
    uint32_t value;

    memcpy(&value, from, sizeof(value));
    return value;
}

static inline uint64_t get_le64(const void *from)
{
    uint64_t value;

    memcpy(&value, from, sizeof(value));
    return value;
}

static inline void put_le16(void *to, uint16_t value)
{
    memcpy(to, &value, sizeof(value));
}

static inline void put_le32(void *to, uint32_t value)
{
    memcpy(to, &value, sizeof(value));
}

static inline void put_le64(void *to, uint64_t value)
{
    memcpy(to, &value, sizeof(value));
}

/* Write `value` to `to` (VARINT_SIZE_MAX bytes of room); gives the bytes written. */
static inline size_t put_varint(void *to, uint64_t value)
{
    uint8_t *at = to;
    size_t len = 0;

    while (value >= 0x80) {
        at[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    at[len++] = (uint8_t)value;
    return len;
}

static inline uint64_t zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}

static inline int64_t unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* Readers eat from the front of `rest`; false (and `rest` as it was) when it is too short or a
 * varint is longer than 64 bits. */
static inline bool take_u8(struct slice *rest, uint8_t *out)
{
    if (rest->len < 1)
        return false;
    *out = (uint8_t)rest->data[0];
    *rest = slice_from(*rest, 1);
    return true;
}

static inline bool take_u16(struct slice *rest, uint16_t *out)
{
    if (rest->len < 2)
        return false;
    *out = get_le16(rest->data);
    *rest = slice_from(*rest, 2);
    return true;
}

static inline bool take_u32(struct slice *rest, uint32_t *out)
{
    if (rest->len < 4)
        return false;
    *out = get_le32(rest->data);
    *rest = slice_from(*rest, 4);
    return true;
}

static inline bool take_u64(struct slice *rest, uint64_t *out)
{
    if (rest->len < 8)
        return false;
    *out = get_le64(rest->data);
    *rest = slice_from(*rest, 8);
    return true;
}

static inline bool take_long_varint(struct slice *rest, uint64_t *out)
{
    uint64_t value = 0;

    for (size_t i = 0; i < rest->len && i < VARINT_SIZE_MAX; i++) {
        uint8_t byte = (uint8_t)rest->data[i];

        if (i == VARINT_SIZE_MAX - 1 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *out = value;
            *rest = slice_from(*rest, i + 1);
            return true;
        }
    }
    return false;
}

static inline bool take_varint(struct slice *rest, uint64_t *out)
{
    if (rest->len == 0 || (uint8_t)rest->data[0] >= 0x80)
        return take_long_varint(rest, out);
    *out = (uint8_t)rest->data[0]; /* most numbers are small */
    rest->data++;
    rest->len--;
    return true;
}

/* `len` raw bytes. */
static inline bool take_bytes(struct slice *rest, size_t len, struct slice *out)
{
    if (rest->len < len)
        return false;
    *out = slice_first(*rest, len);
    *rest = slice_from(*rest, len);
    return true;
}

/* A varint length, then that many bytes. */
static inline bool take_text(struct slice *rest, struct slice *out)
{
    struct slice at = *rest;
    uint64_t len;

    if (!take_varint(&at, &len) || len > at.len)
        return false;
    *out = slice_first(at, (size_t)len);
    *rest = slice_from(at, (size_t)len);
    return true;
}

#endif
