/* tests/fuzz/fuzz_posix_regex.c -- patterns of users, translated for PCRE2.
 *
 *   byte 0    bit 0: extended
 *   then      the pattern, up to a newline
 *   then      the subject
 * Checked: any pattern is refused with a sentence or gives one that PCRE2 takes; a plain one is
 * found as its text; and for ASCII, regcomp() and regexec() of libc find a match where we do. */
#include "query/cli/posix_regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    PATTERN_SIZE_MAX = 40, /* libc backtracks: longer ones take minutes */
    SUBJECT_SIZE_MAX = 40,
    OUT_SIZE_MAX = 1 << 20,
    MATCH_LIMIT = 100000,
};

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* 1 match, 0 none, -1 over a limit. */
static int match_pcre(struct slice pattern, struct slice subject)
{
    int code;
    PCRE2_SIZE at;
    pcre2_code *regex = pcre2_compile((PCRE2_SPTR)(pattern.len > 0 ? pattern.data : ""),
                                      pattern.len, PCRE2_NEVER_UTF, &code, &at, NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    pcre2_match_data *found;

    if (regex == NULL) { /* only for what POSIX does not limit: size, and repeated groups */
        require(code == PCRE2_ERROR_PATTERN_TOO_LARGE || code == PCRE2_ERROR_QUANTIFIER_TOO_BIG ||
                code == PCRE2_ERROR_PARENTHESES_NEST_TOO_DEEP ||
                code == PCRE2_ERROR_PATTERN_TOO_COMPLICATED);
        pcre2_match_context_free(limits);
        return -1;
    }
    found = pcre2_match_data_create_from_pattern(regex, NULL);
    pcre2_set_match_limit(limits, MATCH_LIMIT);
    code = pcre2_match(regex, (PCRE2_SPTR)(subject.len > 0 ? subject.data : ""), subject.len, 0, 0,
                       found, limits);
    pcre2_match_data_free(found);
    pcre2_match_context_free(limits);
    pcre2_code_free(regex);
    return code >= 0 ? 1 : code == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

static bool is_printable(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] < ' ' || text.data[i] > '~')
            return false;
    return true;
}

/* Where the two are known to differ: back references (libc's are not exact), what POSIX leaves
 * undefined and each program reads its own way (escapes of ordinary letters, repetitions of
 * nothing or of repetitions, signs of a line's ends in the midst), and counts that make libc slow. */
static bool is_comparable(struct slice pattern)
{
    for (size_t i = 0; i < pattern.len; i++) {
        char c = pattern.data[i], before = i > 0 ? pattern.data[i - 1] : '\0';

        if (c == '{' || c == '[')
            return false;
        if (before == '\\' && strchr(".[]*^$\\+?(){}|", c) == NULL)
            return false;
        if (strchr("*+?", c) != NULL && (before == '\0' || strchr("*+?(|^\\", before) != NULL))
            return false;
        if ((c == '^' && i > 0) || (c == '$' && i + 1 < pattern.len))
            return false;
    }
    return true;
}

static void compare_with_libc(bool extended, struct slice pattern, struct slice subject, int ours)
{
    char text[PATTERN_SIZE_MAX + 1], line[SUBJECT_SIZE_MAX + 1];
    regex_t regex;

    if (ours < 0 || !is_printable(pattern) || !is_printable(subject) || !is_comparable(pattern))
        return;
    (void)snprintf(text, sizeof(text), "%.*s", SLICE_ARG(pattern));
    (void)snprintf(line, sizeof(line), "%.*s", SLICE_ARG(subject));
    if (regcomp(&regex, text, REG_NOSUB | (extended ? REG_EXTENDED : 0)) != 0)
        return;
    require((regexec(&regex, line, 0, NULL, 0) == 0) == (ours == 1));
    regfree(&regex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf out = buf_empty(OUT_SIZE_MAX), plain = buf_empty(OUT_SIZE_MAX);
    struct slice rest, pattern;
    struct posix_regex options;
    struct posix_translation made = {.regex = &out, .plain = &plain};
    struct error err = {0};

    if (size == 0)
        return 0;
    options = (struct posix_regex){.extended = (data[0] & 1) != 0};
    rest = slice_from(slice_make(data, size), 1);
    if (!slice_cut(&rest, '\n', &pattern) || pattern.len > PATTERN_SIZE_MAX ||
        rest.len > SUBJECT_SIZE_MAX)
        return 0;
    if (posix_regex_translate(&options, pattern, &made, &err) == STATUS_OK) {
        int found = match_pcre(buf_slice(&out), rest);

        if (made.is_plain && found >= 0)
            require((slice_find(rest, buf_slice(&plain)) != SIZE_MAX) == (found == 1));
        compare_with_libc(options.extended, pattern, rest, found);
    } else {
        require(err.message[0] != '\0');
    }
    buf_release(&out);
    buf_release(&plain);
    return 0;
}
