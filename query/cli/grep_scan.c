/* query/cli/grep_scan.c -- the buffer holds whole lines up to `stop`, behind them the start of the
 * next one, and before `at` as many lines as -B may ask for:
 *
 *   data     shown          at           stop      len
 *     |--------|-------------|-------------|--------|
 *      printed   may become    to be         not yet
 *                context       searched      whole
 *
 * The matcher jumps from selected line to selected line; only what is printed, and with -n the
 * newlines in between, is looked at otherwise. */
#include "query/cli/grep_scan.h"

#include "base/json_writer.h"

#include <stdlib.h>

void grep_scan_release(struct grep_scan *scan)
{
    free(scan->data);
    scan->data = NULL;
}

static struct slice text_of(const struct grep_scan *scan, size_t from, size_t to)
{
    return slice_make(scan->data + from, to - from);
}

static size_t line_stop(const struct grep_scan *scan, size_t at, size_t stop)
{
    const char *found = memchr(scan->data + at, scan->end, stop - at);

    return found == NULL ? stop : (size_t)(found - scan->data);
}

/* ---- printing ---- */

static uint64_t count_lines(const struct grep_scan *scan, size_t from, size_t to)
{
    uint64_t count = 0;

    while (from < to) {
        from = line_stop(scan, from, to) + 1;
        count += from <= to;
    }
    return count;
}

static size_t make_prefix(struct grep_scan *scan, size_t start, size_t within, char sign,
                          char out[64])
{
    size_t len = 0;

    if (scan->settings->line_number) {
        scan->line_number += count_lines(scan, scan->numbered, start);
        scan->numbered = start;
        len = jsonw_format_i64((int64_t)scan->line_number, out);
        out[len++] = sign;
    }
    if (scan->settings->byte_offset) {
        len += jsonw_format_i64((int64_t)(scan->base_offset + start + within), out + len);
        out[len++] = sign;
    }
    return len;
}

static bool put_prefix(struct grep_scan *scan, size_t start, size_t within, char sign)
{
    char numbers[64];
    size_t len = make_prefix(scan, start, within, sign, numbers);

    if (scan->with_name && (!line_body_put(scan->body, slice_of(scan->name), false) ||
                            !sink_put(scan->body->sink, slice_make(&sign, 1))))
        return false;
    return len == 0 || sink_put(scan->body->sink, slice_make(numbers, len));
}

static bool put_end(struct grep_scan *scan)
{
    return sink_put(scan->body->sink, slice_make(&scan->end, 1));
}

static bool put_matches(struct grep_scan *scan, size_t start, size_t stop, char sign)
{
    struct slice line = text_of(scan, start, stop);
    struct regex_span span;
    bool more = true;

    for (size_t from = 0; more && matcher_find(scan->matcher, line, from, &span);) {
        from = span.end > span.start ? span.end : span.end + 1;
        if (span.end == span.start)
            continue;
        more =
            put_prefix(scan, start, span.start, sign) &&
            line_body_put_match(scan->body, slice_sub(line, span.start, span.end - span.start)) &&
            put_end(scan);
    }
    return more;
}

/* The line [start, stop) without its end; `selected` or context. */
static void put_line(struct grep_scan *scan, size_t start, size_t stop, bool selected)
{
    bool matches = selected != scan->settings->invert, more;

    scan->shown = stop + 1;
    scan->gap = false;
    if (scan->settings->only_matching)
        more = !matches || put_matches(scan, start, stop, selected ? ':' : '-');
    else if (!put_prefix(scan, start, 0, selected ? ':' : '-'))
        more = false;
    else if (line_body_is_plain(scan->body) && stop < scan->len)
        more = sink_put(scan->body->sink, text_of(scan, start, stop + 1));
    else
        more = line_body_put(scan->body, text_of(scan, start, stop), matches) && put_end(scan);
    scan->file_printed = scan->printed = true;
    scan->closed = !more;
    scan->done |= scan->closed;
}

/* ---- context ---- */

