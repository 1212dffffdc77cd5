/* tests/fuzz/fuzz_framed_reader.c -- what a server (or what sits between) may send to `dendro grep`.
 * Checked: the pieces of the network change nothing; what is given out is part of what came. The
 * first byte says how large the pieces are. */
#include "query/cli/framed_reader.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_SIZE_MAX = 1 << 16 };

static void require(bool condition)
{
    if (!condition)
        abort();
}

static bool on_rows(void *user, struct slice piece)
{
    return buf_append_slice(user, piece);
}

static bool on_record(void *user, struct slice json)
{
    return buf_append_byte(user, '\n') && buf_append_slice(user, json);
}

/* Feed `text` in pieces of `step`; true: it is the format so far. */
static bool read_in_steps(struct slice text, size_t step, struct buf *got)
{
    const struct framed_receiver receiver = {on_rows, on_record, got};
    struct framed_reader reader = framed_reader_empty(&receiver);
    bool fine = true;

    while (fine && text.len > 0) {
        struct slice piece = slice_first(text, step);

        fine = framed_reader_feed(&reader, piece);
        text = slice_from(text, piece.len);
    }
    require(fine == !reader.corrupt);
    framed_reader_release(&reader);
    return fine;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole = buf_empty(2 * (size_t)INPUT_SIZE_MAX);
    struct buf parts = buf_empty(2 * (size_t)INPUT_SIZE_MAX);
    struct slice text;

    if (size == 0 || size > INPUT_SIZE_MAX)
        return 0;
    text = slice_from(slice_make(data, size), 1);
    require(read_in_steps(text, text.len, &whole) == read_in_steps(text, data[0] + 1U, &parts));
    require(slice_equal(buf_slice(&whole), buf_slice(&parts)));
    require(whole.len <= text.len);
    buf_release(&whole);
    buf_release(&parts);
    return 0;
}
