/* query/cli/posix_regex.c -- one pass over the pattern, one atom at a time.
 *
 * Where the two syntaxes differ in more than spelling:
 *   a** and a*+   repeat what is repeated already; in PCRE2 the second sign would change the first.
 *                 The atom and its first sign are put into a group of their own.
 *   * at a start  is a plain star in basic expressions, and repeats nothing in extended ones.
 *   a{x           is plain text in extended expressions, an error in basic ones.
 *   [\n]          a backslash and an n: brackets know no escapes. */
#include "query/cli/posix_regex.h"

#include <stdio.h>

enum { GROUP_DEPTH_MAX = 100, REPEAT_MAX = 32767 /* RE_DUP_MAX */ };

#define ATOM_NONE SIZE_MAX

struct translator {
    const struct posix_regex *options;
    struct slice pattern;
    size_t at;
    struct buf *out, *plain;
    bool is_plain;
    bool at_start; /* of an expression, a group or a branch */
    bool repeated; /* the atom has a repetition already */
    size_t atom;   /* where in `out` the last atom begins; ATOM_NONE: nothing to repeat */
    size_t groups[GROUP_DEPTH_MAX]; /* where in `out` the open groups begin */
    unsigned depth;
    uint32_t group_count;
    struct error *err;
};

static char peek(const struct translator *t, size_t ahead)
{
    return t->at + ahead < t->pattern.len ? t->pattern.data[t->at + ahead] : '\0';
}