/* Start of the line that is `count` lines before the one at `start`; not before `floor`. */
static size_t go_back(const struct grep_scan *scan, size_t start, uint64_t count, size_t floor)
{
    while (count-- > 0 && start > floor) {
        const char *found =
            start - 1 > floor ? memrchr(scan->data + floor, scan->end, start - 1 - floor) : NULL;

        start = found == NULL ? floor : (size_t)(found - scan->data) + 1;
    }
    return start;
}

static void put_lines(struct grep_scan *scan, size_t from, size_t to)
{
    while (from < to && !scan->done) {
        size_t stop = line_stop(scan, from, to);

        put_line(scan, from, stop, false);
        from = stop + 1;
    }
}

/* Context that is due after the last selected line, up to the line at `to`. */
static void put_after(struct grep_scan *scan, size_t to)
{
    while (scan->after_left > 0 && scan->shown < to && !scan->done) {
        size_t stop = line_stop(scan, scan->shown, to);

        scan->after_left--;
        put_line(scan, scan->shown, stop, false);
    }
}

static void put_before(struct grep_scan *scan, size_t start)
{
    int64_t before = scan->settings->before, after = scan->settings->after;
    size_t from = go_back(scan, start, before > 0 ? (uint64_t)before : 0, scan->shown);

    if ((before >= 0 || after >= 0) && scan->printed &&
        (from > scan->shown || scan->gap || !scan->file_printed))
        scan->closed = !sink_put(scan->body->sink, SLICE_LITERAL("--\n"));
    put_lines(scan, from, start);
}

/* ---- selecting ---- */

static bool next_match(struct grep_scan *scan, size_t stop)
{
    return matcher_next_line(scan->matcher, slice_make(scan->data, stop), scan->at, scan->end,
                             &scan->match_start, &scan->match_stop);
}

/* -v: the line at `at`, unless it is the next that matches. */
static bool next_other(struct grep_scan *scan, size_t stop, size_t *start, size_t *line_end)
{
    while (scan->at < stop) {
        if (!scan->match_known || scan->match_start < scan->at) {
            scan->match_known = true;
            if (!next_match(scan, stop))
                scan->match_start = scan->match_stop = stop;
        }
        if (scan->at < scan->match_start) {
            *start = scan->at;
            *line_end = line_stop(scan, scan->at, stop);
            return true;
        }
        scan->at = scan->match_stop + 1;
    }
    return false;
}

static bool next_selected(struct grep_scan *scan, size_t stop, size_t *start, size_t *line_end)
{
    if (scan->settings->invert)
        return next_other(scan, stop, start, line_end);
    if (scan->at >= stop || !next_match(scan, stop))
        return false;
    *start = scan->match_start;
    *line_end = scan->match_stop;
    return true;
}

static void select_line(struct grep_scan *scan, size_t start, size_t stop)
{
    int64_t max = scan->settings->max_count;

    scan->selected++;
    if (scan->stops_at_first || (scan->binary && !scan->settings->count)) {
        scan->done = true;
        return;
    }
    if (!scan->silent) {
        put_after(scan, start);
        put_before(scan, start);
        put_line(scan, start, stop, true);
        scan->after_left = scan->settings->after > 0 ? (uint64_t)scan->settings->after : 0;
    }
    if (max >= 0 && scan->selected >= (uint64_t)max && (scan->silent || scan->after_left == 0))
        scan->done = true;
}

/* After -m lines only their context is still due, whatever it holds. */
static bool is_at_limit(const struct grep_scan *scan)
{
    return scan->settings->max_count >= 0 && scan->selected >= (uint64_t)scan->settings->max_count;
}

/* All whole lines before `stop`. */
static void scan_lines(struct grep_scan *scan, size_t stop)
{
    size_t start, line_end;

    scan->match_known = false;
    while (!scan->done && !is_at_limit(scan) && next_selected(scan, stop, &start, &line_end)) {
        scan->at = line_end + 1;
        select_line(scan, start, line_end);
    }
    if (!scan->done)
        put_after(scan, stop);
    scan->done |= is_at_limit(scan) && scan->after_left == 0;
    scan->at = stop;
}

