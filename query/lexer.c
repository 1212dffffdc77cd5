/* query/lexer.c -- one switch on the first byte, one table of bytes that end a token. */
#include "query/lexer.h"

#include <stdio.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

/* Bytes that end a token in every mode. */
static bool ends_token(char c)
{
    return is_space(c) || (unsigned char)c < 0x20 || c == 0x7f ||
           strchr("()[]{}|,=!<>~*\"'`#", c) != NULL;
}

static bool in_token(const struct lexer *lexer, char c)
{
    if (c == ':')
        return lexer->mode == LEXER_INSTANT;
    if (lexer->mode == LEXER_MATH && strchr("+-/%^", c) != NULL && c != '\0')
        return false;
    return !ends_token(c);
}

static void skip_blank(struct lexer *lexer)
{
    const struct slice text = lexer->text;

    while (lexer->at < text.len) {
        if (text.data[lexer->at] == '#') {
            while (lexer->at < text.len && text.data[lexer->at] != '\n')
                lexer->at++;
        } else if (is_space(text.data[lexer->at])) {
            lexer->at++;
        } else {
            return;
        }
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* `count` hexadecimal digits at the front of `text`, or -1. */
static int64_t hex_number(struct slice text, size_t count)
{
    int64_t value = 0;

    if (text.len < count)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int digit = hex_digit(text.data[i]);

        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static size_t put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* \uHHHH, a pair of surrogates as one character. Gives the bytes eaten behind the `u`, 0: bad. */
static size_t unescape_unicode(struct slice rest, char *to, size_t *len)
{
    int64_t c = hex_number(rest, 4), low;

    if (c < 0 || (c >= 0xdc00 && c <= 0xdfff))
        return 0;
    if (c < 0xd800 || c > 0xdbff) {
        *len = put_utf8(to, (uint32_t)c);
        return 4;
    }
    if (rest.len < 10 || rest.data[4] != '\\' || rest.data[5] != 'u')
        return 0;
    low = hex_number(slice_from(rest, 6), 4);
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *len = put_utf8(to, (uint32_t)(0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00)));
    return 10;
}

/* One escape; `rest` starts behind the backslash. Gives the bytes eaten, 0: not an escape. */
static size_t unescape(struct slice rest, char *to, size_t *len)
{
    static const char names[] = "nrt0\\\"'/", values[] = "\n\r\t\0\\\"'/";
    const char *found;
    int64_t byte;

    if (rest.len == 0)
        return 0;
    *len = 1;
    if (rest.data[0] == 'x') {
        byte = hex_number(slice_from(rest, 1), 2);
        *to = (char)byte;
        return byte < 0 ? 0 : 3;
    }
    if (rest.data[0] == 'u') {
        size_t eaten = unescape_unicode(slice_from(rest, 1), to, len);

        return eaten == 0 ? 0 : eaten + 1;
    }
    found = memchr(names, rest.data[0], sizeof(names) - 1);
    if (found == NULL)
        return 0;
    *to = values[found - names];
    return 1;
}

static enum status bad_escape(struct lexer *lexer, size_t at)
{
    size_t left = lexer->text.len - at;

    problem_set(lexer->problem, "query_syntax", at, left < 2 ? left : 2, "unknown escape \"%.*s\"",
                (int)(left < 2 ? left : 2), lexer->text.data + at);
    problem_hint(lexer->problem, "\\\\ for a backslash, or `...` for raw text");
    return STATUS_INVALID;
}

/* `body` lies between the quotes; an escape is never longer than what it stands for. */
static enum status decode_string(struct lexer *lexer, size_t from, size_t to, struct slice *out)
{
    struct slice body = slice_sub(lexer->text, from, to - from);
    char *data;
    size_t used = 0;

    if (slice_find_byte(body, '\\') == SIZE_MAX) {
        *out = body;
        return STATUS_OK;
    }
    data = arena_new(lexer->arena, char, body.len);
    if (data == NULL)
        return problem_set(lexer->problem, "query_limit", from, body.len, "out of memory");
    for (size_t i = 0; i < body.len; i++) {
        size_t len = 1, eaten;

        if (body.data[i] != '\\') {
            data[used++] = body.data[i];
            continue;
        }
        eaten = unescape(slice_from(body, i + 1), data + used, &len);
        if (eaten == 0)
            return bad_escape(lexer, from + i);
        used += len;
        i += eaten;
    }
    *out = (struct slice){data, used};
    return STATUS_OK;
}

static enum status lex_string(struct lexer *lexer, struct symbol *out)
{
    const struct slice text = lexer->text;
    char quote = text.data[out->at];
    size_t at = out->at + 1;

    while (at < text.len && text.data[at] != quote)
        at += text.data[at] == '\\' && quote != '`' && at + 1 < text.len ? 2 : 1;
    if (at >= text.len) {
        problem_set(lexer->problem, "query_syntax", out->at, text.len - out->at,
                    "the string that starts here has no end");
        problem_hint(lexer->problem, "%c", quote);
        return STATUS_INVALID;
    }
    out->kind = SYMBOL_STRING;
    out->length = at + 1 - out->at;
    lexer->at = at + 1;
    if (quote == '`') {
        out->text = slice_sub(text, out->at + 1, at - out->at - 1);
        return STATUS_OK;
    }
    return decode_string(lexer, out->at + 1, at, &out->text);
}

static const struct {
    char text[3];
    enum symbol_kind kind;
} operators[] = { /* longer ones first */
    {"!=", SYMBOL_NOT_EQUAL}, {"!~", SYMBOL_NOT_MATCH}, {"=~", SYMBOL_MATCH},
    {"==", SYMBOL_EQUAL},     {">=", SYMBOL_GREATER_EQUAL}, {"<=", SYMBOL_LESS_EQUAL},
    {"&&", SYMBOL_AND},       {"||", SYMBOL_OR},        {"(", SYMBOL_LEFT},
    {")", SYMBOL_RIGHT},      {"[", SYMBOL_LEFT_BRACKET}, {"]", SYMBOL_RIGHT_BRACKET},
    {"{", SYMBOL_LEFT_BRACE}, {"}", SYMBOL_RIGHT_BRACE}, {"|", SYMBOL_BAR},
    {",", SYMBOL_COMMA},      {":", SYMBOL_COLON},      {"*", SYMBOL_STAR},
    {"-", SYMBOL_MINUS},      {"!", SYMBOL_BANG},       {"=", SYMBOL_EQUAL},
    {"~", SYMBOL_MATCH},      {">", SYMBOL_GREATER},    {"<", SYMBOL_LESS},
};

static const struct {
    char byte;
    enum symbol_kind kind;
} math_operators[] = {
    {'+', SYMBOL_PLUS}, {'/', SYMBOL_SLASH}, {'%', SYMBOL_PERCENT}, {'^', SYMBOL_CARET},
};

static bool lex_operator(struct lexer *lexer, struct symbol *out)
{
    struct slice rest = slice_from(lexer->text, out->at);

    for (size_t i = 0; i < COUNT_OF(operators); i++) {
        if (slice_starts(rest, slice_of(operators[i].text))) {
            out->kind = operators[i].kind;
            out->length = strlen(operators[i].text);
            lexer->at += out->length;
            return true;
        }
    }
    for (size_t i = 0; lexer->mode == LEXER_MATH && i < COUNT_OF(math_operators); i++) {
        if (rest.data[0] == math_operators[i].byte) {
            out->kind = math_operators[i].kind;
            out->length = 1;
            lexer->at++;
            return true;
        }
    }
    return false;
}

enum status lexer_next(struct lexer *lexer, struct symbol *out)
{
    size_t start = lexer->at;
    char c;

    skip_blank(lexer);
    *out = (struct symbol){.at = lexer->at, .spaced = lexer->at > start};
    if (lexer->at == lexer->text.len)
        return STATUS_OK; /* SYMBOL_END */
    c = lexer->text.data[lexer->at];
    if (c == '"' || c == '\'' || c == '`')
        return lex_string(lexer, out);
    if (lex_operator(lexer, out)) {
        out->text = slice_sub(lexer->text, out->at, out->length);
        return STATUS_OK;
    }
    while (lexer->at < lexer->text.len && in_token(lexer, lexer->text.data[lexer->at]))
        lexer->at++;
    out->length = lexer->at - out->at;
    if (out->length == 0)
        return problem_set(lexer->problem, "query_syntax", out->at, 1, "unexpected byte 0x%02x",
                           (unsigned char)c);
    out->kind = SYMBOL_TOKEN;
    out->text = slice_sub(lexer->text, out->at, out->length);
    return STATUS_OK;
}

bool lexer_is_token(struct slice text)
{
    static const char *const keywords[] = {"and", "or", "not", "in", "AND", "OR", "NOT", "IN"};

    if (text.len == 0 || text.data[0] == '-')
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (ends_token(text.data[i]) || text.data[i] == ':' || text.data[i] == '\0')
            return false;
    if (slice_starts(text, slice_of("&&")))
        return false;
    for (size_t i = 0; i < COUNT_OF(keywords); i++)
        if (slice_is(text, keywords[i]))
            return false;
    return true;
}

bool lexer_quote(struct buf *out, struct slice text)
{
    bool ok = buf_append_byte(out, '"');

    for (size_t i = 0; ok && i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];

        if (c == '"' || c == '\\')
            ok = buf_append_byte(out, '\\') && buf_append_byte(out, (char)c);
        else if (c < 0x20 || c == 0x7f)
            ok = buf_printf(out, "\\x%02x", c);
        else
            ok = buf_append_byte(out, (char)c);
    }
    return ok && buf_append_byte(out, '"');
}

const char *symbol_show(const struct symbol *symbol, struct slice query, char room[48])
{
    struct slice text = slice_sub(query, symbol->at, symbol->length);

    if (symbol->kind == SYMBOL_END)
        return "end of query";
    if (text.len > 32)
        snprintf(room, 48, "\"%.*s...\"", 32, text.data);
    else
        snprintf(room, 48, "\"%.*s\"", SLICE_ARG(text));
    return room;
}
