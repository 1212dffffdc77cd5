/* tests/base/test_config.c -- settings from YAML, and what is said about mistakes. */
#include "base/config.h"

#include "tests/base/settings.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct source *source_at(const struct settings *settings, size_t index)
{
    return (const struct source *)settings->sources.items + index;
}

static void test_every_type(void **unused)
{
    static const char text[] = "listen: '[::1]:7700'\n"
                               "retention_min: 2w\n"
                               "mode: fast\n"
                               "ratio: 0.25\n"
                               "cache: 64KiB\n"
                               "verbose: yes\n"
                               "tag: [a, b, c]\n"
                               "label: {geo: us, rack: \"7\"}\n"
                               "limits:\n"
                               "  memory: 1GiB\n"
                               "source:\n"
                               "- role: web\n"
                               "  path: /log/a\n"
                               "- {role: db, path: /log/b, format: postgres_csv}\n";
    struct arena arena = arena_empty(1 << 20);
    struct settings got;
    struct error err = {0};

    (void)unused;
    assert_int_equal(option_presets(&settings_table, &got, &arena, &err), STATUS_OK);
    assert_int_equal(config_parse(slice_of(text), "f", &settings_table, &got, &arena, &err),
                     STATUS_OK);
    assert_string_equal(got.listen.host, "::1");
    assert_int_equal(got.listen.port, 7700);
    assert_true(got.retention_ns == 14 * NS_PER_DAY);
    assert_int_equal(got.mode, MODE_FAST);
    assert_true(got.ratio == 0.25);
    assert_int_equal(got.cache, 65536);
    assert_true(got.verbose && got.color);
    assert_int_equal(got.tags.count, 3);
    assert_string_equal(got.tags.items[2], "c");
    assert_int_equal(got.labels.count, 2);
    assert_string_equal(got.labels.items[1].key, "rack");
    assert_string_equal(got.labels.items[1].value, "7");
    assert_true(got.limits.memory == 1 << 30);
    assert_int_equal(got.limits.lines, 100);
    assert_int_equal(got.sources.count, 2);
    assert_string_equal(source_at(&got, 0)->format, "auto");
    assert_int_equal(source_at(&got, 0)->line, 12);
    assert_string_equal(source_at(&got, 1)->format, "postgres_csv");
    assert_int_equal(source_at(&got, 1)->line, 14);
    arena_release(&arena);
}

