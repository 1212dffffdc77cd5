/* collector/url_pattern.c -- a parser for the simple part of the syntax, and its matcher.
 *
 * Simple: alternatives of branches; a branch is [^] items [$]; an item is a literal byte, a class
 * with +, *, ?, {n}, {n,} or {n,m}, or a group of items or of alternative literals ($ may be one of
 * them). A repeated class must not contain a byte that the next item can start with: then taking as
 * much as possible is the only choice, and no other choice ever needs trying. */
#include "collector/url_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include <stdlib.h>

enum {
    BRANCHES_MAX = 8,
    ITEMS_MAX = 40,           /* of all branches together; richer patterns go to PCRE2 */
    ALTERNATIVES_MAX = 8,     /* literals in one group */
    LITERAL_SIZE_MAX = 256,   /* bytes of all literals */
    REPEAT_MAX = UINT16_MAX,  /* stands for "no upper limit" */
    MATCH_LIMIT = 20000,      /* PCRE2 steps per match: enough for URLs, ends bad patterns */
    HEAP_LIMIT_KIB = 256,
};

enum item_type { ITEM_LITERAL, ITEM_CLASS, ITEM_OPEN, ITEM_CLOSE, ITEM_ONE_OF };

struct item {
    enum item_type type;
    uint16_t start, len;       /* LITERAL: part of `literals` */
    uint16_t min, max;         /* CLASS */
    uint8_t group;             /* OPEN, CLOSE */
    uint8_t count;             /* ONE_OF */
    bool or_end;               /* ONE_OF: $ is an alternative */
    uint16_t starts[ALTERNATIVES_MAX], lens[ALTERNATIVES_MAX];
    uint64_t bytes[4];         /* CLASS: bit per byte */
};

struct branch {
    uint8_t first, count; /* items */
    bool at_start, at_end;
};

struct url_pattern {
    pcre2_code *code;            /* NULL: simple */
    pcre2_match_context *limits; /* with code */
    unsigned group_count;
    unsigned branch_count, item_count, literal_len;
    struct branch branches[BRANCHES_MAX];
    struct item items[ITEMS_MAX];
    char literals[LITERAL_SIZE_MAX];
};

struct url_scratch {
    pcre2_match_data *data;
};

/* ---- parse ---- */

static bool class_has(const struct item *item, unsigned char byte)
{
    return (item->bytes[byte >> 6] >> (byte & 63) & 1) != 0;
}

static void class_add(struct item *item, unsigned from, unsigned to)
{
    for (unsigned byte = from; byte <= to; byte++)
        item->bytes[byte >> 6] |= UINT64_C(1) << (byte & 63);
}

static void class_invert(struct item *item)
{
    for (unsigned i = 0; i < 4; i++)
        item->bytes[i] = ~item->bytes[i];
}

static struct item *add_item(struct url_pattern *out, enum item_type type)
{
    struct item *item;

    if (out->item_count == ITEMS_MAX)
        return NULL;
    item = &out->items[out->item_count++];
    *item = (struct item){.type = type};
    out->branches[out->branch_count - 1].count++;
    return item;
}

static bool add_byte(struct url_pattern *out, char byte)
{
    if (out->literal_len == LITERAL_SIZE_MAX)
        return false;
    out->literals[out->literal_len++] = byte;
    return true;
}

/* \d, \w and \s; false for other letters. */
static bool add_named_class(struct item *item, char letter)
{
    switch (letter) {
    case 'd':
        class_add(item, '0', '9');
        return true;
    case 'w':
        class_add(item, '0', '9');
        class_add(item, 'a', 'z');
        class_add(item, 'A', 'Z');
        class_add(item, '_', '_');
        return true;
    case 's':
        class_add(item, '\t', '\r');
        class_add(item, ' ', ' ');
        return true;
    default:
        return false;
    }
}

static bool is_alphanumeric(char c)
{
    return (unsigned char)(c - '0') <= 9 || (unsigned char)((c | 0x20) - 'a') <= 25;
}