/* ---- the buffer ---- */

/* Drop what no line can need as context any more. */
static void shift(struct grep_scan *scan)
{
    int64_t before = scan->settings->before;
    size_t keep = go_back(scan, scan->at, before > 0 && !scan->silent ? (uint64_t)before : 0,
                          scan->shown < scan->at ? scan->shown : scan->at);

    if (scan->settings->line_number && !scan->silent) {
        scan->line_number +=
            count_lines(scan, scan->numbered, keep > scan->numbered ? keep : scan->numbered);
        scan->numbered = keep > scan->numbered ? 0 : scan->numbered - keep;
    }
    memmove(scan->data, scan->data + keep, scan->len - keep);
    scan->len -= keep;
    scan->at -= keep;
    scan->gap |= keep > scan->shown;
    scan->shown = scan->shown > keep ? scan->shown - keep : 0;
    scan->base_offset += keep;
}

static enum status make_room(struct grep_scan *scan, struct error *err)
{
    size_t capacity = scan->capacity;
    char *grown;

    if (scan->capacity - scan->len >= SCAN_READ_SIZE)
        return STATUS_OK;
    if (scan->len > SCAN_BUFFER_SIZE_MAX)
        return error_set(err, STATUS_TOO_LARGE, "a line is longer than %d MiB",
                         SCAN_BUFFER_SIZE_MAX >> 20);
    capacity = capacity == 0 ? (size_t)SCAN_READ_SIZE * 2 : capacity * 2;
    grown = realloc(scan->data, capacity);
    if (grown == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a line of %zu bytes", scan->len);
    scan->data = grown;
    scan->capacity = capacity;
    return STATUS_OK;
}

/* As in GNU grep a NUL makes a file binary: from here on the first match ends it with a message,
 * and the NULs are taken as line ends. */
static void check_binary(struct grep_scan *scan, size_t from)
{
    if (scan->settings->text || scan->end == '\0')
        return;
    if (!scan->binary && memchr(scan->data + from, '\0', scan->len - from) != NULL) {
        scan->binary = true;
        scan->selected_before_nul = scan->selected;
    }
    if (scan->binary)
        for (size_t i = from; i < scan->len; i++)
            scan->data[i] = scan->data[i] == '\0' ? '\n' : scan->data[i];
}

static void begin_file(struct grep_scan *scan, const char *name)
{
    scan->name = name;
    scan->len = scan->at = scan->shown = scan->numbered = 0;
    scan->base_offset = scan->selected = scan->after_left = scan->selected_before_nul = 0;
    scan->line_number = 1;
    scan->match_known = scan->file_printed = scan->binary = scan->gap = false;
    scan->done = scan->settings->max_count == 0;
}

/* Read on; *stop is behind the last whole line. */
static enum status fill(struct grep_scan *scan, struct input *input, size_t *stop,
                        struct error *err)
{
    size_t got = 0, from;
    const char *last;
    enum status status = make_room(scan, err);

    if (status != STATUS_OK)
        return status;
    from = scan->len;
    status = input_read(input, scan->data + from, scan->capacity - from, &got, err);
    if (status != STATUS_OK)
        return status;
    scan->len += got;
    check_binary(scan, from);
    last = memrchr(scan->data + from, scan->end, got);
    *stop = last == NULL ? scan->at : (size_t)(last - scan->data) + 1;
    return STATUS_OK;
}

enum status grep_scan_file(struct grep_scan *scan, struct input *input, const char *name,
                           struct error *err)
{
    enum status status = STATUS_OK;
    size_t stop = 0;

    begin_file(scan, name);
    while (!scan->done && status == STATUS_OK) {
        status = fill(scan, input, &stop, err);
        if (status == STATUS_OK && stop > scan->at) {
            scan_lines(scan, stop);
            if (!scan->done)
                shift(scan);
        }
    }
    if (!scan->done && scan->len > scan->at) /* a last line without an end */
        scan_lines(scan, scan->len);
    return status == STATUS_END ? STATUS_OK : status;
}