/* Lines and columns are counted by hand, from 1. */
static const struct config_case {
    const char *name, *text;
    enum status status;
    const char *message;
} config_cases[] = {
    {"empty file", "", STATUS_OK, ""},
    {"comments alone", "# nothing\n", STATUS_OK, ""},
    {"one document marker", "---\nmode: fast\n", STATUS_OK, ""},
    {"one value for a list", "tag: a\n", STATUS_OK, ""},
    {"list left empty", "tag:\nsource: []\nlimits:\n", STATUS_OK, ""},
    {"misspelt key", "mode: fast\nretension_min: 7d\n", STATUS_INVALID,
     "f:2:1: unknown key \"retension_min\"; did you mean \"retention_min\"?"},
    {"swapped letters in a section", "limits:\n  liens: 5\n", STATUS_INVALID,
     "f:2:3: unknown key \"liens\"; did you mean \"lines\"?"},
    {"nothing near in a small section", "limits: {zzzzzz: 5}\n", STATUS_INVALID,
     "f:1:10: unknown key \"zzzzzz\"; the keys here are memory, lines"},
    {"zero byte in a list", "tag: [\"a\\0b\"]\n", STATUS_INVALID,
     "f:1:7: tag \"a\": a text may not contain a zero byte"},
    {"zero byte in a map", "label: {a: \"b\\0c\"}\n", STATUS_INVALID,
     "f:1:12: a text may not contain a zero byte"},
    {"key of the command line only", "config: x\n", STATUS_INVALID,
     "f:1:1: unknown key \"config\"; the keys here are listen, retention_min, cache, mode, ratio, "
     "limits, source, tag, label, verbose, color"},
    {"key twice", "mode: fast\nmode: safe\n", STATUS_INVALID, "f:2:1: key \"mode\" is given twice"},
    {"bad duration", "retention_min: 7\n", STATUS_INVALID,
     "f:1:16: retention_min \"7\": expected a duration such as 90s, 1h30m or 7d"},
    {"duration too short", "retention_min: 59m\n", STATUS_INVALID,
     "f:1:16: retention_min \"59m\": expected a duration of at least 1h"},
    {"size out of bounds", "limits: {memory: 1MB}\n", STATUS_INVALID,
     "f:1:18: memory \"1MB\": expected a size from 1MiB to 1TiB"},
    {"number out of bounds", "limits: {lines: 1001}\n", STATUS_INVALID,
     "f:1:17: lines \"1001\": expected a number from 1 to 1000"},
    {"no number", "limits: {lines: x}\n", STATUS_INVALID,
     "f:1:17: lines \"x\": expected a whole number"},
    {"enum", "mode: fats\n", STATUS_INVALID,
     "f:1:7: mode \"fats\": expected one of fast, safe; did you mean \"fast\"?"},
    {"address without port", "listen: localhost\n", STATUS_INVALID,
     "f:1:9: listen \"localhost\": expected host:port, such as 127.0.0.1:7601 or [::1]:7601, "
     "with a port up to 65535"},
    {"port too large", "listen: a:65536\n", STATUS_INVALID,
     "f:1:9: listen \"a:65536\": expected host:port, such as 127.0.0.1:7601 or [::1]:7601, "
     "with a port up to 65535"},
    {"ipv6 without brackets", "listen: ::1:7601\n", STATUS_INVALID,
     "f:1:9: listen \"::1:7601\": expected host:port, such as 127.0.0.1:7601 or [::1]:7601, "
     "with a port up to 65535"},
    {"boolean", "verbose: maybe\n", STATUS_INVALID, "f:1:10: verbose \"maybe\": expected true or false"},
    {"list for a value", "mode: [fast]\n", STATUS_INVALID,
     "f:1:7: mode: expected one value, not a list (how)"},
    {"section for a value", "mode: {a: b}\n", STATUS_INVALID,
     "f:1:7: mode: expected one value, not a section (how)"},
    {"value for a section", "limits: 5\n", STATUS_INVALID,
     "f:1:9: limits: expected a section of keys, not a value (bounds)"},
    {"value for a list of sections", "source: [5]\n", STATUS_INVALID,
     "f:1:10: source: expected a list of sections, not a value "
     "(follow role=ROLE[,format=FORMAT],path=GLOB)"},
    {"section for a list of values", "tag: [{a: b}]\n", STATUS_INVALID,
     "f:1:7: tag: expected a list of values, not a section (a tag)"},
    {"missing key", "source:\n- path: /a\n", STATUS_INVALID,
     "f:2:3: missing key \"role\" (what the source does)"},
    {"label twice", "label: {a: b, a: c}\n", STATUS_INVALID, "f:1:18: key \"a\" is given twice"},
    {"secret value is not shown", "token: [x]\n", STATUS_INVALID,
     "f:1:8: token: expected one value, not a list (secret)"},
    {"anchor", "mode: &a fast\n", STATUS_INVALID,
     "f:1:7: anchors and aliases (& and *) are not supported here"},
    {"alias", "mode: *a\n", STATUS_INVALID,
     "f:1:7: anchors and aliases (& and *) are not supported here"},
    {"tag", "mode: !!str fast\n", STATUS_INVALID, "f:1:7: tags (!) are not supported here"},
    {"second document", "mode: fast\n---\nmode: safe\n", STATUS_INVALID,
     "f:2:1: a second document (---) is not supported here"},
    {"list at the top", "- a\n", STATUS_INVALID, "f:1:1: expected key: value lines"},
    {"text at the top", "hello\n", STATUS_INVALID, "f:1:1: expected key: value lines"},
    {"key that is a list", "[a]: b\n", STATUS_INVALID, "f:1:1: expected a key"},
};

static void test_mistakes(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(config_cases); i++) {
        const struct config_case *c = &config_cases[i];
        struct arena arena = arena_empty(1 << 20);
        struct settings got;
        struct error err = {0};

        print_message("  %s\n", c->name);
        assert_int_equal(option_presets(&settings_table, &got, &arena, &err), STATUS_OK);
        assert_int_equal(config_parse(slice_of(c->text), "f", &settings_table, &got, &arena, &err),
                         c->status);
        assert_string_equal(err.message, c->message);
        arena_release(&arena);
    }
}