/* Behind the opening bracket, to and with the closing one. */
static bool parse_class(struct slice *rest, struct item *item)
{
    bool invert = rest->len > 0 && rest->data[0] == '^';
    bool first = true;

    *rest = slice_from(*rest, invert ? 1 : 0);
    for (;; first = false) {
        unsigned char from;

        if (rest->len < 2)
            return false;
        from = (unsigned char)rest->data[0];
        *rest = slice_from(*rest, 1);
        if (from == ']' && !first)
            break;
        if (from == '[' && (rest->data[0] == ':' || rest->data[0] == '.' || rest->data[0] == '='))
            return false; /* POSIX classes */
        if (from == '\\') {
            char letter = rest->data[0];

            *rest = slice_from(*rest, 1);
            if (is_alphanumeric(letter)) {
                if (!add_named_class(item, letter))
                    return false;
                if (rest->len > 1 && rest->data[0] == '-' && rest->data[1] != ']')
                    return false;
                continue;
            }
            from = (unsigned char)letter;
        }
        if (rest->len > 2 && rest->data[0] == '-' && rest->data[1] != ']') {
            unsigned char to = (unsigned char)rest->data[1];

            if (to == '\\' || to == '[' || to < from)
                return false;
            class_add(item, from, to);
            *rest = slice_from(*rest, 2);
            continue;
        }
        class_add(item, from, from);
    }
    if (invert)
        class_invert(item);
    return true;
}

static bool take_number(struct slice *rest, uint16_t *out)
{
    unsigned value = 0;
    size_t len = 0;

    while (len < rest->len && len < 4 && (unsigned char)(rest->data[len] - '0') <= 9)
        value = value * 10 + (unsigned)(rest->data[len++] - '0');
    *out = (uint16_t)value;
    *rest = slice_from(*rest, len);
    return len > 0;
}

static bool take_char(struct slice *rest, char c)
{
    if (rest->len == 0 || rest->data[0] != c)
        return false;
    *rest = slice_from(*rest, 1);
    return true;
}

/* + * ? {n} {n,} {n,m}, or nothing; lazy and possessive ones are not simple. */
static bool parse_repeat(struct slice *rest, struct item *item)
{
    item->min = item->max = 1;
    if (take_char(rest, '+')) {
        item->max = REPEAT_MAX;
    } else if (take_char(rest, '*')) {
        item->min = 0;
        item->max = REPEAT_MAX;
    } else if (take_char(rest, '?')) {
        item->min = 0;
    } else if (take_char(rest, '{')) {
        if (!take_number(rest, &item->min))
            return false;
        item->max = item->min;
        if (take_char(rest, ',') && !take_number(rest, &item->max))
            item->max = REPEAT_MAX;
        if (!take_char(rest, '}') || item->max < item->min)
            return false;
    } else {
        return true;
    }
    return rest->len == 0 || (rest->data[0] != '?' && rest->data[0] != '+');
}

/* A literal byte at the front: itself, or escaped punctuation. */
static bool take_literal_byte(struct slice *rest, char *out)
{
    if (rest->len == 0)
        return false;
    *out = rest->data[0];
    if (*out == '\\') {
        if (rest->len < 2 || is_alphanumeric(rest->data[1]))
            return false;
        *out = rest->data[1];
        *rest = slice_from(*rest, 2);
        return true;
    }
    if (memchr("^$.[|()?*+{\0", *out, 12) != NULL)
        return false;
    *rest = slice_from(*rest, 1);
    return true;
}

static bool is_repeat(struct slice rest)
{
    return rest.len > 0 && memchr("?*+{", rest.data[0], 4) != NULL;
}

/* `a|b|$)` behind an opening parenthesis; false (and nothing changed) if it is not that. */
static bool parse_one_of(struct slice *rest, struct url_pattern *out, struct item *item)
{
    struct slice at = *rest;
    unsigned literal_len = out->literal_len;

    for (;;) {
        unsigned start = out->literal_len;
        char byte;

        if (take_char(&at, '$')) {
            item->or_end = true;
        } else {
            while (take_literal_byte(&at, &byte) && add_byte(out, byte))
                continue;
            if (is_repeat(at) || out->literal_len == start || item->count == ALTERNATIVES_MAX)
                break;
            item->starts[item->count] = (uint16_t)start;
            item->lens[item->count++] = (uint16_t)(out->literal_len - start);
        }
        if (take_char(&at, ')')) {
            *rest = at;
            return !is_repeat(at) && (item->count > 1 || item->or_end);
        }
        if (!take_char(&at, '|'))
            break;
    }
    out->literal_len = literal_len;
    return false;
}

static bool parse_literal(struct slice *rest, struct url_pattern *out)
{
    struct item *item;
    unsigned start = out->literal_len;
    char byte;

    for (;;) {
        struct slice at = *rest;

        if (!take_literal_byte(&at, &byte))
            break;
        if (is_repeat(at)) { /* belongs to this byte alone: a class of one */
            if (out->literal_len > start)
                break;
            item = add_item(out, ITEM_CLASS);
            if (item == NULL)
                return false;
            class_add(item, (unsigned char)byte, (unsigned char)byte);
            *rest = at;
            return parse_repeat(rest, item);
        }
        if (!add_byte(out, byte))
            return false;
        *rest = at;
    }
    if (out->literal_len == start)
        return false;
    item = add_item(out, ITEM_LITERAL);
    if (item == NULL)
        return false;
    item->start = (uint16_t)start;
    item->len = (uint16_t)(out->literal_len - start);
    return true;
}

