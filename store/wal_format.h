/* store/wal_format.h -- headers of WAL files and records as bytes (layout: wal.h).
 * Thread safety: pure functions. */
#ifndef DENDRO_STORE_WAL_FORMAT_H
#define DENDRO_STORE_WAL_FORMAT_H

#include "base/byteorder.h"
#include "base/hash.h"
#include "store/wal.h"

struct wal_file_header {
    uint64_t file_number, incarnation, salt, acked, checksum;
};

struct wal_record_header {
    uint32_t length;
    uint16_t type, shard;
    uint64_t file_number, record_number, group, previous, checksum;
};

static inline void wal_file_header_put(char *to, struct wal_file_header *header)
{
    memcpy(to, WAL_MAGIC, 8);
    put_le32(to + 8, WAL_VERSION);
    put_le32(to + 12, 0);
    put_le64(to + 16, header->file_number);
    put_le64(to + 24, header->incarnation);
    put_le64(to + 32, header->salt);
    put_le64(to + 40, header->acked);
    header->checksum = hash64(to, 48);
    put_le64(to + 48, header->checksum);
}

/* INVALID: a newer version; CORRUPT: not a header. */
static inline enum status wal_file_header_get(const char *from, struct wal_file_header *out)
{
    if (memcmp(from, WAL_MAGIC, 8) != 0 || get_le64(from + 48) != hash64(from, 48))
        return STATUS_CORRUPT;
    if (get_le32(from + 8) < WAL_VERSION_OLDEST || get_le32(from + 8) > WAL_VERSION)
        return STATUS_INVALID;
    *out = (struct wal_file_header){
        .file_number = get_le64(from + 16),
        .incarnation = get_le64(from + 24),
        .salt = get_le64(from + 32),
        .acked = get_le64(from + 40),
        .checksum = get_le64(from + 48),
    };
    return STATUS_OK;
}

static inline uint64_t wal_record_checksum(const char *header, struct slice payload, uint64_t salt)
{
    return hash64_seed(payload.data, payload.len, hash64_seed(header, 40, salt));
}

static inline void wal_record_header_put(char *to, struct wal_record_header *header,
                                         struct slice payload, uint64_t salt)
{
    put_le32(to, header->length);
    put_le16(to + 4, header->type);
    put_le16(to + 6, header->shard);
    put_le64(to + 8, header->file_number);
    put_le64(to + 16, header->record_number);
    put_le64(to + 24, header->group);
    put_le64(to + 32, header->previous);
    header->checksum = wal_record_checksum(to, payload, salt);
    put_le64(to + 40, header->checksum);
}

static inline void wal_record_header_get(const char *from, struct wal_record_header *out)
{
    *out = (struct wal_record_header){
        .length = get_le32(from),
        .type = get_le16(from + 4),
        .shard = get_le16(from + 6),
        .file_number = get_le64(from + 8),
        .record_number = get_le64(from + 16),
        .group = get_le64(from + 24),
        .previous = get_le64(from + 32),
        .checksum = get_le64(from + 40),
    };
}

static inline uint64_t wal_padded(uint64_t size)
{
    return (size + 7) & ~(uint64_t)7;
}

#endif
