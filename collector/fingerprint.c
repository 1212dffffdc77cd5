/* collector/fingerprint.c -- one pass over the text, one buffer of fixed size on the stack.
 *
 * Tokens follow PostgreSQL's lexer (manual, section 4.1): nested comments, E'' strings with
 * backslashes, dollar quotes, quoted identifiers. What is dropped or replaced:
 *   comment, white space      one blank
 *   string, number, boolean   ?
 *   $1                        ?
 *   IN (?, ?, ...)            in (?)         also ARRAY[...]
 *   VALUES (..), (..)         one row, when the rows have one shape
 *   letters                   lower case outside quoted identifiers */
#include "collector/fingerprint.h"

#include "collector/json_scan.h"
#include "collector/statement_shape.h"

#include <stdbool.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

struct fingerprint {
    struct slice rest; /* of the statement */
    char text[FINGERPRINT_SIZE_MAX];
    size_t len;
    bool blank;                          /* white space is due before the next token */
    unsigned depth;                      /* open parentheses and brackets */
    unsigned list_depth;                 /* depth inside an IN or ARRAY list; 0: none */
    unsigned values_depth;               /* depth inside the rows of VALUES; 0: none */
    size_t row_start;                    /* of the present row, in `text` */
    size_t last_row_start, last_row_len; /* of the row before it; len 0: none */
    struct slice sql;                    /* the whole statement */
    struct statement_values values;      /* the plain ones in it */
};

static bool is_letter(unsigned char c)
{
    return (unsigned char)((c | 0x20) - 'a') <= 25;
}

static bool is_word_byte(char c)
{
    unsigned char u = (unsigned char)c;

    return is_letter(u) || (unsigned char)(u - '0') <= 9 || u == '_' || u >= 0x80;
}

static void put(struct fingerprint *out, char byte)
{
    if (out->len < FINGERPRINT_SIZE_MAX)
        out->text[out->len++] = byte;
}

static void put_text(struct fingerprint *out, struct slice text)
{
    size_t room = FINGERPRINT_SIZE_MAX - out->len;
    size_t len = text.len < room ? text.len : room;

    if (len > 0)
        memcpy(out->text + out->len, text.data, len);
    out->len += len;
}

#ifdef __SSE2__
/* Sixteen bytes as masks, a bit for each. */
struct classes {
    unsigned word;   /* belongs to a word */
    unsigned begins; /* may begin one: letters, _ and what is not ASCII */
    unsigned blank;
    __m128i lower; /* the bytes with letters in lower case */
};

static unsigned mask_of(__m128i bytes)
{
    return (unsigned)_mm_movemask_epi8(bytes);
}

static unsigned mask_of_equal(__m128i bytes, char byte)
{
    return mask_of(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte)));
}

static inline struct classes classes_of(const char *from)
{
    const __m128i bytes = _mm_loadu_si128((const void *)from);
    const __m128i fold = _mm_set1_epi8(0x20);
    const __m128i from_a = _mm_sub_epi8(_mm_or_si128(bytes, fold), _mm_set1_epi8('a'));
    const __m128i from_0 = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
    const __m128i letters = _mm_cmpeq_epi8(_mm_min_epu8(from_a, _mm_set1_epi8(25)), from_a);
    const __m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(from_0, _mm_set1_epi8(9)), from_0);
    const __m128i line = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('_'));
    const __m128i dollar = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('$'));
    /* A byte from 0x80 on has its highest bit set, which is all that the mask looks at. */
    const __m128i begins = _mm_or_si128(_mm_or_si128(letters, line), bytes);
    const __m128i word = _mm_or_si128(_mm_or_si128(begins, digits), dollar);

    return (struct classes){mask_of(word), mask_of(begins),
                            mask_of(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(' '))),
                            _mm_or_si128(bytes, _mm_and_si128(letters, fold))};
}

/* Sixteen bytes, letters in lower case; gives how many of them belong to a word. */
static unsigned write_word_bytes(const char *from, char *to)
{
    struct classes bytes = classes_of(from);
    unsigned outside = bytes.word ^ 0xffff;

    _mm_storeu_si128((void *)to, bytes.lower);
    return outside == 0 ? 16 : (unsigned)__builtin_ctz(outside);
}
#endif

