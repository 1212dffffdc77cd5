/* query/cli/matcher.c -- three ways to the next matching line of a buffer:
 *
 *   one plain text   search the buffer for it; the line around the first occurrence matches, with
 *                    -w if no word byte is beside it
 *   a regex that needs a text (regex_superset(), or one that we find ourselves) -- search for the
 *                    text, then let the regex decide about the line around it
 *   any other regex  run it over the whole buffer (?m); since it might match across lines (\s, \W),
 *                    the line where such a match begins must match by itself. Perl's own, whose
 *                    options we do not know, go line by line
 *
 * -x, -w and folding are in the regex. POSIX wants the longest of the leftmost matches, PCRE2 gives
 * the first: where there are alternatives, its second matcher (pcre2_dfa_match, which knows all
 * matches at a place) is asked for the end. */
#include "query/cli/matcher.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include "store/kernels/kernels.h"

#include <pcre2.h>
#include <stdlib.h>

enum { DFA_WORKSPACE_COUNT = 4096, NEEDLE_ARENA_SIZE_MAX = 8 << 20 };

struct matcher {
    const struct grep_pattern *pattern;
    struct regex *regex;  /* NULL: matches all or none, or a plain text decides */
    struct slice needle;  /* every matching line has it; "": none known */
    bool needle_folds;    /* in lower case, to be searched folded */
    bool needle_decides;  /* a line that has it matches; with -w, if no word byte is beside it */
    struct regex *across; /* the regex with (?m), for whole buffers; or NULL */
    pcre2_code *longest;  /* NULL: the first match is the longest */
    struct arena arena;   /* texts of the needle */
};

/* ---- making ---- */

/* The longest text that a tree of substring tests always asks for. */
static void find_needle(const struct predicate *need, struct slice *best, bool *folds)
{
    if (need == NULL)
        return;
    if (need->kind == PRED_TEXT && need->match == TEXT_SUBSTRING && need->text.len > best->len) {
        *best = need->text;
        *folds = need->fold_case;
    }
    for (uint32_t i = 0; need->kind == PRED_AND && i < need->child_count; i++)
        find_needle(need->children[i], best, folds);
}

/* Folding goes by ASCII, and find_fold() wants lower case. */
static void lower(struct matcher *matcher)
{
    struct slice copy = arena_copy(&matcher->arena, matcher->needle);

    for (size_t i = 0; i < copy.len; i++)
        ((char *)(uintptr_t)copy.data)[i] = fold_byte(copy.data[i]);
    matcher->needle = copy;
}

static void choose_needle(struct matcher *matcher)
{
    const struct grep_pattern *pattern = matcher->pattern;
    const struct grep_pattern_options *options = &pattern->options;

    if (pattern->texts != NULL && pattern->text_count == 1) {
        matcher->needle = pattern->texts[0];
        matcher->needle_folds = options->fold_case;
        matcher->needle_decides = matcher->needle.len > 0 && !options->whole_line;
    } else {
        unsigned flags = options->fold_case ? REGEX_FOLD_CASE : 0;

        find_needle(regex_superset(pattern->choices, flags, FIELD_ID_MSG, &matcher->arena, NULL),
                    &matcher->needle, &matcher->needle_folds);
    }
    if (matcher->needle_folds)
        lower(matcher);
}

/* For lines without a needle. Anchors of the whole text would mean the whole buffer. */
static enum status compile_across(struct matcher *matcher, struct error *err)
{
    const struct grep_pattern *pattern = matcher->pattern;
    struct buf text = buf_empty(GREP_PATTERN_SIZE_MAX);
    enum status status;

    if (matcher->needle.len > 0 || pattern->options.syntax == GREP_PERL ||
        pattern->options.nul_ends || slice_find(pattern->regex, SLICE_LITERAL("\\A")) != SIZE_MAX ||
        slice_find(pattern->regex, SLICE_LITERAL("\\z")) != SIZE_MAX)
        return STATUS_OK;
    buf_append_text(&text, "(?m)");
    buf_append_slice(&text, pattern->regex);
    status = buf_check(&text, "the patterns", err);
    if (status == STATUS_OK)
        status = regex_new(buf_slice(&text), pattern->options.fold_case ? REGEX_FOLD_CASE : 0,
                           &matcher->across, NULL, err);
    buf_release(&text);
    return status;
}

static void compile_longest(struct matcher *matcher)
{
    const struct grep_pattern *pattern = matcher->pattern;
    int code;
    size_t at;

    if (!pattern->has_choice || pattern->options.syntax == GREP_PERL)
        return;
    matcher->longest = pcre2_compile(
        (PCRE2_SPTR)pattern->regex.data, pattern->regex.len,
        PCRE2_NEVER_UTF | (pattern->options.fold_case ? PCRE2_CASELESS : 0), &code, &at, NULL);
}

static enum status compile(struct matcher *matcher, struct error *err)
{
    const struct grep_pattern *pattern = matcher->pattern;
    unsigned flags = pattern->options.fold_case ? REGEX_FOLD_CASE : 0;
    enum status status;

    if (pattern->matches_none)
        return STATUS_OK;
    status = regex_new(pattern->regex, flags, &matcher->regex, NULL, err);
    if (status != STATUS_OK)
        return status;
    choose_needle(matcher);
    compile_longest(matcher);
    return compile_across(matcher, err);
}

enum status matcher_new(const struct grep_pattern *pattern, struct matcher **out, struct error *err)
{
    struct matcher *matcher = calloc(1, sizeof(*matcher));
    enum status status;

