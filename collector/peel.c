/* collector/peel.c -- layers are taken off from the outside in: BOM, CR, wrapper, colours. */
#include "collector/peel.h"

#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"
#include "collector/json_scan.h"

enum { COMPOSE_LEN_MAX = 80 }; /* of the name that compose writes, and the bar */

/* ESC [ digits ; digits m; 0 if `text` does not start with one. */
static size_t colour_len(struct slice text)
{
    size_t at = 2;

    if (text.len < 3 || text.data[0] != '\x1b' || text.data[1] != '[')
        return 0;
    while (at < text.len && (is_digit(text.data[at]) || text.data[at] == ';'))
        at++;
    return at < text.len && (text.data[at] == 'm' || text.data[at] == 'K') ? at + 1 : 0;
}

static struct slice without_colours(struct slice text)
{
    size_t len;

    for (len = colour_len(text); len > 0; len = colour_len(text))
        text = slice_from(text, len);
    while (text.len > 2 && (text.data[text.len - 1] == 'm' || text.data[text.len - 1] == 'K')) {
        size_t escape = slice_find_last_byte(text, '\x1b');

        if (escape == SIZE_MAX || colour_len(slice_from(text, escape)) != text.len - escape)
            break;
        text.len = escape;
    }
    return text;
}

static struct slice without_cr(struct slice text)
{
    while (text.len > 0 && text.data[text.len - 1] == '\r')
        text.len--;
    return text;
}

/* `name-1  | text`: the name ends in a number, as compose writes it. */
static struct slice without_compose(struct slice text)
{
    size_t bar = find_byte(slice_first(text, COMPOSE_LEN_MAX), '|');
    struct slice name;
    size_t digits = 0;

    if (bar == SIZE_MAX || bar == 0 || text.data[bar - 1] != ' ')
        return text;
    name = slice_trim(slice_first(text, bar));
    while (digits < name.len && is_digit(name.data[name.len - 1 - digits]))
        digits++;
    if (digits == 0 || digits + 1 >= name.len ||
        (name.data[name.len - 1 - digits] != '-' && name.data[name.len - 1 - digits] != '_'))
        return text;
    for (size_t i = 0; i < name.len; i++)
        if (!is_lower(name.data[i]) && !is_upper(name.data[i]) && !is_digit(name.data[i]) &&
            name.data[i] != '-' && name.data[i] != '_' && name.data[i] != '.')
            return text;
    text = without_colours(slice_from(text, bar + 1));
    return slice_from(text, text.len > 0 && text.data[0] == ' ' ? 1 : 0);
}

/* `TIME stdout|stderr F|P text`. */
static bool peel_cri(struct slice text, struct peeled *out)
{
    struct slice rest = text;
    struct slice word;

    if (!stamp_shaped(text, "0000-00-00T00:00:00.") || !take_word(&rest, &word))
        return false;
    if (!take_literal(&rest, "stdout ") && !take_literal(&rest, "stderr "))
        return false;
    if (rest.len == 0 || (rest.data[0] != 'F' && rest.data[0] != 'P') ||
        (rest.len > 1 && rest.data[1] != ' '))
        return false;
    out->time = word;
    out->partial = rest.data[0] == 'P';
    out->text = slice_from(rest, 2);
    return true;
}

/* One character of a JSON string: itself, or its escape. Gives the bytes eaten. */
static size_t decode_one(struct slice text, struct arena *arena, struct slice *out)
{
    size_t len = text.data[0] != '\\' ? 1 : text.len > 1 && text.data[1] == 'u' ? 6 : 2;

    if (len == 6 && text.len >= 12 && text.data[6] == '\\' && text.data[7] == 'u' &&
        (text.data[2] | 0x20) == 'd') /* perhaps a surrogate pair */
        len = 12;
    if (len > text.len)
        len = text.len;
    *out = json_unescape(slice_first(text, len), arena);
    return len;
}

static size_t count_escapes(struct slice text)
{
    size_t count = 0;

    for (size_t at = find_byte(text, '\\'); at != SIZE_MAX;
         at = find_byte(text, '\\')) {
        count++;
        text = slice_from(text, at + 2);
    }
    return count;
}

/* Undo the escapes of `log`, keeping the runs between them as pieces. */
static bool decode_docker(struct slice line, struct slice log, struct arena *arena,
                          struct peeled *out)
{
    size_t piece_max = count_escapes(log) + 1;
    struct peel_piece *pieces;
    char *text = arena_alloc(arena, 1, 1, log.len);
    uint32_t base = (uint32_t)(log.data - line.data);
    size_t len = 0;