/* The word at the front, with letters in lower case, is written behind the text as far as there is
 * room, but not counted yet. Gives its length; half of the work on a statement is here. */
static size_t write_word(struct fingerprint *out)
{
    const char *from = out->rest.data, *end = from + out->rest.len;
    const char *at = from;
    char *to = out->text + out->len, *to_end = out->text + FINGERPRINT_SIZE_MAX;

#ifdef __SSE2__
    while (end - at >= 16 && to_end - to >= 16) {
        unsigned len = write_word_bytes(at, to);

        at += len;
        to += len;
        if (len < 16)
            return (size_t)(at - from);
    }
#endif
    for (; at < end; at++) {
        char c = *at;

        if (is_letter((unsigned char)c))
            c |= 0x20;
        else if (!is_word_byte(c) && c != '$')
            break;
        if (to < to_end)
            *to++ = c;
    }
    return (size_t)(at - from);
}

/* The blank that is due, if a token is before it. */
static void put_blank(struct fingerprint *out)
{
    if (out->blank && out->len > 0)
        put(out, ' ');
    out->blank = false;
}

static char last_byte(const struct fingerprint *out)
{
    return out->len == 0 ? 0 : out->text[out->len - 1];
}

/* Does the text so far end with this word (and maybe a blank is due behind it)? */
static bool last_word_is(const struct fingerprint *out, struct slice word)
{
    struct slice text = {out->text, out->len};

    return slice_ends(text, word) &&
           (text.len == word.len || !is_word_byte(text.data[text.len - word.len - 1]));
}

static void put_value(struct fingerprint *out)
{
    if (out->list_depth != 0 && out->depth == out->list_depth && last_byte(out) == ',') {
        struct slice text = {out->text, out->len};

        if (slice_ends(text, SLICE_LITERAL("?,"))) {
            out->len--; /* one value stands for the list */
            out->blank = false;
            return;
        }
    }
    put_blank(out);
    put(out, '?');
}

static void skip(struct fingerprint *out, size_t len)
{
    out->rest = slice_from(out->rest, len);
}

/* A string or a number of this length is at the front: note it, if a look can tell where the next
 * one in its place ends. */
static void skip_value(struct fingerprint *out, size_t len)
{
    struct statement_values *values = &out->values;
    size_t start = (size_t)(out->rest.data - out->sql.data);

    if (values->count <= STATEMENT_VALUES_MAX && start + len <= STATEMENT_SHAPE_SIZE &&
        statement_value_len(out->rest) == len) {
        if (values->count < STATEMENT_VALUES_MAX) {
            values->at[values->count].start = (uint16_t)start;
            values->at[values->count].len = (uint16_t)len;
        }
        values->count++;
    }
    skip(out, len);
}

static void skip_line_comment(struct fingerprint *out)
{
    skip(out, slice_find_byte(out->rest, '\n'));
    out->blank = true;
}

static void skip_block_comment(struct fingerprint *out)
{
    unsigned depth = 0;
    size_t at = 0;

    while (at + 1 < out->rest.len) {
        const char *c = out->rest.data + at;

        if (c[0] == '/' && c[1] == '*') {
            depth++;
            at += 2;
        } else if (c[0] == '*' && c[1] == '/') {
            at += 2;
            if (--depth == 0)
                break;
        } else {
            at++;
        }
    }
    skip(out, depth == 0 ? at : out->rest.len);
    out->blank = true;
}

/* `rest` stands at the opening quote; a doubled quote belongs to the string. */
static size_t quoted_len(struct slice rest, char quote, bool backslash)
{
    size_t at = 1;

    while (at < rest.len) {
        if (!backslash && rest.data[at] != quote) { /* to the next one */
            const char *next = memchr(rest.data + at, quote, rest.len - at);

            if (next == NULL)
                return rest.len;
            at = (size_t)(next - rest.data);
        }
        if (backslash && rest.data[at] == '\\') {
            at += 2;
        } else if (rest.data[at] != quote) {
            at++;
        } else if (at + 1 < rest.len && rest.data[at + 1] == quote) {
            at += 2;
        } else {
            return at + 1;
        }
    }
    return rest.len;
}