    if (matcher == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a pattern");
    matcher->pattern = pattern;
    matcher->arena = arena_empty(NEEDLE_ARENA_SIZE_MAX);
    status = compile(matcher, err);
    if (status == STATUS_OK)
        *out = matcher;
    else
        matcher_free(matcher);
    return status;
}

void matcher_free(struct matcher *matcher)
{
    if (matcher == NULL)
        return;
    regex_free(matcher->regex);
    regex_free(matcher->across);
    pcre2_code_free(matcher->longest);
    arena_release(&matcher->arena);
    free(matcher);
}

/* ---- one line ---- */

static size_t find_needle_in(const struct matcher *matcher, struct slice text, size_t from)
{
    return matcher->needle_folds ? kernels()->find_fold(text, matcher->needle, from)
                                 : kernels()->find(text, matcher->needle, from);
}

static bool is_alone(const struct matcher *matcher, struct slice text, size_t at)
{
    size_t behind = at + matcher->needle.len;

    return (at == 0 || !grep_is_word(text.data[at - 1])) &&
           (behind >= text.len || !grep_is_word(text.data[behind]));
}

/* A place of the needle that is a match, if the needle decides. */
static size_t find_deciding(const struct matcher *matcher, struct slice text, size_t from)
{
    size_t at = find_needle_in(matcher, text, from);

    while (at != SIZE_MAX && matcher->pattern->options.words && !is_alone(matcher, text, at))
        at = find_needle_in(matcher, text, at + 1);
    return at;
}

/* The end of the longest match that starts at span->start; as it is where the pattern has
 * something (back references) that this matcher does not know. */
static void lengthen(const struct matcher *matcher, struct slice line, struct regex_span *span)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int workspace[DFA_WORKSPACE_COUNT];
    const size_t *offsets;
    int found;

    if (data == NULL)
        return;
    found = pcre2_dfa_match(matcher->longest, (PCRE2_SPTR)line.data, line.len, span->start,
                            PCRE2_ANCHORED, data, NULL, workspace, DFA_WORKSPACE_COUNT);
    offsets = pcre2_get_ovector_pointer(data);
    if (found >= 0 && offsets[1] > span->end) /* 0: more matches than the one place we gave it */
        span->end = offsets[1];
    pcre2_match_data_free(data);
}

bool matcher_find(const struct matcher *matcher, struct slice line, size_t from,
                  struct regex_span *out)
{
    if (from > line.len || matcher->regex == NULL)
        return false;
    if (matcher->needle_decides) {
        size_t at = find_deciding(matcher, line, from);

        *out = (struct regex_span){at, at + matcher->needle.len};
        return at != SIZE_MAX;
    }
    if (!regex_find(matcher->regex, line, from, out, 1))
        return false;
    if (matcher->longest != NULL && line.len > 0)
        lengthen(matcher, line, out);
    return true;
}

/* ---- a buffer ---- */

static size_t line_start(struct slice text, size_t from, size_t at, char end)
{
    const char *found = at == from ? NULL : memrchr(text.data + from, end, at - from);

    return found == NULL ? from : (size_t)(found - text.data) + 1;
}

static size_t line_stop(struct slice text, size_t at, char end)
{
    const char *found = at >= text.len ? NULL : memchr(text.data + at, end, text.len - at);

    return found == NULL ? text.len : (size_t)(found - text.data);
}

/* The next line that has the needle and that the regex agrees to. */
static bool next_by_needle(const struct matcher *matcher, struct slice text, size_t from, char end,
                           size_t *start, size_t *stop)
{
    while (from < text.len) {
        size_t at = matcher->needle_decides ? find_deciding(matcher, text, from)
                                            : find_needle_in(matcher, text, from);

        if (at == SIZE_MAX)
            return false;
        *start = line_start(text, from, at, end);
        *stop = line_stop(text, at, end);
        /* With -z a needle cannot hold the end; with newlines neither, as patterns end there. */
        if (matcher->needle_decides ||
            regex_match(matcher->regex, slice_sub(text, *start, *stop - *start)))
            return true;
        from = *stop + 1;
    }
    return false;
}

/* Line by line. */
static bool next_by_line(const struct matcher *matcher, struct slice text, size_t from, char end,
                         size_t *start, size_t *stop)
{
    while (from < text.len) {
        *start = from;
        *stop = line_stop(text, from, end);
        if (matcher->pattern->matches_all ||
            regex_match(matcher->regex, slice_sub(text, from, *stop - from)))
            return true;
        from = *stop + 1;
    }
    return false;
}

static bool next_across(const struct matcher *matcher, struct slice text, size_t from, char end,
                        size_t *start, size_t *stop)
{
    uint64_t given_up = regex_over_limit(matcher->across);
    struct regex_span span;

    /* The newline at the end of the text is no start of a line. */
    while (from < text.len && regex_find(matcher->across, text, from, &span, 1) &&
           span.start < text.len) {
        *start = line_start(text, from, span.start, end);
        *stop = line_stop(text, span.start, end);
        if (regex_match(matcher->regex, slice_sub(text, *start, *stop - *start)))
            return true;
        from = *stop + 1;
    }
    /* A buffer may be too much for the limits where its lines are not. */
    return regex_over_limit(matcher->across) != given_up &&
           next_by_line(matcher, text, from, end, start, stop);
}

bool matcher_next_line(const struct matcher *matcher, struct slice text, size_t from, char end,
                       size_t *start, size_t *stop)
{
    if (matcher->needle.len > 0)
        return next_by_needle(matcher, text, from, end, start, stop);
    if (matcher->pattern->matches_none)
        return false;
    if (matcher->across != NULL && !matcher->pattern->matches_all)
        return next_across(matcher, text, from, end, start, stop);
    return next_by_line(matcher, text, from, end, start, stop);
}

uint64_t matcher_over_limit(const struct matcher *matcher)
{
    return matcher->regex == NULL ? 0 : regex_over_limit(matcher->regex);
}
