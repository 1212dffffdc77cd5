/* collector/json_scan.c -- a state per expected token, and strings eight bytes at a time.
 *
 * The only hot loop is the one inside strings: a word of eight bytes holds no quote, backslash or
 * control byte when three subtractions leave all its high bits clear (the well-known test for a
 * zero byte in a word, applied to the word xor the byte looked for). */
#include "collector/json_scan.h"

enum expect {
    EXPECT_VALUE,        /* at the start, after a colon */
    EXPECT_VALUE_OR_END, /* after [ */
    EXPECT_ELEMENT,      /* after a comma in an array */
    EXPECT_KEY_OR_END,   /* after { */
    EXPECT_KEY,          /* after a comma in an object */
    EXPECT_COLON,        /* after a key */
    EXPECT_COMMA_OR_END, /* after a value in an object or array */
    EXPECT_NOTHING,      /* after the outermost value */
};

void json_scan_init(struct json_scan *scan, struct slice text)
{
    *scan = (struct json_scan){.text = text, .expect = EXPECT_VALUE};
}

static bool fail(struct json_scan *scan, const char *error)
{
    scan->error = error;
    return false;
}

static void skip_space(struct json_scan *scan)
{
    while (scan->at < scan->text.len) {
        char c = scan->text.data[scan->at];

        if (c != ' ' && c != '\n' && c != '\t' && c != '\r')
            return;
        scan->at++;
    }
}

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* High bit set (in the lowest such byte at least) where a byte is a quote, a backslash or below
 * 0x20. */
static uint64_t special_bytes(uint64_t word)
{
    uint64_t quote = word ^ EACH_BYTE('"');
    uint64_t backslash = word ^ EACH_BYTE('\\');

    return (((quote - EACH_BYTE(1)) & ~quote) | ((backslash - EACH_BYTE(1)) & ~backslash) |
            ((word - EACH_BYTE(0x20)) & ~word)) &
           EACH_BYTE(0x80);
}

/* Index of the first special byte from `at` on, or the length. */
static size_t find_special(struct slice text, size_t at)
{
    while (at + 8 <= text.len) {
        uint64_t word;
        uint64_t special;

        memcpy(&word, text.data + at, sizeof(word));
        special = special_bytes(word);
        if (special != 0)
            return at + (size_t)__builtin_ctzll(special) / 8;
        at += 8;
    }
    for (; at < text.len; at++) {
        unsigned char c = (unsigned char)text.data[at];

        if (c == '"' || c == '\\' || c < 0x20)
            break;
    }
    return at;
}

static int hex_value(char c)
{
    if ((unsigned char)(c - '0') <= 9)
        return c - '0';
    c |= 0x20;
    return (unsigned char)(c - 'a') <= 5 ? c - 'a' + 10 : -1;
}

