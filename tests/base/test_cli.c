/* tests/base/test_cli.c -- flags, arguments, --help, and flags over a file. */
#include "base/cli.h"

#include "tests/base/settings.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { WORDS_MAX = 12 };

static const struct cli cli = {
    .program = "prog",
    .usage = "[OPTIONS] DIRECTORY",
    .summary = "Receive logs and metrics, keep them in DIRECTORY and answer queries.",
    .footer = "Exit status: 0 stopped on request, 1 runtime error, 2 bad usage.\n",
    .version = "1.0",
    .table = &settings_table,
    .argument_count_min = 1,
    .argument_count_max = 2,
};

static struct cli_words words_of(const char *const *items)
{
    int count = 0;

    while (items[count] != NULL)
        count++;
    return (struct cli_words){count, (char **)(uintptr_t)items};
}

static const struct mistake_case {
    const char *words[WORDS_MAX], *message;
} mistake_cases[] = {
    {{"prog"}, "missing argument: prog [OPTIONS] DIRECTORY (see prog --help)"},
    {{"prog", "a", "b", "c"}, "unexpected argument \"c\" (see prog --help)"},
    {{"prog", "--lisen", "x", "a"},
     "unknown option --lisen; did you mean --listen? (see prog --help)"},
    {{"prog", "--retention", "1d", "a"},
     "unknown option --retention; did you mean --retention-min? (see prog --help)"},
    {{"prog", "-x", "a"}, "unknown option -x (see prog --help)"},
    {{"prog", "a", "--listen"}, "option --listen needs a value: ADDR (see prog --help)"},
    {{"prog", "a", "-vm"}, "option -vm needs a value (see prog --help)"},
    {{"prog", "--retention-min=5", "a"},
     "--retention-min \"5\": expected a duration such as 90s, 1h30m or 7d (see prog --help)"},
    {{"prog", "--no-listen", "a"},
     "unknown option --no-listen; did you mean --listen? (see prog --help)"},
    {{"prog", "--limits", "a"}, "unknown option --limits (see prog --help)"},
    {{"prog", "-s", "role=web,paht=/x", "a"},
     "--source: unknown key \"paht\"; did you mean \"path\"? (see prog --help)"},
    {{"prog", "--label", "x", "a"}, "--label \"x\": expected key=value (see prog --help)"},
};

static void test_mistakes(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(mistake_cases); i++) {
        const struct mistake_case *c = &mistake_cases[i];
        struct arena arena = arena_empty(1 << 20);
        struct settings got;
        struct cli_target target = {.settings = &got, .arena = &arena};
        struct error err = {0};

        assert_int_equal(option_presets(&settings_table, &got, &arena, &err), STATUS_OK);
        assert_int_equal(cli_parse(&cli, words_of(c->words), &target, &err), STATUS_INVALID);
        assert_string_equal(err.message, c->message);
        arena_release(&arena);
    }
}

static void test_all_forms(void **unused)
{
    static const char *const words[] = {
        "prog", "-vm", "fast", "--listen=:80", "--retention-min", "1d", "--no-color", "-srole=web,path=/{a,b}",
        "--tag", "x", "--tag=", "--label=a=b=c", "--cache", "1", "--cache=2", "--", "-dir", NULL};
    const struct source *source;
    struct arena arena = arena_empty(1 << 20);
    struct settings got;
    struct cli_target target = {.settings = &got, .arena = &arena};
    struct error err = {0};

    (void)unused;
    assert_int_equal(option_presets(&settings_table, &got, &arena, &err), STATUS_OK);
    assert_int_equal(cli_parse(&cli, words_of(words), &target, &err), STATUS_OK);
    assert_true(got.verbose && !got.color);
    assert_int_equal(got.mode, MODE_FAST);
    assert_string_equal(got.listen.host, "");
    assert_int_equal(got.listen.port, 80);
    assert_true(got.retention_ns == NS_PER_DAY);
    assert_int_equal(got.tags.count, 2);
    assert_string_equal(got.tags.items[1], "");
    assert_string_equal(got.labels.items[0].value, "b=c");
    assert_int_equal(got.cache, 2); /* the last one wins */
    assert_int_equal(got.sources.count, 1);
    source = got.sources.items;
    assert_string_equal(source->role, "web");
    assert_string_equal(source->format, "auto");
    assert_string_equal(source->path, "/{a,b}"); /* "b}" is no key: the comma belongs to the value */
    assert_int_equal(target.arguments.count, 1);
    assert_string_equal(target.arguments.items[0], "-dir");
    arena_release(&arena);
}

