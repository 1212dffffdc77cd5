/* tests/collector/test_url_hole.c -- what patterns do with all texts of one form. The answers follow
 * from the patterns and the bytes that may stand in a hole; each is also held against texts of the
 * form that are made by hand. */
#include "collector/url_hole.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

enum { HOLES_MAX = 4, FILLS = 3, TEXT_SIZE = 256 };

#define DIGITS (UINT64_C(0x3ff) << '0')
#define BIT(byte) (UINT64_C(1) << ((byte) % 64))

/* # in a form: ten or more of 0-9 a-f and dashes. */
static const struct url_run id_run = {.bytes = {DIGITS | BIT('-'), UINT64_C(0x3f) << ('a' - 64)},
                                      .len_min = 10};

/* The kinds of ids that a case needs: digits alone, all of the set, and those of its letters. */
static const char *const fills[FILLS] = {"0123456789", "00abc-def-0123456789", "abcabcabcabc"};

static const struct hole_case {
    const char *name, *pattern, *form;
    enum url_answer answer;
} hole_cases[] = {
    {"a literal in front of the hole", "/phone/", "/phone/#/", URL_YES},
    {"a literal behind the hole", "/phone/", "/#/phone/", URL_YES},
    {"a slash is in no hole", "/api/", "/#/phone/", URL_NO},
    {"no byte of the literal is in a hole", "xyz", "/#/phone", URL_NO},
    {"the literal may be in the hole", "abc", "/#/phone", URL_UNKNOWN},
    {"the literal may end behind the hole", "abc/", "/#/phone", URL_UNKNOWN},
    {"the literal would end in what does not follow", "abcz", "/#/phone", URL_NO},
    {"the same at the end of the text", "abcz", "/#", URL_NO},
    {"the byte that does not follow may be in the hole", "abcd/", "/#e", URL_UNKNOWN},
    {"another hole follows", "abcz", "/##", URL_UNKNOWN},
    {"a class of the whole hole", "/[0-9a-f-]+/", "/#/phone", URL_YES},
    {"a class of the whole hole and not what follows", "[0-9a-f-]{3,}x", "/#/phone", URL_NO},
    {"a class of some of its bytes", "[0-9]{3,}x", "/#/phone", URL_UNKNOWN},
    {"a class of none of its bytes", "[x-z]+p", "/#/phone", URL_NO},
    {"a class that may be empty", "[x-z]*p", "/#/", URL_UNKNOWN},
    {"a group in front of a class", "([x-z]+)p", "/#/phone", URL_NO},
    {"a group in front of a literal", "(xa[bc]+)", "/#/phone", URL_NO},
    {"alternatives are not looked through", "(abcz|abcy)", "/#/phone", URL_UNKNOWN},
    {"anchored", "^/[0-9a-f-]+/phone$", "/#/phone", URL_YES},
    {"anchored elsewhere", "^/api", "/#/phone", URL_NO},
};

/* The text of a form, with each # filled; gives the holes. */
static struct url_form make_form(const char *form, const char *fill, char text[TEXT_SIZE],
                                 struct url_hole holes[HOLES_MAX])
{
    struct url_form out = {.text = {text, 0}, .holes = holes};

    for (; *form != '\0'; form++) {
        size_t len = *form == '#' ? strlen(fill) : 1;

        assert_true(out.text.len + len <= TEXT_SIZE);
        memcpy(text + out.text.len, *form == '#' ? fill : form, len);
        if (*form == '#') {
            assert_true(out.hole_count < HOLES_MAX);
            holes[out.hole_count++] =
                (struct url_hole){(uint32_t)out.text.len, (uint32_t)len, &id_run};
        }
        out.text.len += len;
    }
    return out;
}

/* The pattern finds in one text what the form says of all. */
static void check_text(const struct hole_case *c, const struct url_pattern *pattern,
                       struct url_scratch *scratch, const char *fill)
{
    char text[TEXT_SIZE];
    struct url_hole holes[HOLES_MAX];
    struct url_form form = make_form(c->form, fill, text, holes);
    struct url_match by_form, by_text;

    assert_int_equal(url_form_find(pattern, &form, 0, &by_form), c->answer);
    if (c->answer == URL_UNKNOWN)
        return;
    assert_int_equal(url_pattern_find(pattern, scratch, form.text, 0, &by_text),
                     c->answer == URL_YES);
    for (unsigned i = 0; c->answer == URL_YES && i <= url_pattern_groups(pattern); i++) {
        assert_ptr_equal(by_form.groups[i].data, by_text.groups[i].data);
        assert_int_equal(by_form.groups[i].len, by_text.groups[i].len);
    }
}

static void test_form_find(void **unused)
{
    struct url_scratch *scratch = url_scratch_new();

    (void)unused;
    assert_non_null(scratch);
    for (size_t i = 0; i < COUNT_OF(hole_cases); i++) {
        const struct hole_case *c = &hole_cases[i];
        struct url_pattern *pattern = NULL;
        struct error err = {0};

        print_message("  %s\n", c->name);
        assert_int_equal(url_pattern_new(slice_of(c->pattern), &pattern, &err), STATUS_OK);
        for (unsigned fill = 0; fill < FILLS; fill++)
            check_text(c, pattern, scratch, fills[fill]);
        url_pattern_free(pattern);
    }
    url_scratch_free(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_form_find)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
