/* query/cli/grep_pattern.c -- pattern lists to one regex, and from there to a filter. */
#include "query/cli/grep_pattern.h"

#include "query/cli/posix_regex.h"
#include "query/lexer.h"

/* What -w looks for on both sides: the bytes of grep_is_word(). */
#define WORD_BYTES "[0-9A-Za-z_\\x80-\\xff]"

struct maker {
    const struct grep_pattern_options *options;
    struct arena *arena;
    struct buf regex, plain;
    struct slice *texts;
    size_t count;
    bool all_plain, any_empty;
    uint32_t group_count;
    struct error *err;
};

static enum status add_posix(struct maker *maker, struct slice pattern)
{
    const struct posix_regex options = {.extended = maker->options->syntax == GREP_EXTENDED,
                                        .newlines_match = maker->options->nul_ends,
                                        .group_base = maker->group_count};
    struct posix_translation made = {.regex = &maker->regex, .plain = &maker->plain};
    enum status status;

    buf_reset(&maker->plain);
    status = posix_regex_translate(&options, pattern, &made, maker->err);
    maker->group_count += made.group_count;
    if (status == STATUS_OK && made.is_plain)
        maker->texts[maker->count] = arena_copy(maker->arena, buf_slice(&maker->plain));
    else
        maker->all_plain = false;
    return status;
}

/* Signs that mean something in PCRE2; without one a pattern is its own text. */
static bool is_plain_perl(struct slice pattern)
{
    for (size_t i = 0; i < pattern.len; i++)
        if (strchr("\\^$.[|()?*+{", pattern.data[i]) != NULL) /* NUL too: strchr finds it */
            return false;
    return true;
}

static enum status add_pattern(struct maker *maker, struct slice pattern)
{
    enum status status = STATUS_OK;

    if (maker->count == GREP_PATTERNS_MAX)
        return error_set(maker->err, STATUS_TOO_LARGE, "more than %d patterns", GREP_PATTERNS_MAX);
    buf_append_text(&maker->regex, maker->count > 0 ? "|(?:" : "(?:");
    maker->any_empty |= pattern.len == 0;
    switch (maker->options->syntax) {
    case GREP_BASIC:
    case GREP_EXTENDED:
        status = add_posix(maker, pattern);
        break;
    case GREP_PERL:
        buf_append_slice(&maker->regex, pattern);
        maker->texts[maker->count] = pattern;
        maker->all_plain = maker->all_plain && is_plain_perl(pattern);
        break;
    case GREP_FIXED:
        posix_regex_quote(&maker->regex, pattern);
        maker->texts[maker->count] = pattern;
        break;
    }
    buf_append_byte(&maker->regex, ')');
    maker->count++;
    return status;
}

/* One pattern per line; "a\n" is an `a` and an empty pattern. */
static enum status add_list(struct maker *maker, struct slice list)
{
    enum status status = STATUS_OK;
    struct slice rest = list, one;

    while (status == STATUS_OK && slice_cut(&rest, '\n', &one))
        status = add_pattern(maker, one);
    return status == STATUS_OK ? add_pattern(maker, rest) : status;
}

static size_t count_patterns(const struct slice *lists, size_t count)
{
    size_t patterns = count;

    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < lists[i].len; at++)
            patterns += lists[i].data[at] == '\n';
    return patterns;
}

/* Put what -w and -x ask for around the choices. */
static void put_around(const struct maker *maker, struct buf *out)
{
    const struct grep_pattern_options *options = maker->options;

    if (options->whole_line)
        buf_append_text(out, "^(?:");
    else if (options->words)
        buf_append_text(out, "(?<!" WORD_BYTES ")(?:");
    buf_append_slice(out, buf_slice(&maker->regex));
    if (options->whole_line)
        buf_append_text(out, ")$");
    else if (options->words)
        buf_append_text(out, ")(?!" WORD_BYTES ")");
}

static enum status finish(struct maker *maker, struct grep_pattern *out)
{
    struct buf whole = buf_empty(GREP_PATTERN_SIZE_MAX);
    enum status status;

