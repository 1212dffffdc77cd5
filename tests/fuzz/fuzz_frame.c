/* Frames from hostile bytes: the stream is cut at a random place and must give the same frames as
 * in one piece. With the first byte odd, the checksums of the header are made right, so that the
 * fuzzer gets behind them; bodies are decompressed within their bound. */
#include "base/frame.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void reseal_all(char *bytes, size_t len)
{
    size_t at = 0;

    while (len - at >= FRAME_HEADER_SIZE) {
        size_t hint;

        bytes[at + 11] = 0; /* bodies below 16 MiB stay within the input more often */
        bytes[at + 10] = 0;
        frame_set_seq(bytes + at, 1, 0);
        hint = frame_size_hint(slice_make(bytes + at, len - at));
        if (hint > len - at)
            return;
        at += hint;
    }
}

static unsigned read_all(struct slice *rest, struct compressor *compressor, struct buf *scratch)
{
    struct frame frame;
    struct slice raw;
    unsigned count = 0;

    while (frame_read(rest, FRAME_BODY_SIZE_MAX, &frame, NULL) == STATUS_OK) {
        count++;
        if (frame_raw(&frame, compressor, scratch, &raw, NULL) == STATUS_OK &&
            raw.len != frame.header.raw_size)
            abort();
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct compressor *compressor;
    struct buf copy = buf_empty(1 << 20), scratch = buf_empty(FRAME_RAW_SIZE_MAX);
    struct slice whole, part;
    unsigned in_one, in_two;
    size_t eaten;

    if (size < 2 || (compressor == NULL && compressor_new(&compressor, NULL) != STATUS_OK))
        return 0;
    if (!buf_append(&copy, data + 2, size - 2))
        return 0;
    if (data[0] & 1)
        reseal_all(copy.data, copy.len);
    whole = buf_slice(&copy);
    part = slice_first(whole, whole.len * data[1] / 256);
    eaten = part.len;
    in_two = read_all(&part, compressor, &scratch);
    part = slice_from(whole, eaten - part.len);
    in_two += read_all(&part, compressor, &scratch);
    in_one = read_all(&whole, compressor, &scratch);
    if (in_one != in_two)
        abort();
    buf_release(&scratch);
    buf_release(&copy);
    return 0;
}
