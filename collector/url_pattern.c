/* collector/url_pattern.c -- build and match patterns: a simple one item by item, any other with
 * PCRE2. */
#include "collector/url_pattern_private.h"

#include <stdlib.h>

enum {
    MATCH_LIMIT = 20000, /* PCRE2 steps per match: enough for URLs, ends bad patterns */
    HEAP_LIMIT_KIB = 256,
};

struct url_scratch {
    pcre2_match_data *data;
};

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
    struct url_pattern *pattern = NULL;
    enum status status = url_pattern_new_pcre(text, &pattern, err); /* checks the syntax, too */
    struct url_pattern *simple;

    if (status != STATUS_OK)
        return status;
    simple = calloc(1, sizeof(*simple));
    if (simple != NULL && url_pattern_parse(text, simple)) {
        url_pattern_free(pattern);
        url_pattern_find_needs(simple);
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

        if (text.len - *at >= len && text.data[*at] == pattern->literals[item->starts[i]] &&
            memcmp(text.data + *at, pattern->literals + item->starts[i], len) == 0) {
            *at += len;
            return true;
        }
    }
    return item->or_end && *at == text.len;
}

/* How many bytes at the front are of the class, `max` at most; four at a time, since ids are long. */
static size_t class_run(const struct item *item, const char *text, size_t max)
{
    const unsigned char *bytes = (const unsigned char *)text;
    const bool *has = item->has;
    size_t len = 0;

    while (max - len >= 4 && (has[bytes[len]] & has[bytes[len + 1]] & has[bytes[len + 2]] &
                              has[bytes[len + 3]]))
        len += 4;
    while (len < max && has[bytes[len]])
        len++;
    return len;
}

static bool match_class(const struct item *item, struct slice text, size_t *at)
{
    size_t left = text.len - *at;
    size_t max = item->max == REPEAT_MAX || item->max > left ? left : item->max;
    size_t len;

    if (item->all_but >= 0 && item->max == REPEAT_MAX) { /* [^/]+, the commonest one */
        struct slice rest = slice_from(text, *at);

        const char *end = rest.len == 0 ? NULL : memchr(rest.data, item->all_but, rest.len);

        len = end == NULL ? rest.len : (size_t)(end - rest.data);
        *at += len;
        return len >= item->min;
    }
    len = class_run(item, text.data + *at, max);
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
            if (text.len - at < item->len || text.data[at] != pattern->literals[item->start] ||
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
            out->groups[item->group].len = (size_t)(text.data + at - out->groups[item->group].data);
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

/* The literal at `at` or behind it. memmem() would build a table per call; URLs are short, so
 * looking for one byte that is rare in them is faster. */
static size_t find_literal(const struct url_pattern *pattern, const struct item *item,
                           struct slice text, size_t at)
{
    const char *literal = pattern->literals + item->start;
    size_t from = at + item->rare;

    while (from < text.len) {
        const char *found = memchr(text.data + from, literal[item->rare], text.len - from);

        if (found == NULL)
            return SIZE_MAX;
        from = (size_t)(found - text.data);
        if (text.len - (from - item->rare) < item->len)
            return SIZE_MAX;
        if (text.data[from - item->rare] == literal[0] &&
            memcmp(text.data + from - item->rare, literal, item->len) == 0)
            return from - item->rare;
        from++;
    }
    return SIZE_MAX;
}

/* Where a branch that begins with `first` can start, from `at` on; SIZE_MAX: nowhere. */
static size_t next_start(const struct url_pattern *pattern, const struct item *first,
                         struct slice text, size_t at)
{
    if (first->type == ITEM_LITERAL)
        return find_literal(pattern, first, text, at);
    if (first->type != ITEM_CLASS || first->min == 0)
        return at;
    while (at + first->min <= text.len) {
        size_t len = first->min;

        while (len > 0 && first->has[(unsigned char)text.data[at + len - 1]])
            len--;
        if (len == 0)
            return at;
        at += len; /* a byte that is not of the class cannot be in a match's start */
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

static void clear_from(struct url_match *out, unsigned group)
{
    for (; group < URL_GROUPS_MAX; group++)
        out->groups[group] = (struct slice){NULL, 0};
}

static bool find_pcre(const struct url_pattern *pattern, struct url_scratch *scratch,
                      struct slice text, size_t from, struct url_match *out)
{
    int count = pcre2_match(pattern->code, (PCRE2_SPTR)text.data, text.len, from, 0, scratch->data,
                            pattern->limits);
    const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(scratch->data);

    if (count < 0)
        return false;
    if (count == 0) /* more groups than there is room for */
        count = URL_GROUPS_MAX;
    clear_from(out, 0);
    for (size_t i = 0; i < (size_t)count; i++)
        if (offsets[2 * i] != PCRE2_UNSET && offsets[2 * i + 1] >= offsets[2 * i])
            out->groups[i] = slice_sub(text, offsets[2 * i], offsets[2 * i + 1] - offsets[2 * i]);
    return true;
}

/* Groups of the branches that did not match are empty. */
static bool find_any_branch(const struct url_pattern *pattern, struct slice text, size_t from,
                            struct url_match *out)
{
    bool found = false;

    for (unsigned i = 0; i < pattern->branch_count; i++) {
        struct url_match match;

        clear_from(&match, 0);
        if (find_branch(pattern, &pattern->branches[i], text, from, &match) &&
            (!found || match.groups[0].data < out->groups[0].data)) {
            *out = match;
            found = true;
        }
    }
    return found;
}

bool url_pattern_find(const struct url_pattern *pattern, struct url_scratch *scratch,
                      struct slice text, size_t from, struct url_match *out)
{
    if (text.data == NULL)
        text = SLICE_LITERAL("");
    if (pattern->code != NULL)
        return find_pcre(pattern, scratch, text, from, out);
    if (pattern->branch_count > 1)
        return find_any_branch(pattern, text, from, out);
    return find_branch(pattern, &pattern->branches[0], text, from, out); /* it sets all groups */
}