/* `$tag$ ... $tag$`; 0 if `rest` starts no dollar quote. */
static size_t dollar_quoted_len(struct slice rest)
{
    size_t tag_len = 1;
    size_t end;

    while (tag_len < rest.len && is_word_byte(rest.data[tag_len]))
        tag_len++;
    if (tag_len == rest.len || rest.data[tag_len] != '$' ||
        (tag_len > 1 && (unsigned char)(rest.data[1] - '0') <= 9))
        return 0;
    tag_len++;
    end = slice_find(slice_from(rest, tag_len), slice_first(rest, tag_len));
    return end == SIZE_MAX ? rest.len : tag_len + end + tag_len;
}

/* Digits, fraction, exponent, 0x..., 1_000. */
static size_t number_len(struct slice rest)
{
    size_t at = 0;

    while (at < rest.len && (is_word_byte(rest.data[at]) || rest.data[at] == '.' ||
                             ((rest.data[at] == '+' || rest.data[at] == '-') && at > 0 &&
                              (rest.data[at - 1] | 0x20) == 'e' &&
                              (rest.data[0] != '0' || at < 2 || (rest.data[1] | 0x20) != 'x'))))
        at++;
    return at;
}

static void take_dollar(struct fingerprint *out)
{
    size_t len = dollar_quoted_len(out->rest);
    size_t digits = 1;

    if (len > 0) {
        skip(out, len);
        put_value(out);
        return;
    }
    while (digits < out->rest.len && (unsigned char)(out->rest.data[digits] - '0') <= 9)
        digits++;
    skip(out, digits);
    if (digits > 1)
        put_value(out);
    else
        put(out, '$');
}

/* E'..', B'..', X'..', N'..' and U&'..' are strings that begin with letters. */
static size_t string_prefix_len(struct slice rest)
{
    char letter = rest.data[0] | 0x20;

    if (letter != 'u' && letter != 'e' && letter != 'b' && letter != 'x' && letter != 'n')
        return 0; /* most words */
    if (rest.len >= 2 && rest.data[1] == '\'' &&
        (letter == 'e' || letter == 'b' || letter == 'x' || letter == 'n'))
        return 1;
    if (rest.len >= 3 && letter == 'u' && rest.data[1] == '&' && rest.data[2] == '\'')
        return 2;
    return 0;
}

static bool is_boolean(struct slice word)
{
    char letter = word.len == 0 ? 0 : word.data[0] | 0x20;

    if (letter != 't' && letter != 'f')
        return false;
    return (word.len == 4 && slice_equal_fold(word, SLICE_LITERAL("true"))) ||
           (word.len == 5 && slice_equal_fold(word, SLICE_LITERAL("false")));
}

static void take_identifier(struct fingerprint *out)
{
    size_t prefix = string_prefix_len(out->rest);
    bool blank = out->blank;
    size_t start = out->len, room, len;

    if (prefix > 0) {
        bool backslash = (out->rest.data[0] | 0x20) == 'e';

        skip(out, prefix);
        skip(out, quoted_len(out->rest, '\'', backslash));
        put_value(out);
        return;
    }
    put_blank(out);
    len = write_word(out);
    if (is_boolean(slice_first(out->rest, len))) { /* a value: take the blank back */
        out->blank = blank;
        out->len = start;
        skip(out, len);
        put_value(out);
        return;
    }
    if (out->values_depth == out->depth + 1)
        out->values_depth = 0; /* the rows are over */
    room = FINGERPRINT_SIZE_MAX - out->len;
    out->len += len < room ? len : room;
    skip(out, len);
}

#ifdef __SSE2__
/* Whole words with one blank behind each, as many as are in the next sixteen bytes; `rest` begins
 * with a word. False if there is none, or not certainly one that is kept as it is: what begins
 * like a number or a boolean is left to the token functions. */