static bool parse_items(struct slice *rest, struct url_pattern *out, bool inside);

/* Behind an opening parenthesis. Groups are not nested. */
static bool parse_group(struct slice *rest, struct url_pattern *out, bool inside)
{
    bool captures = !slice_starts(*rest, SLICE_LITERAL("?:"));
    uint8_t group = 0;
    struct item *item;

    if (inside)
        return false;
    if (!captures)
        *rest = slice_from(*rest, 2);
    else if (rest->len > 0 && (rest->data[0] == '?' || rest->data[0] == '*'))
        return false;
    if (captures) {
        if (out->group_count + 1 == URL_GROUPS_MAX)
            return false;
        group = (uint8_t)++out->group_count;
        item = add_item(out, ITEM_OPEN);
        if (item == NULL)
            return false;
        item->group = group;
    }
    item = add_item(out, ITEM_ONE_OF);
    if (item == NULL)
        return false;
    if (!parse_one_of(rest, out, item)) {
        out->item_count--;
        out->branches[out->branch_count - 1].count--;
        if (!parse_items(rest, out, true) || !take_char(rest, ')') || is_repeat(*rest))
            return false;
    }
    if (!captures)
        return true;
    item = add_item(out, ITEM_CLOSE);
    if (item == NULL)
        return false;
    item->group = group;
    return true;
}

static bool parse_escape_class(struct slice *rest, struct url_pattern *out)
{
    struct item *item = add_item(out, ITEM_CLASS);

    if (item == NULL || !add_named_class(item, rest->data[1]))
        return false;
    *rest = slice_from(*rest, 2);
    return parse_repeat(rest, item);
}

static bool parse_items(struct slice *rest, struct url_pattern *out, bool inside)
{
    while (rest->len > 0) {
        struct item *item;
        bool parsed;

        if (rest->data[0] == ')' || rest->data[0] == '|' || rest->data[0] == '$')
            return true;
        if (take_char(rest, '(')) {
            parsed = parse_group(rest, out, inside);
        } else if (rest->data[0] == '[' || rest->data[0] == '.') {
            bool any = rest->data[0] == '.';

            item = add_item(out, ITEM_CLASS);
            if (item == NULL)
                return false;
            *rest = slice_from(*rest, 1);
            if (any) {
                class_add(item, '\n', '\n');
                class_invert(item);
            }
            parsed = (any || parse_class(rest, item)) && parse_repeat(rest, item);
        } else if (rest->data[0] == '\\' && rest->len > 1 && is_alphanumeric(rest->data[1])) {
            parsed = parse_escape_class(rest, out);
        } else {
            parsed = parse_literal(rest, out);
        }
        if (!parsed)
            return false;
    }
    return true;
}

static char literal_first(const struct url_pattern *pattern, unsigned start)
{
    return pattern->literals[start];
}

/* Can the items from `index` on, up to `end`, begin with a byte of the class? */
static bool may_begin_with(const struct url_pattern *pattern, unsigned index, unsigned end,
                           const struct item *class)
{
    for (; index < end; index++) {
        const struct item *item = &pattern->items[index];

        switch (item->type) {
        case ITEM_OPEN:
        case ITEM_CLOSE:
            continue;
        case ITEM_LITERAL:
            return class_has(class, (unsigned char)literal_first(pattern, item->start));
        case ITEM_ONE_OF:
            for (unsigned i = 0; i < item->count; i++)
                if (class_has(class, (unsigned char)literal_first(pattern, item->starts[i])))
                    return true;
            return false;
        case ITEM_CLASS:
            for (unsigned i = 0; i < 4; i++)
                if ((item->bytes[i] & class->bytes[i]) != 0)
                    return true;
            if (item->min > 0)
                return false;
            continue;
        }
    }
    return false;
}

static bool is_prefix_free(const struct url_pattern *pattern, const struct item *item)
{
    for (unsigned i = 0; i < item->count; i++)
        for (unsigned j = 0; j < item->count; j++)
            if (i != j && item->lens[i] <= item->lens[j] &&
                memcmp(pattern->literals + item->starts[i], pattern->literals + item->starts[j],
                       item->lens[i]) == 0)
                return false;
    return true;
}

