/* tests/collector/test_url_set.c -- patterns of URLs without PCRE2, and sets of them: a set says of a
 * text what each of its patterns says by itself. */
#include "collector/url_set.h"
#include "format_case.h"
#include "random_path.h"

static const struct pattern_case {
    const char *name, *pattern, *text;
    const char *match, *group; /* NULL: no match */
} pattern_cases[] = {
    {"leftmost, not first branch", "b|a", "ab", "a", ""},
    {"anchored", "^b", "ab", NULL, ""},
    {"end", "b$", "ab", "b", ""},
    {"class at the end of the text", "[ab]+$", "xab", "ab", ""},
    {"optional", "ax?b", "ab", "ab", ""},
    {"a star that can be empty", "a([0-9]*)b", "ab", "ab", ""},
    {"counted", "([0-9]{2,3})x", "1x12345x", "345x", "345"},
    {"the run before the match is too short", "[0-9a-f]{4,}", "abc-abcdz", "abcd", ""},
    {"one of, or the end", "/(?:x|$)", "/y/", "/", ""},
    {"bracket first in a class", "[]x]+", "a]x", "]x", ""},
    {"dash last in a class", "[a-]+", "b-a", "-a", ""},
    {"back and forth needs PCRE2", "a.*b", "aXbYb", "aXbYb", ""},
    {"empty pattern", "", "x", "", ""},
};

static void test_patterns(void **unused)
{
    struct url_scratch *scratch = url_scratch_new();

    (void)unused;
    assert_non_null(scratch);
    for (size_t i = 0; i < COUNT_OF(pattern_cases); i++) {
        const struct pattern_case *c = &pattern_cases[i];
        struct url_pattern *pattern;
        struct url_match match;
        struct error err = {0};
        bool found;

        print_message("  %s\n", c->name);
        assert_int_equal(url_pattern_new(slice_of(c->pattern), &pattern, &err), STATUS_OK);
        found = url_pattern_find(pattern, scratch, slice_of(c->text), 0, &match);
        assert_int_equal(found, c->match != NULL);
        if (found) {
            assert_true(slice_is(match.groups[0], c->match));
            if (url_pattern_groups(pattern) > 0)
                assert_true(slice_is(match.groups[1], c->group));
            else
                assert_string_equal(c->group, "");
        }
        url_pattern_free(pattern);
    }
    url_scratch_free(scratch);
}

/* The patterns of the cases above, as many as there is room for, in one set. */
static unsigned case_patterns(struct url_pattern *out[URL_SET_PATTERNS_MAX])
{
    unsigned count = 0;
    struct error err = {0};

    for (size_t i = 0; i < COUNT_OF(pattern_cases) && count < URL_SET_PATTERNS_MAX; i++)
        assert_int_equal(url_pattern_new(slice_of(pattern_cases[i].pattern), &out[count++], &err),
                         STATUS_OK);
    return count;
}

/* The set says of a text what each pattern says of it by itself. */
static void check_set(const struct url_set *set, struct url_pattern *const *patterns,
                      unsigned count, struct url_scratch *scratch, struct slice text)
{
    uint64_t matches = url_set_match(set, text);

    for (unsigned i = 0; i < count; i++) {
        struct url_match match;
        bool found = patterns[i] == NULL || url_pattern_find(patterns[i], scratch, text, 0, &match);
        bool exact = (url_set_exact(set) >> i & 1) != 0;
        bool said = (matches >> i & 1) != 0;

        assert_int_equal(exact, patterns[i] == NULL || !url_pattern_is_pcre(patterns[i]));
        if (said != (exact ? found : true))
            fail_msg("pattern %u, text \"%.*s\"", i, SLICE_ARG(text));
    }
}

