/* Patterns of grep as PCRE2 and as filters of the query language; selectors. The expected texts are
 * written by hand from POSIX.1-2017 chapter 9 and docs/query.md. */
#include "query/cli/grep.h"
#include "query/cli/posix_regex.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct translate_case {
    const char *name, *pattern;
    bool extended;
    enum status status;
    const char *regex, *plain; /* plain NULL: it is not */
} translate_cases[] = {
    {"text", "abc", false, STATUS_OK, "abc", "abc"},
    {"punctuation is quoted", "a-b/c", false, STATUS_OK, "a\\-b\\/c", "a-b/c"},
    {"escaped point", "a\\.c", false, STATUS_OK, "a\\.c", "a.c"},
    {"bytes stay", "caf\xe9", false, STATUS_OK, "caf\xe9", "caf\xe9"},
    {"brackets are plain in BRE", "(a){1}|b+?", false, STATUS_OK, "\\(a\\)\\{1\\}\\|b\\+\\?",
     "(a){1}|b+?"},
    {"group in BRE", "\\(a\\|b\\)*", false, STATUS_OK, "(a|b)*", NULL},
    {"group in ERE", "(a|b)*", true, STATUS_OK, "(a|b)*", NULL},
    {"star first in BRE", "*a", false, STATUS_OK, "\\*a", "*a"},
    {"star first in ERE repeats nothing", "*a", true, STATUS_OK, "a", NULL},
    {"star behind an anchor in BRE", "^*", false, STATUS_OK, "(?:^)\\*", NULL},
    {"caret inside BRE", "a^b", false, STATUS_OK, "a\\^b", "a^b"},
    {"dollar inside BRE", "a$b", false, STATUS_OK, "a\\$b", "a$b"},
    {"two stars", "a**", false, STATUS_OK, "(?:a*)*", NULL},
    {"a*+ is not possessive", "a*+", true, STATUS_OK, "(?:a*)+", NULL},
    {"a+? is not lazy", "(ab)+?", true, STATUS_OK, "(?:(ab)+)?", NULL},
    {"interval", "a\\{2,3\\}", false, STATUS_OK, "a{2,3}", NULL},
    {"interval without a low end", "a{,3}", true, STATUS_OK, "a{0,3}", NULL},
    {"brace that is no interval", "a{x", true, STATUS_OK, "a\\{x", "a{x"},
    {"bracket knows no escapes", "[\\n]", false, STATUS_OK, "[\\\\n]", NULL},
    {"bracket first in brackets", "[]a]", false, STATUS_OK, "[\\]a]", NULL},
    {"negated bracket stays in its line", "[^a]", false, STATUS_OK, "[^a\\n]", NULL},
    {"class", "[[:digit:]_]", false, STATUS_OK, "[[:digit:]_]", NULL},
    {"range and a minus at the end", "[a-c-]", false, STATUS_OK, "[a-c\\-]", NULL},
    {"word ends", "\\<a\\>", false, STATUS_OK, "(?:\\b(?=\\w))a(?:\\b(?<=\\w))", NULL},
    {"a second circumflex", "^^a", false, STATUS_OK, "(?:^)\\^a", NULL},
    {"a repeated assertion", "a\\b*", false, STATUS_OK, "a(?:\\b)*", NULL},
    {"back reference", "\\(a\\)\\1", false, STATUS_OK, "(a)\\g{1}", NULL},
    {"lone bracket in ERE", "a)", true, STATUS_OK, "a\\)", "a)"},
    {"open group", "\\(a", false, STATUS_INVALID, NULL, NULL},
    {"closed group", "a\\)", false, STATUS_INVALID, NULL, NULL},
    {"open bracket", "[a", false, STATUS_INVALID, NULL, NULL},
    {"unknown class", "[[:foo:]]", false, STATUS_INVALID, NULL, NULL},
    {"class without brackets", "[:space:]", false, STATUS_INVALID, NULL, NULL},
    {"range backwards", "[b-a]", false, STATUS_INVALID, NULL, NULL},
    {"backslash at the end", "a\\", true, STATUS_INVALID, NULL, NULL},
    {"reference to no group", "\\1", false, STATUS_INVALID, NULL, NULL},
    {"interval too long", "a{40000}", true, STATUS_INVALID, NULL, NULL},
};

static void test_translate(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(translate_cases); i++) {
        const struct translate_case *c = &translate_cases[i];
        const struct posix_regex options = {.extended = c->extended};
        struct buf out = buf_empty(1000), plain = buf_empty(1000);
        struct posix_translation made = {.regex = &out, .plain = &plain};
        struct error err = {0};

        print_message("  %s\n", c->name);
        assert_int_equal(posix_regex_translate(&options, slice_of(c->pattern), &made, &err),
                         c->status);
        if (c->status == STATUS_OK) {
            assert_true(slice_is(buf_slice(&out), c->regex));
            assert_int_equal(made.is_plain, c->plain != NULL);
            if (c->plain != NULL)
                assert_true(slice_is(buf_slice(&plain), c->plain));
        } else {
            assert_true(err.message[0] != '\0');
        }
        buf_release(&out);
        buf_release(&plain);
    }
}