/* No choice in this branch is ever wrong. */
static bool is_deterministic(const struct url_pattern *pattern, const struct branch *branch)
{
    unsigned end = branch->first + branch->count;

    for (unsigned i = branch->first; i < end; i++) {
        const struct item *item = &pattern->items[i];

        if (item->type == ITEM_CLASS && item->min != item->max &&
            may_begin_with(pattern, i + 1, end, item))
            return false;
        if (item->type == ITEM_ONE_OF && !is_prefix_free(pattern, item))
            return false;
    }
    return branch->count > 0 || branch->at_start;
}

static bool parse_simple(struct slice text, struct url_pattern *out)
{
    struct slice rest = text;

    for (;;) {
        struct branch *branch;

        if (out->branch_count == BRANCHES_MAX)
            return false;
        branch = &out->branches[out->branch_count++];
        *branch = (struct branch){.first = (uint8_t)out->item_count};
        branch->at_start = take_char(&rest, '^');
        if (!parse_items(&rest, out, false))
            return false;
        branch->at_end = take_char(&rest, '$');
        if (!is_deterministic(out, branch))
            return false;
        if (rest.len == 0)
            return true;
        if (!take_char(&rest, '|'))
            return false;
    }
}

/* ---- build ---- */

enum status url_pattern_new_pcre(struct slice text, struct url_pattern **out, struct error *err)
{
    struct url_pattern *pattern = calloc(1, sizeof(*pattern));
    uint32_t groups = 0;
    PCRE2_SIZE at;
    int code;