static bool take_words(struct fingerprint *out)
{
    struct classes bytes;
    unsigned starts, stop, blanks, len;

    if (out->rest.len < 16 || FINGERPRINT_SIZE_MAX - out->len < 17)
        return false;
    bytes = classes_of(out->rest.data);
    starts = bytes.word & ~(bytes.word << 1);
    stop = ~(bytes.word | bytes.blank) | (bytes.blank & bytes.blank << 1);
    stop |= starts & ~bytes.begins;
    stop |= starts & mask_of_equal(bytes.lower, 't') & mask_of_equal(bytes.lower, 'r') >> 1;
    stop |= starts & mask_of_equal(bytes.lower, 'f') & mask_of_equal(bytes.lower, 'a') >> 1;
    blanks = bytes.blank & ((stop & -stop) - 1); /* before the lowest stop; 16 and on are stops */
    if (blanks == 0)
        return false;
    len = 31 - (unsigned)__builtin_clz(blanks);
    put_blank(out);
    _mm_storeu_si128((void *)(out->text + out->len), bytes.lower);
    out->len += len;
    out->blank = true;
    skip(out, len + 1);
    if (out->values_depth == out->depth + 1)
        out->values_depth = 0; /* the rows are over */
    return true;
}
#else
static bool take_words(struct fingerprint *out)
{
    (void)out;
    return false;
}
#endif

static void take_open(struct fingerprint *out)
{
    char byte = out->rest.data[0];
    bool list = byte == '(' ? last_word_is(out, SLICE_LITERAL("in"))
                            : last_word_is(out, SLICE_LITERAL("array"));
    bool values = byte == '(' && last_word_is(out, SLICE_LITERAL("values"));

    put_blank(out);
    if (values) {
        out->values_depth = out->depth + 1;
        out->last_row_len = 0;
    }
    out->depth++;
    if (out->values_depth == out->depth)
        out->row_start = out->len;
    if (list && out->list_depth == 0)
        out->list_depth = out->depth;
    put(out, byte);
    skip(out, 1);
}

/* At the end of a row of VALUES: drop it, and the comma before it, if it is like the last one. */
static void close_row(struct fingerprint *out)
{
    size_t len = out->len - out->row_start;

    if (out->last_row_len == len && out->len < FINGERPRINT_SIZE_MAX &&
        memcmp(out->text + out->last_row_start, out->text + out->row_start, len) == 0) {
        out->len = out->last_row_start + out->last_row_len;
        return;
    }
    out->last_row_start = out->row_start;
    out->last_row_len = len;
}

static void take_close(struct fingerprint *out)
{
    if (last_byte(out) == '?')
        out->blank = false;
    put_blank(out);
    put(out, out->rest.data[0]);
    skip(out, 1);
    if (out->depth == 0)
        return;
    if (out->depth == out->list_depth)
        out->list_depth = 0;
    if (out->depth == out->values_depth)
        close_row(out);
    out->depth--;
}

static void take_other(struct fingerprint *out)
{
    char byte = out->rest.data[0];

    if (byte == ',')
        out->blank = false;
    else if (out->values_depth == out->depth + 1)
        out->values_depth = 0; /* the rows are over */
    put_blank(out);
    put(out, byte);
    skip(out, 1);
}

/* A minus that belongs to the number behind it. */
static bool is_sign(const struct fingerprint *out)
{
    char before = last_byte(out);

    return out->rest.len > 1 && (unsigned char)(out->rest.data[1] - '0') <= 9 &&
           (before == '(' || before == ',' || before == '=' || before == '<' || before == '>' ||
            before == '[' || before == 0);
}

/* Anything but an identifier. */
static void take_token(struct fingerprint *out)
{
    char c = out->rest.data[0];
    char next = out->rest.len > 1 ? out->rest.data[1] : 0;

    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f') {
        out->blank = true;
        skip(out, 1);
    } else if (c == '-' && next == '-') {
        skip_line_comment(out);
    } else if (c == '/' && next == '*') {
        skip_block_comment(out);
    } else if (c == '\'') {
        skip_value(out, quoted_len(out->rest, '\'', false));
        put_value(out);
    } else if (c == '"') {
        size_t len = quoted_len(out->rest, '"', false);

        put_blank(out);
        put_text(out, slice_first(out->rest, len));
        skip(out, len);
    } else if (c == '$') {
        take_dollar(out);
    } else if ((unsigned char)(c - '0') <= 9 ||
               (c == '.' && (unsigned char)(next - '0') <= 9 && !is_word_byte(last_byte(out))) ||
               (c == '-' && is_sign(out))) {
        skip(out, c == '-' ? 1 : 0);
        skip_value(out, number_len(out->rest));
        put_value(out);
    } else if (c == '(' || c == '[') {
        take_open(out);
    } else if (c == ')' || c == ']') {
        take_close(out);
    } else {
        take_other(out);
    }
}

