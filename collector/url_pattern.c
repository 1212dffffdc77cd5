/* collector/url_pattern.c -- build and match patterns: a simple one item by item, any other with
 * PCRE2. */
#include "collector/url_pattern_private.h"

#include <stdlib.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

bool url_pattern_is_single(const struct url_pattern *pattern)
{
    return pattern->code == NULL && pattern->branch_count == 1;
}

static bool has_slash(const struct url_pattern *pattern, unsigned start, unsigned len)
{
    return slice_find_byte(slice_make(pattern->literals + start, len), '/') != SIZE_MAX;
}

/* Can the item eat a slash, but for the first byte of a literal that is `first`? */
static bool eats_slash(const struct url_pattern *pattern, const struct item *item, bool first)
{
    switch (item->type) {
    case ITEM_LITERAL:
        return has_slash(pattern, item->start + first, item->len - first);
    case ITEM_CLASS:
        return class_has(item, '/');
    case ITEM_ONE_OF:
        for (unsigned i = 0; i < item->count; i++)
            if (has_slash(pattern, item->starts[i], item->lens[i]))
                return true;
        return false;
    case ITEM_OPEN:
    case ITEM_CLOSE:
        return false;
    }
    return true;
}

bool url_pattern_is_segment(const struct url_pattern *pattern)
{
    const struct branch *branch = &pattern->branches[0];
    bool first = true;

    if (!url_pattern_is_single(pattern) || branch->at_start)
        return false;
    for (unsigned i = 0; i < branch->count; i++) {
        const struct item *item = &pattern->items[branch->first + i];

        if (eats_slash(pattern, item, first))
            return false;
        first = first && (item->type == ITEM_OPEN || item->type == ITEM_CLOSE);
    }
    return true;
}