static const struct filter_case {
    const char *name;
    struct grep_pattern_options options;
    const char *patterns, *filter;
} filter_cases[] = {
    {"substring", {0}, "timed out", "*\"timed out\"*"},
    {"quotes and backslashes", {.syntax = GREP_FIXED}, "a\"b\\c", "*\"a\\\"b\\\\c\"*"},
    {"a bar stays text", {0}, "x | stats count()", "*\"x | stats count()\"*"},
    {"folded", {.fold_case = true}, "error", "i(*\"error\"*)"},
    {"several", {0}, "a\nb", "(*\"a\"* or *\"b\"*)"},
    {"everything", {0}, "", "*"},
    {"everything beside another", {0}, "a\n", "*"},
    {"word", {.words = true}, "error", "\"error\""},
    {"folded word", {.words = true, .fold_case = true}, "error", "i(\"error\")"},
    {"a word that ends in a sign is no phrase",
     {.words = true},
     "-x",
     "~\"(?m)(?<![0-9A-Za-z_\\\\x80-\\\\xff])(?:(?:\\\\-x))(?![0-9A-Za-z_\\\\x80-\\\\xff])\""},
    {"regex", {.syntax = GREP_EXTENDED}, "5[0-9]{2}", "~\"(?m)(?:5[0-9]{2,2})\""},
    {"regex and text", {0}, "a.c\nb", "~\"(?m)(?:a.c)|(?:b)\""},
    {"folded regex", {.fold_case = true}, "a.c", "~\"(?im)(?:a.c)\""},
    {"whole line", {.whole_line = true}, "abc", "~\"(?m)^(?:(?:abc))$\""},
    {"Perl", {.syntax = GREP_PERL}, "\\d+", "~\"(?m)(?:\\\\d+)\""},
    {"Perl without signs", {.syntax = GREP_PERL}, "abc", "*\"abc\"*"},
    {"control bytes", {0}, "a\tb\x1b", "*\"a\\x09b\\x1b\"*"},
    {"second group", {0}, "\\(a\\)x\n\\(b\\)\\1", "~\"(?m)(?:(a)x)|(?:(b)\\\\g{2})\""},
};

static void test_filter(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(filter_cases); i++) {
        const struct filter_case *c = &filter_cases[i];
        struct slice list = slice_of(c->patterns);
        struct arena arena = arena_empty(1 << 20);
        struct buf out = buf_empty(10000);
        struct grep_pattern pattern;
        struct error err = {0};

        print_message("  %s\n", c->name);
        assert_int_equal(grep_pattern_make(&c->options, &list, 1, &arena, &pattern, &err),
                         STATUS_OK);
        assert_true(grep_pattern_filter(&pattern, &out));
        if (!slice_is(buf_slice(&out), c->filter))
            print_message("    %.*s\n", SLICE_ARG(buf_slice(&out)));
        assert_true(slice_is(buf_slice(&out), c->filter));
        buf_release(&out);
        arena_release(&arena);
    }
}

static const char *one[] = {"web"}, *two[] = {"web,task", "form"}, *globs[] = {"w*", "db?"},
                  *path[] = {"/var/log/a.log"}, *paths[] = {"/var/log/*.log"}, *worse[] = {"error+"};

static const struct selector_case {
    const char *name;
    struct grep_settings settings;
    const char *patterns, *query;
} selector_cases[] = {
    {"nothing", {.max_count = -1}, "x", "*\"x\"*"},
    {"all of a source", {.sources = {path, 1}}, "", "{source=\"/var/log/a.log\"}"},
    {"role", {.roles = {one, 1}}, "x", "{role=\"web\"} *\"x\"*"},
    {"roles", {.roles = {two, 2}}, "x", "{role in (\"web\", \"task\", \"form\")} *\"x\"*"},
    {"globs", {.hosts = {globs, 2}}, "x", "{host=~\"w.*|db.\"} *\"x\"*"},
    {"path", {.sources = {paths, 1}}, "x", "{source=~\"/var/log/.*\\\\.log\"} *\"x\"*"},
    {"two labels", {.roles = {one, 1}, .hosts = {one, 1}}, "x",
     "{host=\"web\", role=\"web\"} *\"x\"*"},
    {"at least a level", {.levels = {worse, 1}}, "x", "level:>=\"error\" *\"x\"*"},
    {"where", {.where = "status:>=500 or a # why"}, "x", "(status:>=500 or a # why\n) *\"x\"*"},
    {"inverted", {.invert = true, .roles = {one, 1}}, "x", "{role=\"web\"} not (*\"x\"*)"},
    {"inverted everything", {.invert = true}, "", "not (*)"},
};

static void test_selector(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(selector_cases); i++) {
        const struct selector_case *c = &selector_cases[i];
        const struct grep_pattern_options options = {0};
        struct slice list = slice_of(c->patterns);
        struct arena arena = arena_empty(1 << 20);
        struct buf out = buf_empty(10000);
        struct grep_pattern pattern;
        struct error err = {0};

        print_message("  %s\n", c->name);
        assert_int_equal(grep_pattern_make(&options, &list, 1, &arena, &pattern, &err), STATUS_OK);
        assert_true(grep_query(&c->settings, &pattern, &out));
        if (!slice_is(buf_slice(&out), c->query))
            print_message("    %.*s\n", SLICE_ARG(buf_slice(&out)));
        assert_true(slice_is(buf_slice(&out), c->query));
        buf_release(&out);
        arena_release(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_translate),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_selector),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