    if (piece_max > PEEL_PIECES_MAX)
        piece_max = PEEL_PIECES_MAX;
    pieces = arena_new(arena, struct peel_piece, piece_max);
    if (pieces == NULL || text == NULL)
        return false;
    for (size_t at = 0; at < log.len;) {
        size_t run = find_byte(slice_from(log, at), '\\');
        struct slice decoded;

        run = run == SIZE_MAX ? log.len - at : run;
        memcpy(text + len, log.data + at, run);
        if (run > 0 && out->piece_count < piece_max)
            pieces[out->piece_count++] =
                (struct peel_piece){(uint32_t)len, base + (uint32_t)at, (uint32_t)run};
        len += run;
        at += run;
        if (at == log.len)
            break;
        at += decode_one(slice_from(log, at), arena, &decoded);
        if (arena->failed)
            return false;
        memcpy(text + len, decoded.data, decoded.len); /* never longer than its escape */
        len += decoded.len;
    }
    out->text = slice_make(text, len);
    out->pieces = pieces;
    return true;
}

/* docker's json-file driver: `log` is the first key, its text ends in an escaped newline. */
static bool peel_docker(struct slice line, struct slice text, struct arena *arena,
                        struct peeled *out)
{
    struct json_scan scan;
    struct json_token token;
    struct json_token log = {.text = slice_first(text, 0)};
    struct slice key = slice_first(text, 0);
    struct slice time = slice_first(text, 0);
    bool has_log = false;

    if (!starts_with(text, "{\"log\":\""))
        return false;
    json_scan_init(&scan, text);
    while (json_scan_next(&scan, &token)) {
        if (token.type == JSON_TOKEN_KEY) {
            key = token.text;
        } else if (token.type == JSON_TOKEN_STRING && slice_is(key, "log") && !has_log) {
            log = token;
            has_log = true;
        } else if (token.type == JSON_TOKEN_STRING && slice_is(key, "time")) {
            time = token.text;
        }
    }
    if (!json_scan_done(&scan) || !has_log || time.len == 0)
        return false;
    out->time = time;
    out->partial = !ends_with(log.text, "\\n"); /* docker splits at 16 KiB */
    if (!out->partial)
        log.text.len -= 2;
    out->text = log.text;
    if (find_byte(log.text, '\\') == SIZE_MAX)
        return true;
    return decode_docker(line, log.text, arena, out);
}

/* Nothing to peel: no line of a wrapper begins or ends like this, none is coloured. What begins with
 * a digit is CRI's if anyone's, with a T behind the date; compose has a bar behind the name, and
 * names hold no brackets. */
static bool is_plain(struct slice line)
{
    enum { DATE_LEN = sizeof("2026-04-02") - 1 };
    char first, last;

    if (line.len == 0)
        return true;
    first = line.data[0];
    last = line.data[line.len - 1];
    if (first == '\xef' || first == '\x1b' || first == '{' || last == '\r' || last == 'm' ||
        last == 'K')
        return false;
    if (first == '[')
        return true;
    if (is_digit(first))
        return line.len <= DATE_LEN || line.data[DATE_LEN] != 'T';
    return find_byte(slice_first(line, COMPOSE_LEN_MAX), '|') == SIZE_MAX;
}

static void set_whole(struct slice line, struct peeled *out)
{
    out->text = line;
    out->time = slice_first(line, 0);
    out->partial = false;
    out->piece = (struct peel_piece){0, 0, (uint32_t)line.len};
    out->pieces = &out->piece;
    out->piece_count = 1;
}

void peel_line(struct slice line, struct arena *arena, struct peeled *out)
{
    struct slice text = line;
    struct slice before;

    if (is_plain(line)) {
        set_whole(line, out);
        return;
    }
    *out = (struct peeled){.time = slice_first(line, 0)};
    if (starts_with(text, "\xef\xbb\xbf"))
        text = slice_from(text, 3);
    text = without_cr(text);
    before = text;
    out->text = without_compose(without_colours(text));
    if (text.len > 0 && (text.data[0] == '{' || is_digit(text.data[0])) &&
        !peel_docker(line, text, arena, out) && !peel_cri(text, out)) {
        *out = (struct peeled){.text = before, .time = slice_first(line, 0)};
    }
    out->text = without_cr(without_colours(out->text));
    if (out->pieces != NULL)
        return;
    out->piece =
        (struct peel_piece){0, (uint32_t)(out->text.data - line.data), (uint32_t)out->text.len};
    out->pieces = &out->piece;
    out->piece_count = 1;
}