/* Length of the escape at `text`, which starts with a backslash; 0 if it is none. */
static size_t escape_len(struct slice text)
{
    if (text.len < 2)
        return 0;
    switch (text.data[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return 2;
    case 'u':
        for (size_t i = 2; i < 6; i++)
            if (i >= text.len || hex_value(text.data[i]) < 0)
                return 0;
        return 6;
    default:
        return 0;
    }
}

/* `at` stands behind the opening quote. */
static bool take_string(struct json_scan *scan, struct json_token *out)
{
    size_t start = scan->at;

    out->escaped = false;
    for (;;) {
        size_t at = find_special(scan->text, scan->at);
        size_t len;

        scan->at = at;
        if (at == scan->text.len)
            return fail(scan, "string without end");
        if (scan->text.data[at] == '"') {
            out->text = slice_sub(scan->text, start, at - start);
            scan->at = at + 1;
            return true;
        }
        if (scan->text.data[at] != '\\')
            return fail(scan, "control byte in a string");
        len = escape_len(slice_from(scan->text, at));
        if (len == 0)
            return fail(scan, "bad escape");
        out->escaped = true;
        scan->at = at + len;
    }
}

static size_t digits_at(struct slice text, size_t at)
{
    size_t from = at;

    while (at < text.len && (unsigned char)(text.data[at] - '0') <= 9)
        at++;
    return at - from;
}

static bool take_number(struct json_scan *scan, struct json_token *out)
{
    struct slice text = scan->text;
    size_t start = scan->at;
    size_t at = start + (text.data[start] == '-' ? 1 : 0);
    size_t whole = digits_at(text, at);

    if (whole == 0 || (whole > 1 && text.data[at] == '0'))
        return fail(scan, "bad number");
    at += whole;
    if (at < text.len && text.data[at] == '.') {
        size_t part = digits_at(text, at + 1);

        if (part == 0)
            return fail(scan, "bad number");
        at += 1 + part;
    }
    if (at < text.len && (text.data[at] | 0x20) == 'e') {
        size_t digits;

        at++;
        if (at < text.len && (text.data[at] == '+' || text.data[at] == '-'))
            at++;
        digits = digits_at(text, at);
        if (digits == 0)
            return fail(scan, "bad number");
        at += digits;
    }
    out->type = JSON_TOKEN_NUMBER;
    out->text = slice_sub(text, start, at - start);
    scan->at = at;
    return true;
}

static bool take_word(struct json_scan *scan, struct slice word, enum json_type type,
                      struct json_token *out)
{
    struct slice rest = slice_from(scan->text, scan->at);

    if (!slice_starts(rest, word))
        return fail(scan, "no JSON value");
    out->type = type;
    out->text = slice_first(rest, word.len);
    scan->at += word.len;
    return true;
}

static void after_value(struct json_scan *scan)
{
    scan->expect = scan->depth == 0 ? EXPECT_NOTHING : EXPECT_COMMA_OR_END;
}

static bool begin(struct json_scan *scan, bool object, struct json_token *out)
{
    if (scan->depth == JSON_DEPTH_MAX)
        return fail(scan, "nested too deep");
    scan->objects = object ? scan->objects | (UINT32_C(1) << scan->depth)
                           : scan->objects & ~(UINT32_C(1) << scan->depth);
    scan->depth++;
    out->type = object ? JSON_TOKEN_OBJECT_BEGIN : JSON_TOKEN_ARRAY_BEGIN;
    out->text = slice_sub(scan->text, scan->at, 1);
    scan->at++;
    scan->expect = object ? EXPECT_KEY_OR_END : EXPECT_VALUE_OR_END;
    return true;
}

static bool in_object(const struct json_scan *scan)
{
    return scan->depth > 0 && (scan->objects >> (scan->depth - 1) & 1) != 0;
}

static bool end(struct json_scan *scan, struct json_token *out)
{
    bool object = in_object(scan);

    if ((scan->text.data[scan->at] == '}') != object)
        return fail(scan, "bracket of the other kind");
    out->type = object ? JSON_TOKEN_OBJECT_END : JSON_TOKEN_ARRAY_END;
    out->text = slice_sub(scan->text, scan->at, 1);
    scan->at++;
    scan->depth--;
    after_value(scan);
    return true;
}

static bool take_value(struct json_scan *scan, struct json_token *out)
{
    bool taken;

    switch (scan->text.data[scan->at]) {
    case '{':
        return begin(scan, true, out);
    case '[':
        return begin(scan, false, out);
    case '"':
        scan->at++;
        out->type = JSON_TOKEN_STRING;
        taken = take_string(scan, out);
        break;
    case 't':
        taken = take_word(scan, SLICE_LITERAL("true"), JSON_TOKEN_TRUE, out);
        break;
    case 'f':
        taken = take_word(scan, SLICE_LITERAL("false"), JSON_TOKEN_FALSE, out);
        break;
    case 'n':
        taken = take_word(scan, SLICE_LITERAL("null"), JSON_TOKEN_NULL, out);
        break;
    default:
        taken = take_number(scan, out);
        break;
    }
    if (taken)
        after_value(scan);
    return taken;
}

/* Eat commas and colons until something worth a token stands at `at`. False: the end, or wrong. */
static bool take_punctuation(struct json_scan *scan)
{
    for (;;) {
        char c;

        skip_space(scan);
        if (scan->at == scan->text.len)
            return scan->expect == EXPECT_NOTHING ? false : fail(scan, "text without end");
        c = scan->text.data[scan->at];
        if (scan->expect == EXPECT_COLON) {
            if (c != ':')
                return fail(scan, "no colon behind a key");
            scan->expect = EXPECT_VALUE;
        } else if (scan->expect == EXPECT_COMMA_OR_END && c == ',') {
            scan->expect = in_object(scan) ? EXPECT_KEY : EXPECT_ELEMENT;
        } else {
            return true;
        }
        scan->at++;
    }
}

bool json_scan_next(struct json_scan *scan, struct json_token *out)
{
    char c;

    if (scan->error != NULL || !take_punctuation(scan))
        return false;
    c = scan->text.data[scan->at];
    out->escaped = false;
    switch ((enum expect)scan->expect) {
    case EXPECT_VALUE:
    case EXPECT_ELEMENT:
        return take_value(scan, out);
    case EXPECT_VALUE_OR_END:
        return c == ']' ? end(scan, out) : take_value(scan, out);
    case EXPECT_KEY_OR_END:
        if (c == '}')
            return end(scan, out);
        break;
    case EXPECT_KEY:
        break;
    case EXPECT_COMMA_OR_END:
        return c == '}' || c == ']' ? end(scan, out) : fail(scan, "no comma");
    case EXPECT_COLON:
    case EXPECT_NOTHING:
        return fail(scan, "text behind the value");
    }
    if (c != '"')
        return fail(scan, "no key");
    scan->at++;
    out->type = JSON_TOKEN_KEY;
    scan->expect = EXPECT_COLON;
    return take_string(scan, out);
}

bool json_scan_skip(struct json_scan *scan, const struct json_token *begin_token, struct slice *out)
{
    struct json_token token;
    unsigned depth = scan->depth;

    while (scan->depth >= depth)
        if (!json_scan_next(scan, &token))
            return false;
    *out = (struct slice){begin_token->text.data,
                          (size_t)(scan->text.data + scan->at - begin_token->text.data)};
    return true;
}

bool json_scan_done(const struct json_scan *scan)
{
    return scan->error == NULL && scan->expect == EXPECT_NOTHING && scan->at == scan->text.len;
}

static uint32_t hex4(const char *digits)
{
    uint32_t value = 0;

    for (size_t i = 0; i < 4; i++)
        value = value << 4 | (uint32_t)hex_value(digits[i]);
    return value;
}

static size_t put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3f));
        to[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3f));
    to[2] = (char)(0x80 | (code >> 6 & 0x3f));
    to[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* `\uXXXX`, with the second half of a pair where there is one. Gives the bytes eaten. */
static size_t take_code(struct slice text, uint32_t *code)
{
    uint32_t low;

    *code = hex4(text.data + 2);
    if (*code < 0xd800 || *code > 0xdfff)
        return 6;
    if (*code < 0xdc00 && text.len >= 12 && text.data[6] == '\\' && text.data[7] == 'u' &&
        escape_len(slice_from(text, 6)) == 6) {
        low = hex4(text.data + 8);
        if (low >= 0xdc00 && low <= 0xdfff) {
            *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
            return 12;
        }
    }
    *code = 0xfffd;
    return 6;
}

/* Of `\n` and its like; itself for quote, backslash and slash. */
static char short_escape(char letter)
{
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return letter;
    }
}

struct slice json_unescape(struct slice text, struct arena *arena)
{
    char *out = arena_alloc(arena, 1, 1, text.len);
    size_t len = 0;

    if (out == NULL)
        return (struct slice){NULL, 0};
    for (size_t at = 0; at < text.len;) {
        size_t plain = slice_find_byte(slice_from(text, at), '\\');
        uint32_t code;

        if (plain == SIZE_MAX)
            plain = text.len - at;
        memcpy(out + len, text.data + at, plain);
        len += plain;
        at += plain;
        if (at == text.len)
            break;
        switch (escape_len(slice_from(text, at))) {
        case 2:
            out[len++] = short_escape(text.data[at + 1]);
            at += 2;
            break;
        case 6:
            at += take_code(slice_from(text, at), &code);
            len += put_utf8(out + len, code);
            break;
        default: /* not from the scanner: keep the backslash */
            out[len++] = text.data[at++];
            break;
        }
    }
    return (struct slice){out, len};
}