unsigned url_pattern_run_min(const struct url_pattern *pattern)
{
    const struct branch *branch = &pattern->branches[0];
    const struct item *item = &pattern->items[branch->first];

    if (!url_pattern_is_single(pattern) || branch->at_start || branch->at_end ||
        branch->count != 1 || item->type != ITEM_CLASS || item->max != REPEAT_MAX)
        return 0;
    return item->min;
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

/* Do the bytes at `text`, of which `left` may be read, begin with the literal? Without a call: most
 * literals are a few bytes long. */
static inline bool has_literal(const char *text, size_t left, const char *literal, size_t len)
{
    if (left < len || text[0] != literal[0])
        return false;
    for (size_t i = 1; i < len; i++)
        if (text[i] != literal[i])
            return false;
    return true;
}

static inline bool match_one_of(const struct url_pattern *pattern, const struct item *item,
                                struct slice text, size_t *at)
{
    for (unsigned i = 0; i < item->count; i++) {
        size_t len = item->lens[i];

        if (has_literal(text.data + *at, text.len - *at, pattern->literals + item->starts[i],
                        len)) {
            *at += len;
            return true;
        }
    }
    return item->or_end && *at == text.len;
}

#ifdef __SSE2__
/* Bit i: byte i of sixteen is of the class. */
static inline unsigned class_mask(const struct item *item, const char *text)
{
    const __m128i bytes = _mm_loadu_si128((const void *)text);
    __m128i in = _mm_setzero_si128();

    if (item->all_but >= 0) { /* [^/], the commonest one */
        in = _mm_cmpeq_epi8(bytes, _mm_set1_epi8((char)item->all_but));
        return (unsigned)_mm_movemask_epi8(in) ^ 0xffff;
    }

    for (unsigned i = 0; i < item->range_count; i++) {
        __m128i first = _mm_loadu_si128((const void *)item->range_first[i]);
        __m128i span = _mm_loadu_si128((const void *)item->range_span[i]);
        __m128i above = _mm_sub_epi8(bytes, first);

        in = _mm_or_si128(in, _mm_cmpeq_epi8(_mm_min_epu8(above, span), above));
    }
    return (unsigned)_mm_movemask_epi8(in);
}
#endif

/* How many bytes at the front are of the class, `max` at most. Sixteen at once: ids are long. */
static inline size_t class_run(const struct item *item, const char *text, size_t max)
{
    const unsigned char *bytes = (const unsigned char *)text;
    const bool *has = item->has;
    size_t len = 0;

#ifdef __SSE2__
    for (; item->range_count > 0 && max - len >= 16; len += 16) {
        unsigned mask = class_mask(item, text + len);

        if (mask != 0xffff)
            return len + (unsigned)__builtin_ctz(~mask);
    }
#endif
    while (len < max && has[bytes[len]])
        len++;
    return len;
}

static inline bool match_class(const struct item *item, struct slice text, size_t *at)
{
    size_t left = text.len - *at;
    size_t max = item->max == REPEAT_MAX || item->max > left ? left : item->max;
    size_t len = class_run(item, text.data + *at, max);

    *at += len;
    return len >= item->min;
}

/* The branch at exactly `at`. */
static bool match_at(const struct url_pattern *pattern, const struct branch *branch,
                     struct slice text, size_t at, struct url_match *out)
{
    const struct item *item = &pattern->items[branch->first];
    const struct item *end = item + branch->count;
    size_t start = at;

    for (; item < end; item++) {
        switch (item->type) {
        case ITEM_LITERAL:
            if (!has_literal(text.data + at, text.len - at, pattern->literals + item->start,
                             item->len))
                return false;
            at += item->len;
            break;
        case ITEM_CLASS:
            if (!match_class(item, text, &at))
                return false;
            break;
        case ITEM_OPEN:
            out->groups[item->group].data = text.data + at;
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
    out->groups[0] = (struct slice){text.data + start, at - start};
    return true;
}

/* The literal at `at` or behind it. memmem() would build a table per call; URLs are short, so
 * looking for the two bytes that are rare in them is faster. */
static inline size_t find_literal(const struct url_pattern *pattern, const struct item *item,
                                  struct slice text, size_t at)
{
    const char *literal = pattern->literals + item->start;
    size_t rare = item->rare;
    size_t from = at + rare; /* of the rare byte */

#ifdef __SSE2__
    const __m128i wanted = _mm_set1_epi8(literal[rare]), first = _mm_set1_epi8(literal[0]);

    for (; from + 16 <= text.len; from += 16) {
        const char *bytes = text.data + from;
        unsigned mask = (unsigned)_mm_movemask_epi8(
            _mm_and_si128(_mm_cmpeq_epi8(_mm_loadu_si128((const void *)bytes), wanted),
                          _mm_cmpeq_epi8(_mm_loadu_si128((const void *)(bytes - rare)), first)));

        for (; mask != 0; mask &= mask - 1) {
            size_t start = from + (unsigned)__builtin_ctz(mask) - rare;

            if (has_literal(text.data + start, text.len - start, literal, item->len))
                return start;
        }
    }
#endif
    for (; from < text.len; from++)
        if (text.data[from] == literal[rare] &&
            has_literal(text.data + from - rare, text.len - (from - rare), literal, item->len))
            return from - rare;
    return SIZE_MAX;
}

/* Where a branch that begins with `first` can start, from `at` on; SIZE_MAX: nowhere. */
static inline size_t next_start(const struct url_pattern *pattern, const struct item *first,
                                struct slice text, size_t at)
{
    if (first->type == ITEM_LITERAL)
        return find_literal(pattern, first, text, at);
    if (first->type != ITEM_CLASS || first->min == 0)
        return at;
    while (at + first->min <= text.len) {
        size_t len = first->min;

        /* From its end: one look tells that none of these bytes can be the first. */
        while (len > 0 && first->has[(unsigned char)text.data[at + len - 1]])
            len--;
        if (len == 0)
            return at;
        at += len; /* a byte that is not of the class cannot be in a match's start */
    }
    return SIZE_MAX;
}

static inline bool find_branch(const struct url_pattern *pattern, const struct branch *branch,
                               struct slice text, size_t from, struct url_match *out)
{
    const struct item *first = &pattern->items[branch->first];

    if (branch->at_start)
        return from == 0 && match_at(pattern, branch, text, 0, out);
    if (branch->count > 1 && first->type == ITEM_OPEN)
        first++;
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
    if (from > text.len || text.len - from < pattern->len_min)
        return false;
    /* It sets all groups. */
    return find_branch(pattern, &pattern->branches[0], text, from, out);
}

bool url_pattern_find_run(const struct url_pattern *pattern, struct slice text, size_t from,
                          struct slice *out)
{
    const struct item *item = &pattern->items[pattern->branches[0].first];
    size_t at;

    if (from > text.len || text.len - from < item->min)
        return false;
    at = next_start(pattern, item, text, from);
    if (at == SIZE_MAX)
        return false;
    *out = slice_make(text.data + at, item->min);
    out->len += class_run(item, text.data + at + item->min, text.len - at - item->min);
    return true;
}