    put_around(maker, &whole);
    status = buf_check(&whole, "the patterns", maker->err);
    *out = (struct grep_pattern){
        .options = *maker->options,
        .matches_none = maker->count == 0,
        .matches_all = maker->any_empty && !maker->options->words && !maker->options->whole_line,
        .texts = maker->all_plain ? maker->texts : NULL,
        .text_count = maker->count,
        .has_choice =
            maker->count > 1 || slice_find_byte(buf_slice(&maker->regex), '|') != SIZE_MAX,
    };
    if (status == STATUS_OK && !out->matches_none)
        out->regex = arena_copy(maker->arena, buf_slice(&whole));
    if (status == STATUS_OK && !out->matches_none)
        out->choices = arena_copy(maker->arena, buf_slice(&maker->regex));
    if (status == STATUS_OK && maker->arena->failed)
        status = error_set(maker->err, STATUS_NO_MEMORY, "no memory for the patterns");
    buf_release(&whole);
    return status;
}

enum status grep_pattern_make(const struct grep_pattern_options *options, const struct slice *lists,
                              size_t count, struct arena *arena, struct grep_pattern *out,
                              struct error *err)
{
    struct maker maker = {.options = options,
                          .arena = arena,
                          .regex = buf_empty(GREP_PATTERN_SIZE_MAX),
                          .plain = buf_empty(GREP_PATTERN_SIZE_MAX),
                          .texts = arena_new(arena, struct slice, count_patterns(lists, count) + 1),
                          .all_plain = true,
                          .err = err};
    enum status status = STATUS_OK;

    if (maker.texts == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the patterns");
    for (size_t i = 0; status == STATUS_OK && i < count; i++)
        status = add_list(&maker, lists[i]);
    if (status == STATUS_OK && options->syntax == GREP_PERL && maker.count > 1)
        status = error_set(err, STATUS_INVALID, "the -P option only supports a single pattern");
    if (status == STATUS_OK)
        status = finish(&maker, out);
    buf_release(&maker.regex);
    buf_release(&maker.plain);
    return status;
}

/* ---- as a filter ---- */

/* A phrase of the language is a word of grep if both its ends are word bytes; elsewhere grep wants
 * a boundary, too. */
static bool is_phrase(struct slice text)
{
    return text.len > 0 && grep_is_word(text.data[0]) && grep_is_word(text.data[text.len - 1]);
}

static bool fits_text_filters(const struct grep_pattern *pattern)
{
    if (pattern->texts == NULL || pattern->options.whole_line)
        return false;
    for (size_t i = 0; i < pattern->text_count && pattern->options.words; i++)
        if (!is_phrase(pattern->texts[i]))
            return false;
    return true;
}

static void put_text_filter(const struct grep_pattern *pattern, struct slice text, struct buf *out)
{
    bool fold = pattern->options.fold_case, star = !pattern->options.words;

    buf_append_text(out, fold ? "i(" : "");
    buf_append_text(out, star ? "*" : "");
    lexer_quote(out, text);
    buf_append_text(out, star ? "*" : "");
    buf_append_text(out, fold ? ")" : "");
}

bool grep_pattern_filter(const struct grep_pattern *pattern, struct buf *out)
{
    struct buf regex = buf_empty(GREP_PATTERN_SIZE_MAX);

    if (pattern->matches_none) {
        buf_append_text(out, "not *");
    } else if (pattern->matches_all) {
        buf_append_byte(out, '*');
    } else if (fits_text_filters(pattern)) {
        buf_append_text(out, pattern->text_count > 1 ? "(" : "");
        for (size_t i = 0; i < pattern->text_count; i++) {
            buf_append_text(out, i > 0 ? " or " : "");
            put_text_filter(pattern, pattern->texts[i], out);
        }
        buf_append_text(out, pattern->text_count > 1 ? ")" : "");
    } else { /* (?m): the lines of an event are lines to grep */
        buf_append_text(&regex, pattern->options.fold_case ? "(?im)" : "(?m)");
        buf_append_slice(&regex, pattern->regex);
        buf_append_byte(out, '~');
        lexer_quote(out, buf_slice(&regex));
    }
    out->failed |= regex.failed;
    buf_release(&regex);
    return !out->failed;
}