static void test_flags_win_over_the_file(void **unused)
{
    static const char *const named[] = {"prog", "--config", "a.yaml", "--tag", "cli", "-", NULL};
    static const char *const absent[] = {"prog", "--config", "b.yaml", "d", NULL};
    static const char *const preset[] = {"prog", "d", NULL};
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    struct arena arena = arena_empty(1 << 20);
    struct settings got;
    struct cli_target target = {.settings = &got, .arena = &arena};
    struct error err = {0};

    (void)unused;
    assert_int_equal(io_replace_file(io, "a.yaml", slice_of("tag: [f, g]\nmode: fast\n"), NULL), STATUS_OK);
    assert_int_equal(cli_parse_with_config(&cli, io, words_of(named), &target, &err),
                     STATUS_OK);
    assert_int_equal(got.mode, MODE_FAST);
    assert_int_equal(got.tags.count, 1);
    assert_string_equal(got.tags.items[0], "cli");
    assert_string_equal(target.arguments.items[0], "-");
    assert_int_equal(cli_parse_with_config(&cli, io, words_of(absent), &target, &err),
                     STATUS_NOT_FOUND);
    assert_int_equal(cli_parse_with_config(&cli, io, words_of(preset), &target, &err),
                     STATUS_OK);
    assert_int_equal(got.mode, MODE_SAFE);
    arena_release(&arena);
    sim_io_free(sim);
}

static void test_help(void **unused)
{
    static const char want[] =
        "Usage: prog [OPTIONS] DIRECTORY\n"
        "Receive logs and metrics, keep them in DIRECTORY and answer queries.\n"
        "\n"
        "Network\n"
        "  -l, --listen ADDR          accept shippers on this address (default\n"
        "                             127.0.0.1:7601)\n"
        "Storage\n"
        "      --retention-min TIME   delete segments that are older than this, such as\n"
        "                             12h or 7d (default 7d)\n"
        "      --cache VALUE          bytes of cache\n"
        "  -m, --mode VALUE           how (default safe)\n"
        "      --ratio VALUE          a number\n"
        "Other\n"
        "  -s, --source SOURCE        follow role=ROLE[,format=FORMAT],path=GLOB\n"
        "      --tag VALUE            a tag\n"
        "      --label VALUE          a label\n"
        "  -v, --verbose              say more\n"
        "  -c, --color                colours\n"
        "      --config FILE          settings (default /etc/x.yaml)\n"
        "Exit status: 0 stopped on request, 1 runtime error, 2 bad usage.\n";
    struct buf help = buf_empty(1 << 16);

    (void)unused;
    assert_int_equal(cli_help(&cli, &help, NULL), STATUS_OK);
    assert_true(buf_append_byte(&help, '\0'));
    assert_string_equal(help.data, want);
    buf_release(&help);
}

static void test_suggest(void **unused)
{
    static const char *const names[] = {"retention", "listen", "level", "limit"};
    static const struct { const char *word, *want; } cases[] = {
        {"retension", "retention"}, {"Listen", "listen"}, {"lsiten", "listen"}, {"levle", "level"},
        {"limits", "limit"},        {"xyz", NULL},        {"", NULL},           {"ret", NULL},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const char *got = suggest(slice_of(cases[i].word), names, COUNT_OF(names));

        print_message("  %s\n", cases[i].word);
        if (cases[i].want == NULL)
            assert_null(got);
        else
            assert_string_equal(got, cases[i].want);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_all_forms),
        cmocka_unit_test(test_flags_win_over_the_file),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_suggest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