/* `task:x` or `task=x` in a comment at the very start. */
static struct slice task_hint(struct slice sql)
{
    struct slice comment = slice_trim(sql);
    size_t at;
    size_t len = 0;

    if (slice_starts(comment, SLICE_LITERAL("/*")))
        comment = slice_first(comment, slice_find(comment, SLICE_LITERAL("*/")));
    else if (slice_starts(comment, SLICE_LITERAL("--")))
        comment = slice_first(comment, slice_find_byte(comment, '\n'));
    else
        return (struct slice){NULL, 0};
    at = slice_find(comment, SLICE_LITERAL("task"));
    if (at == SIZE_MAX || at + 4 >= comment.len ||
        (comment.data[at + 4] != ':' && comment.data[at + 4] != '='))
        return (struct slice){NULL, 0};
    comment = slice_trim(slice_from(comment, at + 5));
    while (len < comment.len && (is_word_byte(comment.data[len]) || comment.data[len] == '.' ||
                                 comment.data[len] == '-' || comment.data[len] == ':'))
        len++;
    return slice_first(comment, len);
}

/* Into out->text; false if not all of the statement was read. */
static bool read_sql(struct slice sql, struct fingerprint *out)
{
    bool whole;

    out->sql = out->rest = sql;
    out->len = 0;
    out->blank = false;
    out->depth = out->list_depth = out->values_depth = 0;
    out->row_start = out->last_row_start = out->last_row_len = 0;
    out->values.count = 0;
    while (out->rest.len > 0 && out->len < FINGERPRINT_SIZE_MAX) {
        char c = out->rest.data[0];

        if (is_letter((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80) {
            if (!take_words(out)) /* most tokens are words and blanks */
                take_identifier(out);
        } else if (c == ' ') {
            out->blank = true;
            skip(out, 1);
        } else {
            take_token(out);
        }
    }
    whole = out->rest.len == 0;
    while (out->len > 0 && (out->text[out->len - 1] == ';' || out->text[out->len - 1] == ' '))
        out->len--;
    return whole;
}

struct slice fingerprint_sql(struct slice sql, struct statement_shapes *shapes, struct arena *arena,
                             struct slice *hint)
{
    struct fingerprint out;
    struct slice text;

    if (shapes != NULL && statement_shapes_find(shapes, sql, &text, hint))
        return arena_copy(arena, text);
    *hint = task_hint(sql);
    if (read_sql(sql, &out) && shapes != NULL)
        statement_shapes_learn(shapes, sql, &out.values, (struct slice){out.text, out.len}, *hint);
    return arena_copy(arena, (struct slice){out.text, out.len});
}

/* What of a JSON text is kept: braces, brackets and keys, with commas between keys. */
struct slice fingerprint_json(struct slice json, struct arena *arena)
{
    struct fingerprint out;
    struct json_scan scan;
    struct json_token token;
    bool comma = false;

    out.len = 0; /* all that is used here; clearing its text would cost more than most texts */
    json_scan_init(&scan, json);
    while (out.len < FINGERPRINT_SIZE_MAX && json_scan_next(&scan, &token)) {
        if (token.type == JSON_TOKEN_KEY) {
            if (comma)
                put(&out, ',');
            put_text(&out, token.text);
            comma = true;
        } else if (token.type == JSON_TOKEN_OBJECT_BEGIN || token.type == JSON_TOKEN_ARRAY_BEGIN) {
            if (last_byte(&out) == '}' || last_byte(&out) == ']')
                put(&out, ',');
            else if (out.len > 0 && last_byte(&out) != '[' && last_byte(&out) != '{')
                put(&out, ':');
            put(&out, token.type == JSON_TOKEN_OBJECT_BEGIN ? '{' : '[');
            comma = false;
        } else if (token.type == JSON_TOKEN_OBJECT_END || token.type == JSON_TOKEN_ARRAY_END) {
            put(&out, token.type == JSON_TOKEN_OBJECT_END ? '}' : ']');
            comma = true;
        }
    }
    return arena_copy(arena, (struct slice){out.text, out.len});
}
