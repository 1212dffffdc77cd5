/* Patterns as glob(7) describes them, and ** as bash's globstar. */
#include "shipper/file_set.h"
#include "shipper/glob.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct match_case {
    const char *pattern, *path;
    bool match;
} match_cases[] = {
    {"/log/app.log", "/log/app.log", true},
    {"/log/app.log", "/log/app.log.1", false},
    {"/log/*.log", "/log/app.log", true},
    {"/log/*.log", "/log/.log", false}, /* a leading dot is matched by a dot only */
    {"/log/.*", "/log/.hidden", true},
    {"/log/*.log", "/log/a/b.log", false}, /* * does not cross a slash */
    {"/log/*/b.log", "/log/a/b.log", true},
    {"/log/a?c", "/log/abc", true},
    {"/log/a?c", "/log/ac", false},
    {"/log/[ab]x", "/log/bx", true},
    {"/log/[!ab]x", "/log/bx", false},
    {"/log/[a-c]x", "/log/cx", true},
    {"/log/[a-c]x", "/log/dx", false},
    {"/log/[]x]", "/log/]", true},  /* ] first in a set is itself */
    {"/log/a[b", "/log/a[b", true}, /* a set without end is plain */
    {"/log/a*b*c", "/log/aXbYbZc", true},
    {"/log/a*b*c", "/log/aXbYbZ", false},
    {"/log/**/x", "/log/x", true},
    {"/log/**/x", "/log/a/b/x", true},
    {"/log/**/b/x", "/log/a/b/b/x", true},
    {"/log/**/b/x", "/log/a/b/c/x", false},
    {"//log///x", "/log/x", true},
};

static void test_glob_match_path(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(match_cases); i++) {
        const struct match_case *c = &match_cases[i];

        print_message("  %s %s\n", c->pattern, c->path);
        assert_int_equal(glob_match_path(slice_of(c->pattern), slice_of(c->path)), c->match);
    }
}

/* a*a*a*...b against aaaa...: backtracking over every star would take years. */
static void test_glob_is_not_exponential(void **unused)
{
    char pattern[201], name[2001];

    (void)unused;
    for (size_t i = 0; i < 200; i += 2)
        memcpy(pattern + i, "a*", 2);
    pattern[199] = 'b';
    memset(name, 'a', sizeof(name));
    assert_false(glob_match_component(slice_make(pattern, 200), slice_make(name, 2000)));
}

struct found {
    char names[256];
};

static void note(void *user, const struct found_file *file)
{
    struct found *found = user;
    size_t len = strlen(found->names);

    (void)snprintf(found->names + len, sizeof(found->names) - len, "%s ", file->path);
}

static void make_file(struct io *io, const char *path)
{
    int fd = io->file->open(io, path, IO_WRITE | IO_CREATE);

    assert_true(fd >= 0);
    io_close(io, &fd);
}

static void test_file_set(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    struct source_settings sources[] = {{.path = "/log/*/app.log", .role = "a"},
                                        {.path = "/log/**/deep.log", .role = "b"}};
    struct found found = {{0}};
    struct file_set *set;

    (void)unused;
    assert_int_equal(io->path->make_dir(io, "/log"), 0);
    assert_int_equal(io->path->make_dir(io, "/log/one"), 0);
    assert_int_equal(io->path->make_dir(io, "/log/one/two"), 0);
    make_file(io, "/log/one/app.log");
    make_file(io, "/log/one/other.log");
    make_file(io, "/log/one/two/deep.log");
    assert_int_equal(file_set_new(io, sources, 2, &set, NULL), STATUS_OK);
    file_set_expand(set);
    assert_int_equal(file_set_directory_count(set), 3); /* /log, /log/one, /log/one/two */
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(file_set_scan(set, file_set_directory(set, i), note, &found, NULL),
                         STATUS_OK);
    assert_non_null(strstr(found.names, "/log/one/app.log "));
    assert_non_null(strstr(found.names, "/log/one/two/deep.log "));
    assert_null(strstr(found.names, "other"));
    assert_ptr_equal(file_set_match(set, "/log/one/app.log"), &sources[0]);
    assert_ptr_equal(file_set_match(set, "/log/deep.log"), &sources[1]);
    assert_null(file_set_match(set, "/log/one/other.log"));
    file_set_free(set);
    sources[0].path = "relative.log";
    assert_int_equal(file_set_new(io, sources, 2, &set, NULL), STATUS_INVALID);
    sim_io_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_glob_match_path),
        cmocka_unit_test(test_glob_is_not_exponential),
        cmocka_unit_test(test_file_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
