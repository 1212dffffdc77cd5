/* shipper/line_splitter.c -- newline search by memchr(3), which uses AVX2 where there is one.
 *
 * One more memchr over the whole piece asks for NULs; nearly always there are none, and then no
 * line is looked at twice. */
#include "shipper/line_splitter.h"

#include "shipper/limits.h"

struct splitter {
    struct slice piece;
    const struct split_limits *limits;
    struct split_line *lines;
    struct split_result result;
    bool has_nuls;
    bool inside; /* the next range continues a line that a NUL run interrupted */
};

/* False: no room. */
static bool add(struct splitter *splitter, uint32_t len, uint32_t source_len, uint32_t flags)
{
    struct split_result *result = &splitter->result;
    const struct split_limits *limits = splitter->limits;

    if (len > limits->line_max) {
        len = limits->line_max;
        flags |= SPLIT_CUT;
    }
    if (result->count == limits->count_max)
        return false;
    if (result->count > 0 && (uint64_t)result->kept + len > limits->keep_max)
        return false;
    splitter->lines[result->count++] = (struct split_line){result->used, len, source_len, flags};
    result->used += source_len;
    result->kept += len;
    return true;
}

static size_t nul_run_len(struct slice from)
{
    size_t len = 0;

    while (len < from.len && from.data[len] == '\0')
        len++;
    return len;
}

/* Where the first run of NUL_RUN_MIN or more NULs in `line` begins (at 0 one is enough if a run was
 * cut there); line.len if there is none. */
static size_t find_nul_run(struct slice line, bool cut_before, size_t *run_len)
{
    size_t at = 0;

    while (at < line.len) {
        const char *nul = memchr(line.data + at, '\0', line.len - at);

        if (nul == NULL)
            break;
        at = (size_t)(nul - line.data);
        *run_len = nul_run_len(slice_from(line, at));
        if (*run_len >= NUL_RUN_MIN || (at == 0 && cut_before))
            return at;
        at += *run_len;
    }
    return line.len;
}

/* Take the NUL run in `rest` (up to its newline, or to the end of the piece) with what is before
 * it. False: there is none, or it must not be taken yet. */
static bool split_nul_run(struct splitter *splitter, struct slice rest, bool ends)
{
    size_t run_len = 0;
    bool cut_before = splitter->limits->after_nuls && splitter->result.used == 0;
    size_t before = find_nul_run(rest, cut_before, &run_len);
    bool to_end = !ends && before + run_len == rest.len;

    if (before == rest.len || (to_end && splitter->limits->at_end))
        return false;
    if (before > 0 && !add(splitter, (uint32_t)before, (uint32_t)before,
                           SPLIT_PARTIAL | (splitter->inside ? SPLIT_CONT : 0)))
        return false;
    if (!add(splitter, 0, (uint32_t)run_len, SPLIT_NUL_RUN))
        return false;
    splitter->inside = splitter->inside || before > 0;
    return true;
}

/* True if a line (or a NUL run) was taken. */
static bool split_next(struct splitter *splitter)
{
    struct slice rest = slice_from(splitter->piece, splitter->result.used);
    const char *newline = rest.len > 0 ? memchr(rest.data, '\n', rest.len) : NULL;
    size_t len = newline != NULL ? (size_t)(newline - rest.data) : rest.len;
    uint32_t flags = splitter->inside ? SPLIT_CONT : 0;

    if (splitter->has_nuls && split_nul_run(splitter, slice_first(rest, len), newline != NULL))
        return true;
    if (newline == NULL || !add(splitter, (uint32_t)len, (uint32_t)len + 1, flags))
        return false;
    splitter->inside = false;
    return true;
}

struct split_result line_split(struct slice piece, const struct split_limits *limits,
                               struct split_line *lines)
{
    struct splitter splitter = {
        .piece = slice_first(piece, UINT32_MAX - 1), .limits = limits, .lines = lines};

    splitter.has_nuls = piece.len > 0 && memchr(piece.data, '\0', piece.len) != NULL;
    while (split_next(&splitter))
        ;
    return splitter.result;
}

size_t line_without_nuls(struct slice piece)
{
    size_t len = piece.len;

    while (len > 0 && piece.data[len - 1] == '\0')
        len--;
    return len;
}