/* The words come from libyaml; the place is ours. */
static void test_syntax_errors_have_a_place(void **unused)
{
    static const struct { const char *text, *place; } cases[] = {
        {"tag: [fast\n", "f:2:1: "},
        {"mode: fast\n\tcache: 5\n", "f:2:1: "},
        {"mode: 'fast\n", "f:2:1: "},
        {"mode: \"\xff\"\n", "f: byte 7: "},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena = arena_empty(1 << 20);
        struct settings got;
        struct error err = {0};

        assert_int_equal(option_presets(&settings_table, &got, &arena, &err), STATUS_OK);
        assert_int_equal(config_parse(slice_of(cases[i].text), "f", &settings_table, &got, &arena,
                                      &err), STATUS_INVALID);
        print_message("  %s\n", err.message);
        assert_memory_equal(err.message, cases[i].place, strlen(cases[i].place));
        arena_release(&arena);
    }
}

/* A table that contains itself, as a tree of alert routes does. */
struct node {
    struct table_list children;
};
static const struct option_table node_table;
static const struct option node_rows[] = {
    {.name = "children", .type = OPTION_TABLES, .offset = offsetof(struct node, children),
     .table = &node_table, .help = "nodes below"},
};
static const struct option_table node_table = OPTION_TABLE_OF(node_rows, struct node);

static void test_nesting_is_bounded(void **unused)
{
    struct buf text = buf_empty(1 << 20);
    struct arena arena = arena_empty(1 << 20);
    struct node got = {0};
    struct error err = {0};

    (void)unused;
    for (size_t depth = 1; depth <= CONFIG_DEPTH_MAX + 1; depth++) {
        buf_reset(&text);
        for (size_t i = 1; i < depth; i++)
            assert_true(buf_append_text(&text, "{children: ["));
        assert_true(buf_append_text(&text, "{}"));
        for (size_t i = 1; i < depth; i++)
            assert_true(buf_append_text(&text, "]}"));
        assert_int_equal(config_parse(buf_slice(&text), "f", &node_table, &got, &arena, &err),
                         depth <= CONFIG_DEPTH_MAX ? STATUS_OK : STATUS_INVALID);
    }
    assert_non_null(strstr(err.message, "nested too deeply"));
    buf_release(&text);
    arena_release(&arena);
}

static void test_files(void **unused)
{
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    struct arena arena = arena_empty(1 << 20);
    struct buf text = buf_empty(CONFIG_SIZE_MAX + 1);
    struct settings got = {0};
    struct error err = {0};

    (void)unused;
    assert_int_equal(config_load(io, "no.yaml", &settings_table, &got, &arena, &err), STATUS_NOT_FOUND);
    assert_true(buf_append_text(&text, "mode: fast\n"));
    while (text.len < CONFIG_SIZE_MAX)
        assert_true(buf_append_byte(&text, '#'));
    assert_int_equal(io_replace_file(io, "a.yaml", buf_slice(&text), NULL), STATUS_OK);
    assert_int_equal(config_load(io, "a.yaml", &settings_table, &got, &arena, &err), STATUS_OK);
    assert_true(buf_append_byte(&text, '#'));
    assert_int_equal(io_replace_file(io, "a.yaml", buf_slice(&text), NULL), STATUS_OK);
    assert_int_equal(config_load(io, "a.yaml", &settings_table, &got, &arena, &err), STATUS_TOO_LARGE);
    buf_release(&text);
    arena_release(&arena);
    sim_io_free(sim);
}

/* Too small an arena is an error, never a crash: every size up to the one that suffices. */
static void test_out_of_memory(void **unused)
{
    static const char text[] = "tag: [a, b, c, d, e]\nlabel: {a: b}\nsource: [{role: a, path: b}]\n";
    enum status status = STATUS_NO_MEMORY;

    (void)unused;
    for (size_t size = 0; status != STATUS_OK; size += 512) {
        struct arena arena = arena_empty(size);
        struct settings got;

        status = option_presets(&settings_table, &got, &arena, NULL);
        if (status == STATUS_OK)
            status = config_parse(slice_of(text), "f", &settings_table, &got, &arena, NULL);
        assert_true(status == STATUS_OK || status == STATUS_NO_MEMORY);
        arena_release(&arena);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_syntax_errors_have_a_place),
        cmocka_unit_test(test_nesting_is_bounded),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
