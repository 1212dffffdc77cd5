/* base/buf.c -- doubling growth up to a maximum. */
#include "base/buf.h"

#include "base/byteorder.h"
#include "base/spare.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_CAPACITY_MIN = 64 };

bool buf_reserve(struct buf *buf, size_t extra)
{
    size_t wanted;
    size_t capacity = buf->capacity < BUF_CAPACITY_MIN ? BUF_CAPACITY_MIN : buf->capacity;
    char *data;

    if (buf->failed || __builtin_add_overflow(buf->len, extra, &wanted) || wanted > buf->size_max) {
        buf->failed = true;
        return false;
    }
    if (wanted <= buf->capacity)
        return true;
    if (buf->capacity == 0 && capacity < wanted) /* the first to ask may know the size */
        capacity = wanted;
    while (capacity < wanted)
        capacity *= 2;
    if (capacity > buf->size_max)
        capacity = buf->size_max;
    data = buf->spare ? spare_grow(buf->data, buf->len, capacity) : realloc(buf->data, capacity);
    if (data == NULL) {
        buf->failed = true;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

void buf_commit(struct buf *buf, size_t len)
{
    assert(len <= buf->capacity - buf->len);
    buf->len += len;
}

bool buf_append(struct buf *buf, const void *data, size_t len)
{
    if (!buf_reserve(buf, len))
        return false;
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    return true;
}

bool buf_append_slice(struct buf *buf, struct slice text)
{
    return buf_append(buf, text.data, text.len);
}

bool buf_append_text(struct buf *buf, const char *text)
{
    return buf_append(buf, text, strlen(text));
}

bool buf_append_byte(struct buf *buf, char byte)
{
    return buf_append(buf, &byte, 1);
}

bool buf_printf(struct buf *buf, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    /* One byte more for the NUL that vsnprintf writes and we do not count. */
    if (len < 0 || !buf_reserve(buf, (size_t)len + 1)) {
        buf->failed = true;
        return false;
    }
    va_start(args, format);
    (void)vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
    return true;
}

bool buf_append_u16(struct buf *buf, uint16_t value)
{
    uint8_t bytes[2];

    put_le16(bytes, value);
    return buf_append(buf, bytes, sizeof(bytes));
}

bool buf_append_u32(struct buf *buf, uint32_t value)
{
    uint8_t bytes[4];

    put_le32(bytes, value);
    return buf_append(buf, bytes, sizeof(bytes));
}

bool buf_append_u64(struct buf *buf, uint64_t value)
{
    uint8_t bytes[8];

    put_le64(bytes, value);
    return buf_append(buf, bytes, sizeof(bytes));
}

bool buf_append_varint(struct buf *buf, uint64_t value)
{
    uint8_t bytes[VARINT_SIZE_MAX];

    return buf_append(buf, bytes, put_varint(bytes, value));
}

void buf_consume(struct buf *buf, size_t len)
{
    assert(len <= buf->len);
    buf->len -= len;
    if (buf->len > 0)
        memmove(buf->data, buf->data + len, buf->len);
}

void buf_reset(struct buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

void buf_release(struct buf *buf)
{
    if (buf->spare)
        spare_give(buf->data);
    else
        free(buf->data);
    *buf = (struct buf){.size_max = buf->size_max, .spare = buf->spare};
}

enum status buf_check(const struct buf *buf, const char *what, struct error *err)
{
    if (!buf->failed)
        return STATUS_OK;
    return error_set(err, STATUS_TOO_LARGE, "%s: no room beyond %zu bytes (limit %zu)", what,
                     buf->len, buf->size_max);
}
