/* What the shipper says to settings that cannot work: exit code 2 is for these (CONTRIBUTING.md). */
#include "shipper/options.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define CONFIG "/shipper.yaml"

static const struct options_case {
    const char *name, *source, *config; /* one of the two: --source, or a file */
    enum status status;
    const char *said; /* a part of the message; NULL: none */
} cases[] = {
    {"a pattern", "role=web,path=/log/*.log", NULL, STATUS_OK, NULL},
    {"a relative path", "role=web,path=app.log", NULL, STATUS_INVALID, "expected an absolute path"},
    {"a relative path with a dot", "role=web,path=./app.log", NULL, STATUS_INVALID,
     "\"./app.log\" is relative"},
    {"a directory", "role=web,path=/var/log/app/", NULL, STATUS_INVALID,
     "did you mean \"/var/log/app/*.log\"?"},
    {"no role", "path=/log/a.log", NULL, STATUS_INVALID, "role"},
    {"file: sources, as the collector spells it", NULL,
     "geo: g\nsources:\n  - {role: web, path: '/log/*.log'}\n", STATUS_OK, NULL},
    {"file: source, as the flag", NULL, "geo: g\nsource:\n  - {role: web, path: '/log/*.log'}\n",
     STATUS_OK, NULL},
    {"file: both", NULL,
     "geo: g\nsource:\n  - {role: web, path: '/a'}\nsources:\n  - {role: web, path: '/b'}\n",
     STATUS_INVALID, "given twice"},
    {"file: misspelt", NULL, "geo: g\nsorces:\n  - {role: web, path: '/a'}\n", STATUS_INVALID,
     "did you mean \"source"},
    {"an offset as zone", "role=web,zone=+05:30,path=/log/*.log", NULL, STATUS_OK, NULL},
    {"a unit", "role=web,duration_unit=us,path=/log/*.log", NULL, STATUS_OK, NULL},
    {"an unknown unit", "role=web,duration_unit=sec,path=/log/*.log", NULL, STATUS_INVALID,
     "source /log/*.log: duration_unit must be ns, us, ms or s, not \"sec\""},
    {"no zone", "role=web,zone=,path=/log/*.log", NULL, STATUS_OK, NULL},
    {"an unknown zone", "role=web,zone=Mars/Olympus,path=/log/*.log", NULL, STATUS_INVALID,
     "no time zone \"Mars/Olympus\""},
    {"no name of a zone", "role=web,zone=CET (winter),path=/log/*.log", NULL, STATUS_INVALID,
     "is not a time zone"},
    {"file: a misspelt zone", NULL,
     "geo: g\nsources:\n  - role: web\n    zone: Europe/Pari\n    path: /log/*.log\n", STATUS_INVALID,
     CONFIG ":4:11: zone \"Europe/Pari\": no time zone \"Europe/Pari\"; did you mean \"Europe/Paris\"?"},
    {"file: a relative path", NULL, "geo: g\nsources:\n  - {role: web, path: 'log/*.log'}\n",
     STATUS_INVALID, "expected an absolute path"},
};

static void test_settings(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct options_case *c = &cases[i];
        struct sim_io *sim = sim_io_new(1);
        struct arena arena = arena_empty(8 << 20);
        struct shipper_options options;
        struct error err = {0};
        char *flags[] = {
            "dendro-shipper", "--geo", "g", "--source", (char *)(uintptr_t)c->source, NULL};
        char *file[] = {"dendro-shipper", "--config", CONFIG, NULL};
        struct cli_words words = {c->source != NULL ? 5 : 3, c->source != NULL ? flags : file};

        print_message("  %s\n", c->name);
        if (c->config != NULL)
            assert_int_equal(io_replace_file(sim_io_table(sim), CONFIG, slice_of(c->config), &err),
                             STATUS_OK);
        assert_int_equal(shipper_options_read(sim_io_table(sim), words, &arena, &options, &err),
                         c->status);
        if (c->said != NULL && strstr(err.message, c->said) == NULL)
            fail_msg("said \"%s\"", err.message);
        if (c->status == STATUS_OK)
            assert_int_equal(options.settings.source_count, 1);
        arena_release(&arena);
        sim_io_free(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
