/* base/packed_reader.c -- file chunks through an unpacker. */
#include "base/packed_reader.h"

#include <stdlib.h>

enum { INPUT_SIZE = 128 * 1024, MAGIC_SIZE_MAX = 4 };

struct packed_reader {
    struct io *io;
    int fd;
    char *path; /* for messages */
    struct unpacker *unpacker;
    enum codec codec;
    uint64_t offset;    /* of the next read */
    struct slice input; /* read, not yet unpacked; in `bytes` */
    bool file_ended;
    char bytes[INPUT_SIZE];
};

static const struct {
    const char *magic;
    size_t len;
    enum codec codec;
} magics[] = {
    {"\x1f\x8b", 2, CODEC_GZIP},         /* RFC 1952, 2.3.1 */
    {"\x28\xb5\x2f\xfd", 4, CODEC_ZSTD}, /* RFC 8878, 3.1.1 */
};

static enum codec codec_of(struct slice head)
{
    for (size_t i = 0; i < COUNT_OF(magics); i++)
        if (slice_starts(head, slice_make(magics[i].magic, magics[i].len)))
            return magics[i].codec;
    /* RFC 8878, 3.1.2: a skippable frame, as parallel compressors put in front */
    if (head.len >= MAGIC_SIZE_MAX && ((uint8_t)head.data[0] & 0xf0) == 0x50 &&
        slice_equal(slice_sub(head, 1, 3), slice_make("\x2a\x4d\x18", 3)))
        return CODEC_ZSTD;
    return CODEC_NONE;
}

/* Fill the empty input. */
static enum status refill(struct packed_reader *reader, struct error *err)
{
    ssize_t got = reader->io->file->read_at(reader->io, reader->fd, reader->bytes, INPUT_SIZE,
                                            reader->offset);

    if (got < 0)
        return error_set_errno(err, (int)-got, "cannot read %s at byte %llu", reader->path,
                               (unsigned long long)reader->offset);
    reader->file_ended = got == 0;
    reader->offset += (uint64_t)got;
    reader->input = slice_make(reader->bytes, (size_t)got);
    return STATUS_OK;
}

static enum status start(struct packed_reader *reader, const char *path, struct error *err)
{
    enum status status;

    reader->path = strdup(path);
    if (reader->path == NULL)
        return error_set(err, STATUS_NO_MEMORY, "%s: no memory to read it", path);
    status = io_open(reader->io, path, IO_READ, &reader->fd, err);
    if (status == STATUS_OK)
        status = refill(reader, err);
    if (status != STATUS_OK)
        return status;
    reader->codec = codec_of(reader->input);
    return unpacker_new(reader->codec, &reader->unpacker, err);
}

enum status packed_reader_open(struct io *io, const char *path, struct packed_reader **out,
                               struct error *err)
{
    struct packed_reader *reader = calloc(1, sizeof(*reader));
    enum status status;

    if (reader == NULL)
        return error_set(err, STATUS_NO_MEMORY, "%s: no memory to read it", path);
    reader->io = io;
    reader->fd = -1;
    status = start(reader, path, err);
    if (status != STATUS_OK)
        packed_reader_close(reader);
    else
        *out = reader;
    return status;
}

void packed_reader_close(struct packed_reader *reader)
{
    if (reader == NULL)
        return;
    unpacker_free(reader->unpacker);
    io_close(reader->io, &reader->fd);
    free(reader->path);
    free(reader);
}

enum status packed_reader_read(struct packed_reader *reader, char *data, size_t size, size_t *len,
                               struct error *err)
{
    for (;;) {
        size_t before = reader->input.len;
        enum status status =
            unpacker_step(reader->unpacker, &reader->input, data, size, len, err);

        if (status != STATUS_OK) {
            error_context(err, "%s, before byte %llu", reader->path,
                          (unsigned long long)reader->offset);
            return status;
        }
        if (*len > 0)
            return STATUS_OK;
        if (reader->input.len != before)
            continue;
        if (reader->input.len > 0) /* cannot happen with room to write; never spin, never skip */
            return error_set(err, STATUS_INVALID, "%s: bytes that cannot be unpacked",
                             reader->path);
        if (reader->file_ended)
            return unpacker_between(reader->unpacker)
                       ? STATUS_END
                       : error_set(err, STATUS_INVALID, "%s is cut short after %llu bytes",
                                   reader->path, (unsigned long long)reader->offset);
        status = refill(reader, err);
        if (status != STATUS_OK)
            return status;
    }
}