    if (pattern == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a pattern");
    pattern->code = pcre2_compile((PCRE2_SPTR)(text.len > 0 ? text.data : ""), text.len,
                                  PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
    if (pattern->code == NULL) {
        PCRE2_UCHAR message[120] = "";

        (void)pcre2_get_error_message(code, message, sizeof(message));
        free(pattern);
        return error_set(err, STATUS_INVALID, "byte %zu: %s", (size_t)at, (const char *)message);
    }
    (void)pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE); /* without JIT it is only slower */
    (void)pcre2_pattern_info(pattern->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    pattern->group_count = groups;
    pattern->limits = pcre2_match_context_create(NULL);
    if (pattern->limits == NULL) {
        url_pattern_free(pattern);
        return error_set(err, STATUS_NO_MEMORY, "no memory for a pattern");
    }
    (void)pcre2_set_match_limit(pattern->limits, MATCH_LIMIT);
    (void)pcre2_set_heap_limit(pattern->limits, HEAP_LIMIT_KIB);
    *out = pattern;
    return STATUS_OK;
}

enum status url_pattern_new(struct slice text, struct url_pattern **out, struct error *err)
{
    struct url_pattern *pattern;
    enum status status = url_pattern_new_pcre(text, &pattern, err); /* checks the syntax, too */
    struct url_pattern *simple;

    if (status != STATUS_OK)
        return status;
    simple = calloc(1, sizeof(*simple));
    if (simple != NULL && parse_simple(text, simple)) {
        url_pattern_free(pattern);
        *out = simple;
        return STATUS_OK;
    }
    free(simple);
    *out = pattern;
    return STATUS_OK;
}

void url_pattern_free(struct url_pattern *pattern)
{
    if (pattern == NULL)
        return;
    pcre2_code_free(pattern->code);
    pcre2_match_context_free(pattern->limits);
    free(pattern);
}

bool url_pattern_is_pcre(const struct url_pattern *pattern)
{
    return pattern->code != NULL;
}

unsigned url_pattern_groups(const struct url_pattern *pattern)
{
    return pattern->group_count;
}

struct url_scratch *url_scratch_new(void)
{
    struct url_scratch *scratch = calloc(1, sizeof(*scratch));

    if (scratch == NULL)
        return NULL;
    scratch->data = pcre2_match_data_create(URL_GROUPS_MAX, NULL);
    if (scratch->data == NULL) {
        free(scratch);
        return NULL;
    }
    return scratch;
}

void url_scratch_free(struct url_scratch *scratch)
{
    if (scratch == NULL)
        return;
    pcre2_match_data_free(scratch->data);
    free(scratch);
}

/* ---- match ---- */

static bool match_one_of(const struct url_pattern *pattern, const struct item *item,
                         struct slice text, size_t *at)
{
    for (unsigned i = 0; i < item->count; i++) {
        size_t len = item->lens[i];

        if (text.len - *at >= len &&
            memcmp(text.data + *at, pattern->literals + item->starts[i], len) == 0) {
            *at += len;
            return true;
        }
    }
    return item->or_end && *at == text.len;
}

static bool match_class(const struct item *item, struct slice text, size_t *at)
{
    size_t len = 0;
    size_t max = item->max == REPEAT_MAX ? SIZE_MAX : item->max;

    while (*at + len < text.len && len < max &&
           class_has(item, (unsigned char)text.data[*at + len]))
        len++;
    *at += len;
    return len >= item->min;
}

/* The branch at exactly `at`. */
static bool match_at(const struct url_pattern *pattern, const struct branch *branch,
                     struct slice text, size_t at, struct url_match *out)
{
    size_t start = at;

    for (unsigned i = 0; i < branch->count; i++) {
        const struct item *item = &pattern->items[branch->first + i];

        switch (item->type) {
        case ITEM_LITERAL:
            if (text.len - at < item->len ||
                memcmp(text.data + at, pattern->literals + item->start, item->len) != 0)
                return false;
            at += item->len;
            break;
        case ITEM_CLASS:
            if (!match_class(item, text, &at))
                return false;
            break;
        case ITEM_OPEN:
            out->groups[item->group] = slice_sub(text, at, 0);
            break;
        case ITEM_CLOSE:
            out->groups[item->group].len =
                (size_t)(text.data + at - out->groups[item->group].data);
            break;
        case ITEM_ONE_OF:
            if (!match_one_of(pattern, item, text, &at))
                return false;
            break;
        }
    }
    if (branch->at_end && at != text.len)
        return false;
    out->groups[0] = slice_sub(text, start, at - start);
    return true;
}

/* Where a branch that begins with `first` can start, from `at` on; SIZE_MAX: nowhere. */
static size_t next_start(const struct url_pattern *pattern, const struct item *first,
                         struct slice text, size_t at)
{
    if (first->type == ITEM_LITERAL) {
        size_t found = slice_find(slice_from(text, at),
                                  slice_make(pattern->literals + first->start, first->len));

        return found == SIZE_MAX ? SIZE_MAX : at + found;
    }
    if (first->type != ITEM_CLASS || first->min == 0)
        return at;
    while (at < text.len) {
        size_t len = 0;

        while (len < first->min && at + len < text.len &&
               class_has(first, (unsigned char)text.data[at + len]))
            len++;
        if (len == first->min)
            return at;
        at += len + 1; /* the byte that is not of the class cannot be in a match's start */
    }
    return SIZE_MAX;
}

static bool find_branch(const struct url_pattern *pattern, const struct branch *branch,
                        struct slice text, size_t from, struct url_match *out)
{
    const struct item *first = &pattern->items[branch->first];
    unsigned skipped = 0;

    if (branch->at_start)
        return from == 0 && match_at(pattern, branch, text, 0, out);
    while (skipped + 1U < branch->count && first->type == ITEM_OPEN) {
        first++;
        skipped++;
    }
    for (size_t at = from; at <= text.len; at++) {
        at = next_start(pattern, first, text, at);
        if (at == SIZE_MAX)
            return false;
        if (match_at(pattern, branch, text, at, out))
            return true;
    }
    return false;
}

static void clear(struct url_match *out)
{
    for (unsigned i = 0; i < URL_GROUPS_MAX; i++)
        out->groups[i] = (struct slice){NULL, 0};
}

static bool find_pcre(const struct url_pattern *pattern, struct url_scratch *scratch,
                      struct slice text, size_t from, struct url_match *out)
{
    int count = pcre2_match(pattern->code, (PCRE2_SPTR)text.data, text.len, from, 0,
                            scratch->data, pattern->limits);
    const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(scratch->data);

    if (count < 0)
        return false;
    if (count == 0) /* more groups than there is room for */
        count = URL_GROUPS_MAX;
    clear(out);
    for (int i = 0; i < count; i++)
        if (offsets[2 * i] != PCRE2_UNSET && offsets[2 * i + 1] >= offsets[2 * i])
            out->groups[i] =
                slice_sub(text, offsets[2 * i], offsets[2 * i + 1] - offsets[2 * i]);
    return true;
}

bool url_pattern_find(const struct url_pattern *pattern, struct url_scratch *scratch,
                      struct slice text, size_t from, struct url_match *out)
{
    bool found = false;

    if (text.data == NULL)
        text = SLICE_LITERAL("");
    if (pattern->code != NULL)
        return find_pcre(pattern, scratch, text, from, out);
    clear(out);
    for (unsigned i = 0; i < pattern->branch_count; i++) {
        struct url_match match;

        clear(&match);
        if (find_branch(pattern, &pattern->branches[i], text, from, &match) &&
            (!found || match.groups[0].data < out->groups[0].data)) {
            *out = match;
            found = true;
        }
    }
    return found;
}