static void test_set(void **unused)
{
    struct url_pattern *patterns[URL_SET_PATTERNS_MAX];
    struct url_scratch *scratch = url_scratch_new();
    unsigned count = case_patterns(patterns);
    struct url_set *set = NULL;
    struct error err = {0};

    (void)unused;
    assert_int_equal(url_set_new((const struct url_pattern *const *)patterns, count, &set, &err),
                     STATUS_OK);
    for (size_t i = 0; i < COUNT_OF(pattern_cases); i++)
        check_set(set, patterns, count, scratch, slice_of(pattern_cases[i].text));
    url_set_free(set);
    for (unsigned i = 0; i < count; i++)
        url_pattern_free(patterns[i]);
    url_scratch_free(scratch);
}

static void test_set_of_random_texts(void **unused)
{
    static const char *const texts[] = {
        "/a/([\\w.:%-]+)(?:/|$)", "/hq/multimedia/file/CommCare(Audio|Video|Image)",
        "/accounts/login/", "^/static/|favicon\\.ico", "^/hq/([^/]+)", "^/a/[^/]+/(phone/[^/]+)",
        "^/a/[^/]+/(api/[^/]+/odata/[^/]+)", "^/a/[^/]+/(?:receiver|phone)/", "/a/[^/]+",
        "/(modules|forms)-[0-9]+", "/form_data/[a-z0-9-]+", "/uuid:[a-z0-9-]+",
        "[-0-9a-f]{10,}", "[0-9]{3}$", "^/[a-z]{1,3}/", "[^/]*$", "a.*b", "(?:/|$)", "x?", "^$",
        "[0-9]{12}", "-[0-9]{2,4}z",
    };
    enum { SET_SIZE = 8 }; /* small sets: together they would need too many states */
    struct url_pattern *patterns[COUNT_OF(texts) + 1] = {NULL}; /* the last one matches always */
    struct url_scratch *scratch = url_scratch_new();
    struct error err = {0};
    uint64_t state = 1;
    char text[200];

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_int_equal(url_pattern_new(slice_of(texts[i]), &patterns[i], &err), STATUS_OK);
    for (size_t from = 0; from < COUNT_OF(patterns); from += SET_SIZE) {
        unsigned count = (unsigned)(COUNT_OF(patterns) - from);
        struct url_set *set = NULL;

        count = count < SET_SIZE ? count : SET_SIZE;
        assert_int_equal(url_set_new((const struct url_pattern *const *)patterns + from, count,
                                     &set, &err), STATUS_OK);
        for (unsigned i = 0; i < 20000; i++)
            check_set(set, patterns + from, count, scratch,
                      slice_make(text, random_path(&state, text, sizeof(text))));
        url_set_free(set);
    }
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        url_pattern_free(patterns[i]);
    url_scratch_free(scratch);
}

/* A set that would need too many states says that all may match. */
static void test_set_too_rich(void **unused)
{
    struct url_pattern *pattern = NULL;
    struct url_set *set = NULL;
    struct error err = {0};

    (void)unused;
    assert_int_equal(url_pattern_new(SLICE_LITERAL("a[ab]{600}"), &pattern, &err), STATUS_OK);
    assert_int_equal(url_set_new((const struct url_pattern *const[]){pattern}, 1, &set, &err),
                     STATUS_OK);
    assert_int_equal(url_set_exact(set), 0);
    assert_int_equal(url_set_match(set, SLICE_LITERAL("b")), 1);
    url_set_free(set);
    url_pattern_free(pattern);
    /* Few positions, but a state for each set of distances from the last ten a's. */
    assert_int_equal(url_pattern_new(SLICE_LITERAL("a[ab]{14}c"), &pattern, &err), STATUS_OK);
    assert_int_equal(url_set_new((const struct url_pattern *const[]){pattern}, 1, &set, &err),
                     STATUS_OK);
    assert_int_equal(url_set_exact(set), 0);
    url_set_free(set);
    url_pattern_free(pattern);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_set_of_random_texts),
        cmocka_unit_test(test_set_too_rich),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
