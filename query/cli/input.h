/* query/cli/input.h -- the bytes of a local file, a pipe or standard input; .gz and .zst files
 * unpacked (told by their first bytes, for regular files).
 * Thread safety: one thread per input. */
#ifndef DENDRO_QUERY_CLI_INPUT_H
#define DENDRO_QUERY_CLI_INPUT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct packed_reader;

struct input {
    int fd;                       /* -1: not open, or packed */
    struct packed_reader *packed; /* or NULL */
};

/* `path` "-" is standard input. Errors: NOT_FOUND, IO; the sentence is that of grep: "x: No such
 * file or directory". */
enum status input_open(const char *path, struct input *out, struct error *err) WARN_UNUSED;
void input_close(struct input *input);
/* Up to `size` bytes: *len > 0, or END. */
enum status input_read(struct input *input, char *data, size_t size, size_t *len,
                       struct error *err) WARN_UNUSED;

#endif
