/* What a wrong collector.yaml or command line is told (CONTRIBUTING.md): where, what, and what was
 * probably meant. */
#include "base/io.h"
#include "collector/collector_config.h"
#include "tests/support/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const struct config_case {
    const char *name, *yaml;
    const char *says; /* in the message; NULL: the file is fine */
} config_cases[] = {
    { "the least", "geo: fr\n", NULL },
    { "everything",
      "geo: fr\ndata: /d\nhttp: 127.0.0.1:1\nwire: 127.0.0.1:2\nretention: 30d\n"
      "retention_bytes: 10GiB\nmemory: 1GiB\nshards: 2\n"
      "sources:\n  - {path: '/x/*', format: nginx_access, zone: UTC, duration_unit: ms}\n", NULL },
    { "no geo", "data: /d\n", "which geo" },
    { "geo with a slash", "geo: fr/paris\n", "expected letters" },
    { "misspelt key", "geo: fr\nretension: 3d\n", "c.yaml:2:1: unknown key \"retension\"; did you "
                                                  "mean \"retention\"?" },
    { "unknown key of a small section", "geo: fr\nsources:\n  - {path: /x, colour: red}\n",
      "c.yaml:3:16: unknown key \"colour\"; the keys here are path, format" },
    { "unknown key among many", "geo: fr\nlisten: 5\n", "c.yaml:2:1: unknown key \"listen\"" },
    { "misspelt format", "geo: fr\nsources:\n  - path: /x\n    format: ngnix_access\n",
      "c.yaml:3: sources \"/x\": unknown format \"ngnix_access\"; did you mean \"nginx_access\"?" },
    { "unit that is none", "geo: fr\nsources:\n  - {path: /x, duration_unit: hours}\n",
      "duration_unit must be ns, us, ms or s, not \"hours\"" },
    { "source without path", "geo: fr\nsources:\n  - {format: json}\n", "path" },
    { "format by its family", "geo: fr\nsources:\n  - {path: '*', format: nginx}\n",
      "unknown format \"nginx\"; there are nginx_" },
    { "log_format without a name", "geo: fr\nsources:\n  - {path: '*', format: nginx_access, log_format: '$'}\n",
      "sources \"*\": log_format: byte 1: no name behind $" },
    { "memory too small for a head", "geo: fr\nmemory: 1MiB\n", "memory" },
};

static void test_files(void **unused)
{
    struct temp_dir dir;
    char path[PATH_MAX];

    (void)unused;
    temp_dir_make(&dir);
    temp_dir_join(&dir, "c.yaml", path, sizeof(path));
    for (size_t i = 0; i < COUNT_OF(config_cases); i++) {
        const struct config_case *c = &config_cases[i];
        struct arena arena = arena_empty(1 << 20);
        struct error err = {0};
        enum status status;

        print_message("  %s\n", c->name);
        temp_dir_put(&dir, "c.yaml", c->yaml, strlen(c->yaml));
        status = collector_config_check(io_system(), path, &arena, &err);
        assert_int_equal(status, c->says == NULL ? STATUS_OK : STATUS_INVALID);
        if (c->says != NULL && strstr(err.message, c->says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", err.message, c->says);
        arena_release(&arena);
    }
    temp_dir_remove(&dir);
}

/* Flags win over the file; overrides come in the order of the file. */
static void test_flags_and_overrides(void **unused)
{
    static const char yaml[] = "geo: fr\nretention: 30d\nsources:\n"
                               "  - {path: '/var/log/nginx/*', format: nginx_access}\n"
                               "  - {path: '*', zone: Europe/Paris}\n";
    struct temp_dir dir;
    char path[PATH_MAX];
    char *argv[] = { "dendro-collector", "--config", path, "--retention", "12h", NULL };
    struct arena arena = arena_empty(1 << 20);
    struct collector_config config;
    const struct source_override *override;
    struct error err = {0};

    (void)unused;
    temp_dir_make(&dir);
    temp_dir_join(&dir, "c.yaml", path, sizeof(path));
    temp_dir_put(&dir, "c.yaml", yaml, strlen(yaml));
    assert_int_equal(collector_config_load(io_system(), (struct cli_words){5, argv}, "0", &config,
                                           &arena, &err),
                     STATUS_OK);
    assert_int_equal(config.retention_ns, 12 * 3600 * 1000000000LL);
    assert_int_equal(config.wire.port, 7601);
    override = source_override_find(&config.overrides, slice_of("/var/log/nginx/a/b.log"));
    assert_non_null(override);
    assert_true(slice_is(override->format, "nginx_access"));
    override = source_override_find(&config.overrides, slice_of("/srv/x.log"));
    assert_non_null(override);
    assert_true(slice_is(override->zone, "Europe/Paris"));
    arena_release(&arena);
    temp_dir_remove(&dir);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_flags_and_overrides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
