/* query/cli/input.c -- plain files are read into the caller's buffer without a stop between. */
#include "query/cli/input.h"

#include "base/io.h"
#include "base/packed_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_packed(int fd)
{
    unsigned char head[4] = {0};
    struct stat info;

    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) ||
        pread(fd, head, sizeof(head), 0) != (ssize_t)sizeof(head))
        return false;
    return (head[0] == 0x1f && head[1] == 0x8b) || /* gzip, RFC 1952 */
           (head[0] == 0x28 && head[1] == 0xb5 && head[2] == 0x2f && head[3] == 0xfd); /* zstd */
}

enum status input_open(const char *path, struct input *out, struct error *err)
{
    bool standard = strcmp(path, "-") == 0;
    struct stat info;

    *out = (struct input){.fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)};
    if (out->fd < 0)
        return error_set(err, STATUS_IO, "%s: %s", path, strerror(errno));
    if (fstat(out->fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        input_close(out);
        return error_set(err, STATUS_IO, "%s: Is a directory", path);
    }
    if (standard || !is_packed(out->fd)) {
        (void)posix_fadvise(out->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        return STATUS_OK;
    }
    input_close(out);
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
