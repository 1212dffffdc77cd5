/* query/cli/input.c -- plain files are read into the caller's buffer without a stop between. */
#include "query/cli/input.h"

#include "base/io.h"
#include "base/packed_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* By the first bytes of a file. */
static const struct packing {
    const char *magic, *unpack; /* NULL: it is unpacked here */
} packings[] = {
    {"\x1f\x8b", NULL},             /* gzip, RFC 1952 */
    {"\x28\xb5\x2f\xfd", NULL},     /* zstd, RFC 8878 */
    {"\xfd" "7zXZ", "xz -dc"},
    {"BZh", "bzip2 -dc"},
};

static const struct packing *packing_of(int fd)
{
    char head[6] = {0};
    struct stat info;
    ssize_t got;

    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return NULL;
    got = pread(fd, head, sizeof(head), 0);
    for (size_t i = 0; i < COUNT_OF(packings) && got > 0; i++)
        if (slice_starts(slice_make(head, (size_t)got), slice_of(packings[i].magic)))
            return &packings[i];
    return NULL;
}

enum status input_open(const char *path, struct input *out, struct error *err)
{
    bool standard = strcmp(path, "-") == 0;
    const struct packing *packing;
    struct stat info;

    *out = (struct input){.fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)};
    if (out->fd < 0)
        return error_set(err, STATUS_IO, "%s: %s", path, strerror(errno));
    if (fstat(out->fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        input_close(out);
        return error_set(err, STATUS_IO, "%s: Is a directory", path);
    }
    packing = standard ? NULL : packing_of(out->fd);
    if (packing == NULL) {
        (void)posix_fadvise(out->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        return STATUS_OK;
    }
    input_close(out);
    if (packing->unpack != NULL) /* its bytes would not match, and "nothing found" would be wrong */
        return error_set(err, STATUS_INVALID,
                         "%s is packed in a way that is not read here: pipe it, as in "
                         "%s FILE | dendro grep PATTERN -",
                         path, packing->unpack);
    return packed_reader_open(io_system(), path, &out->packed, err);
}

void input_close(struct input *input)
{
    if (input->fd > STDERR_FILENO)
        (void)close(input->fd);
    packed_reader_close(input->packed);
    *input = (struct input){.fd = -1};
}

enum status input_read(struct input *input, char *data, size_t size, size_t *len, struct error *err)
{
    ssize_t got;

    if (input->packed != NULL)
        return packed_reader_read(input->packed, data, size, len, err);
    do
        got = read(input->fd, data, size);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_set(err, STATUS_IO, "%s", strerror(errno));
    *len = (size_t)got;
    return got == 0 ? STATUS_END : STATUS_OK;
}