static bool at_end(const struct translator *t, size_t ahead)
{
    return t->at + ahead >= t->pattern.len;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Quoting a byte that needs it not is harmless, but for letters and digits. */
static void put_quoted(struct buf *out, char c)
{
    if ((unsigned char)c < 0x80 && (unsigned char)c > 0x20 && !is_alnum(c) && c != '_')
        buf_append_byte(out, '\\');
    buf_append_byte(out, c);
}

void posix_regex_quote(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        put_quoted(out, text.data[i]);
}

static void begin_atom(struct translator *t)
{
    t->atom = t->out->len;
    t->at_start = false;
    t->repeated = false;
}

static void put_literal(struct translator *t, char c)
{
    begin_atom(t);
    put_quoted(t->out, c);
    buf_append_byte(t->plain, c);
}

/* An atom that is not plain text. */
static void put_atom(struct translator *t, const char *text)
{
    begin_atom(t);
    buf_append_text(t->out, text);
    t->is_plain = false;
}

/* ---- repetition ---- */

static bool insert_text(struct buf *out, size_t at, const char *text)
{
    size_t len = strlen(text), tail = out->len - at;

    if (!buf_append(out, text, len))
        return false;
    memmove(out->data + at + len, out->data + at, tail);
    memcpy(out->data + at, text, len);
    return true;
}

static void put_repetition(struct translator *t, struct slice sign)
{
    t->is_plain = false;
    if (t->atom == ATOM_NONE) /* extended: repeats nothing, which is nothing */
        return;
    if (t->repeated && insert_text(t->out, t->atom, "(?:"))
        buf_append_byte(t->out, ')');
    buf_append_slice(t->out, sign);
    t->repeated = true;
    t->at_start = false;
}

static bool read_count(const struct translator *t, size_t *ahead, uint32_t *out)
{
    size_t from = *ahead;

    *out = 0;
    while (peek(t, *ahead) >= '0' && peek(t, *ahead) <= '9') {
        if (*out <= REPEAT_MAX)
            *out = *out * 10 + (uint32_t)(peek(t, *ahead) - '0');
        (*ahead)++;
    }
    return *ahead > from;
}

/* n} n,} ,m} n,m} behind the brace. False: it is none, and nothing is eaten. */
static bool read_interval(struct translator *t, uint32_t *low, uint32_t *high, bool *bounded)
{
    size_t ahead = 0;
    bool has_low = read_count(t, &ahead, low), has_high;

    *bounded = true;
    *high = *low;
    if (peek(t, ahead) == ',') {
        ahead++;
        has_high = read_count(t, &ahead, high);
        *bounded = has_high;
    } else if (!has_low) {
        return false;
    }
    if (!t->options->extended && peek(t, ahead++) != '\\')
        return false;
    if (peek(t, ahead) != '}')
        return false;
    t->at += ahead + 1;
    return true;
}

static enum status put_interval(struct translator *t)
{
    char sign[40];
    uint32_t low, high;
    bool bounded;

    if (!read_interval(t, &low, &high, &bounded)) {
        if (!t->options->extended)
            return error_set(t->err, STATUS_INVALID, "%s",
                             slice_find(slice_from(t->pattern, t->at), SLICE_LITERAL("\\}")) ==
                                     SIZE_MAX
                                 ? "Unmatched \\{"
                                 : "Invalid content of \\{\\}");
        put_literal(t, '{');
        return STATUS_OK;
    }
    if (bounded && low > high)
        return error_set(t->err, STATUS_INVALID, "Invalid content of \\{\\}");
    if (low > REPEAT_MAX || high > REPEAT_MAX)
        return error_set(t->err, STATUS_INVALID, "Regular expression too big");
    if (t->atom == ATOM_NONE && !t->options->extended)
        return error_set(t->err, STATUS_INVALID, "Invalid preceding regular expression");
    if (!bounded)
        (void)snprintf(sign, sizeof(sign), "{%u,}", low);
    else
        (void)snprintf(sign, sizeof(sign), "{%u,%u}", low, high);
    put_repetition(t, slice_of(sign));
    return STATUS_OK;
}

/* ---- groups and branches ---- */

static enum status open_group(struct translator *t)
{
    if (t->depth == GROUP_DEPTH_MAX)
        return error_set(t->err, STATUS_TOO_LARGE, "more than %d groups in each other",
                         GROUP_DEPTH_MAX);
    t->groups[t->depth++] = t->out->len;
    t->group_count++;
    buf_append_byte(t->out, '(');
    t->is_plain = false;
    t->at_start = true;
    t->atom = ATOM_NONE;
    return STATUS_OK;
}

static enum status close_group(struct translator *t)
{
    if (t->depth == 0)
        return error_set(t->err, STATUS_INVALID, "Unmatched ) or \\)");
    buf_append_byte(t->out, ')');
    t->atom = t->groups[--t->depth];
    t->at_start = false;
    t->repeated = false;
    return STATUS_OK;
}

static void put_branch(struct translator *t)
{
    buf_append_byte(t->out, '|');
    t->is_plain = false;
    t->at_start = true;
    t->atom = ATOM_NONE;
}

/* ---- brackets ---- */

static enum status unmatched_bracket(struct translator *t)
{
    return error_set(t->err, STATUS_INVALID, "Unmatched [, [^, [:, [., or [=");
}

static enum status put_class_name(struct translator *t, struct slice name)
{
    static const char *const names[] = {"alpha", "digit", "alnum", "upper", "lower", "space",
                                        "blank", "punct", "print", "graph", "cntrl", "xdigit"};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (slice_is(name, names[i])) {
            buf_printf(t->out, "[:%s:]", names[i]);
            return STATUS_OK;
        }
    return error_set(t->err, STATUS_INVALID, "Invalid character class name");
}

/* [:name:] [=c=] [.c.] at `at`; *byte is the character of the last two, -1 for a class. */
static enum status read_named(struct translator *t, int *byte)
{
    char kind = peek(t, 1), close[2] = {kind, ']'};
    struct slice rest = slice_from(t->pattern, t->at + 2), name;
    size_t length = slice_find(rest, slice_make(close, 2));

    if (length == SIZE_MAX)
        return unmatched_bracket(t);
    name = slice_first(rest, length);
    t->at += length + 4;
    *byte = -1;
    if (kind == ':')
        return put_class_name(t, name);
    if (name.len != 1)
        return error_set(t->err, STATUS_INVALID, "Invalid collation character");
    *byte = (unsigned char)name.data[0];
    return STATUS_OK;
}

/* One end of a range, or a class, which is written at once (-1). */
static enum status read_bracket_item(struct translator *t, int *byte)
{
    char next = peek(t, 1);

    if (peek(t, 0) == '[' && !at_end(t, 1) && (next == ':' || next == '=' || next == '.'))
        return read_named(t, byte);
    *byte = (unsigned char)peek(t, 0);
    t->at++;
    return STATUS_OK;
}

static enum status put_bracket_item(struct translator *t)
{
    int low, high;
    enum status status = read_bracket_item(t, &low);

    if (status != STATUS_OK || low < 0)
        return status;
    put_quoted(t->out, (char)low);
    if (peek(t, 0) != '-' || at_end(t, 1) || peek(t, 1) == ']')
        return STATUS_OK;
    t->at++;
    status = read_bracket_item(t, &high);
    if (status == STATUS_OK && high < low)
        return error_set(t->err, STATUS_INVALID, "Invalid range end");
    buf_append_byte(t->out, '-');
    put_quoted(t->out, (char)high);
    return status;
}

/* [:space:] without the outer brackets is a slip that grep points out. */
static bool is_bare_class(struct slice inner)
{
    return inner.len > 2 && inner.data[0] == ':' && inner.data[inner.len - 1] == ':';
}

static enum status put_bracket(struct translator *t)
{
    size_t inner_at;
    bool negated;
    enum status status = STATUS_OK;

    begin_atom(t);
    t->is_plain = false;
    inner_at = t->at;
    negated = peek(t, 0) == '^';
    buf_append_text(t->out, negated ? "[^" : "[");
    t->at += negated;
    do { /* a bracket right at the front stands for itself */
        if (at_end(t, 0))
            return unmatched_bracket(t);
        status = put_bracket_item(t);
    } while (status == STATUS_OK && (at_end(t, 0) || peek(t, 0) != ']'));
    if (status != STATUS_OK)
        return status;
    if (is_bare_class(slice_sub(t->pattern, inner_at, t->at - inner_at)))
        return error_set(t->err, STATUS_INVALID,
                         "character class syntax is [[:space:]], not [:space:]");
    buf_append_text(t->out, negated && !t->options->newlines_match ? "\\n]" : "]");
    t->at++;
    return STATUS_OK;
}

/* ---- escapes ---- */

/* Means the same for basic and extended expressions. What matches no byte is in a group: it can be
 * repeated in grep, and in PCRE2 only so. */
static const struct {
    char letter;
    const char *text;
} escapes[] = {
    {'w', "\\w"},     {'W', "\\W"},      {'s', "\\s"},
    {'S', "\\S"},     {'b', "(?:\\b)"},  {'B', "(?:\\B)"},
    {'`', "(?:\\A)"}, {'\'', "(?:\\z)"}, {'<', "(?:\\b(?=\\w))"},
    {'>', "(?:\\b(?<=\\w))"},
};

static enum status put_common_escape(struct translator *t, char c)
{
    char text[32];

    if (c >= '1' && c <= '9') {
        if ((uint32_t)(c - '0') > t->group_count)
            return error_set(t->err, STATUS_INVALID, "Invalid back reference");
        (void)snprintf(text, sizeof(text), "\\g{%u}", t->options->group_base + (uint32_t)(c - '0'));
        put_atom(t, text);
        return STATUS_OK;
    }
    for (size_t i = 0; i < COUNT_OF(escapes); i++)
        if (c == escapes[i].letter) {
            put_atom(t, escapes[i].text);
            return STATUS_OK;
        }
    put_literal(t, c);
    return STATUS_OK;
}

static enum status put_basic_escape(struct translator *t, char c)
{
    switch (c) {
    case '(':
        return open_group(t);
    case ')':
        return close_group(t);
    case '{':
        return put_interval(t);
    case '|':
        put_branch(t);
        return STATUS_OK;
    case '+':
    case '?':
        if (t->at_start || t->atom == ATOM_NONE)
            put_literal(t, c);
        else
            put_repetition(t, slice_make(&c, 1));
        return STATUS_OK;
    default:
        return put_common_escape(t, c);
    }
}

static enum status put_escape(struct translator *t)
{
    char c;

    if (at_end(t, 0))
        return error_set(t->err, STATUS_INVALID, "Trailing backslash");
    c = peek(t, 0);
    t->at++;
    return t->options->extended ? put_common_escape(t, c) : put_basic_escape(t, c);
}

/* ---- anchors ---- */

static void put_anchor(struct translator *t, char c)
{
    put_atom(t, c == '^' ? "(?:^)" : "(?:$)");
    if (c == '^' && !t->options->extended) /* a star behind it is plain, as is another ^ */
        t->atom = ATOM_NONE;
}

/* Basic: ^ at the start of a branch, $ at the end of one; else they are plain. */
static bool is_basic_anchor(const struct translator *t, char c)
{
    if (c == '^')
        return t->at_start && t->atom == ATOM_NONE;
    return at_end(t, 0) || (peek(t, 0) == '\\' && (peek(t, 1) == ')' || peek(t, 1) == '|'));
}

static enum status put_next(struct translator *t)
{
    char c = peek(t, 0);
    bool extended = t->options->extended;

    t->at++;
    switch (c) {
    case '\\':
        return put_escape(t);
    case '[':
        return put_bracket(t);
    case '.':
        put_atom(t, ".");
        return STATUS_OK;
    case '*':
        if (!extended && (t->at_start || t->atom == ATOM_NONE))
            put_literal(t, c);
        else
            put_repetition(t, SLICE_LITERAL("*"));
        return STATUS_OK;
    case '^':
    case '$':
        if (extended || is_basic_anchor(t, c))
            put_anchor(t, c);
        else
            put_literal(t, c);
        return STATUS_OK;
    default:
        break;
    }
    if (extended && c == '(')
        return open_group(t);
    if (extended && c == ')' && t->depth > 0) /* without its partner it is plain, as in GNU grep */
        return close_group(t);
    if (extended && c == '{')
        return put_interval(t);
    if (extended && c == '|')
        put_branch(t);
    else if (extended && (c == '+' || c == '?'))
        put_repetition(t, slice_make(&c, 1));
    else
        put_literal(t, c);
    return STATUS_OK;
}

enum status posix_regex_translate(const struct posix_regex *options, struct slice pattern,
                                  struct posix_translation *out, struct error *err)
{
    struct translator t = {.options = options,
                           .pattern = pattern,
                           .out = out->regex,
                           .plain = out->plain,
                           .is_plain = true,
                           .at_start = true,
                           .atom = ATOM_NONE,
                           .err = err};
    enum status status = STATUS_OK;

    while (status == STATUS_OK && !at_end(&t, 0))
        status = put_next(&t);
    if (status == STATUS_OK && t.depth > 0)
        status = error_set(err, STATUS_INVALID, "Unmatched ( or \\(");
    if (status == STATUS_OK)
        status = buf_check(out->regex, "a pattern", err);
    if (status == STATUS_OK)
        status = buf_check(out->plain, "a pattern", err);
    out->is_plain = t.is_plain;
    out->group_count = t.group_count;
    return status;
}
