/* Lines of hostile bytes: ranges touch each other without gaps, keep within their limits, and the
 * same text in pieces of any size gives the same bytes. */
#include "shipper/limits.h"
#include "shipper/line_splitter.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINES = 64 };

/* Sum of kept bytes; checks the ranges. */
static uint64_t check(struct slice piece, const struct split_limits *limits, uint32_t *used)
{
    struct split_line lines[LINES];
    struct split_result got = line_split(piece, limits, lines);
    uint64_t kept = 0, at = 0;

    for (uint32_t i = 0; i < got.count; i++) {
        if (lines[i].start != at || lines[i].len > limits->line_max ||
            lines[i].len > lines[i].source_len || lines[i].source_len == 0)
            abort();
        at += lines[i].source_len;
        kept += lines[i].len;
    }
    if (at != got.used || got.used > piece.len || kept != got.kept)
        abort();
    *used = got.used;
    return kept;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct split_limits limits = {.count_max = LINES, .keep_max = 1 << 20};
    struct slice rest;
    size_t piece_len;
    uint32_t used;

    if (size < 3)
        return 0;
    limits.line_max = 1U + data[0];
    piece_len = 1U + data[1];
    rest = slice_make(data + 2, size - 2);
    limits.at_end = true;
    (void)check(rest, &limits, &used);
    while (rest.len > 0) {
        struct slice piece = slice_first(rest, piece_len);

        limits.at_end = piece.len == rest.len;
        (void)check(piece, &limits, &used);
        limits.after_nuls = used > 0 && piece.data[used - 1] == '\0';
        rest = slice_from(rest, used > 0 ? used : piece.len);
    }
    return 0;
}
