/* Symbolic links on the real disk: followed where only root and we can make them, else only to
 * files below the directory in front of the pattern's first wildcard. */
#include "shipper/limits.h"
#include "shipper/options.h"
#include "shipper/shipper.h"
#include "tests/shipper/fake_collector.h"
#include "tests/support/temp_dir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { LOOK_MS = 150 };

/* Below a temporary directory: secret/key.log is outside of the root, root/own/app.log inside. The
 * link is root/others/x.log, or root/others/dir to a directory. */
static const struct link_case {
    const char *name;
    unsigned mode; /* of root/others */
    const char *link, *target;
    const char *pattern;
    bool follow_links, read;
} cases[] = {
    {"only we can make it: anywhere", 0755, "root/others/x.log", "../../secret/key.log",
     "root/others/*.log", false, true},
    {"others can, it leads out", 0777, "root/others/x.log", "../../secret/key.log",
     "root/others/*.log", false, false},
    {"others can, it leads out by an absolute path", 0777, "root/others/x.log", "ABSOLUTE",
     "root/*/*.log", false, false},
    {"others can, it leads to a file beside it", 0777, "root/others/x.log", "real.txt",
     "root/others/*.log", false, true},
    {"others can, it leads to another file below the root", 0777, "root/others/x.log",
     "../own/app.txt", "root/*/*.log", false, true},
    {"the same file is not below a longer root", 0777, "root/others/x.log", "../own/app.txt",
     "root/others/*.log", false, false},
    {"others can make the directory", 0777, "root/others/dir", "../../secret",
     "root/others/*/*.log", false, false},
    {"follow_links: the operator wants it", 0777, "root/others/x.log", "../../secret/key.log",
     "root/others/*.log", true, true},
    {"no wildcard: the operator named it, its directory does not", 0777, "root/others/x.log",
     "../../secret/key.log", "root/others/x.log", false, false},
};

static void make_tree(const struct temp_dir *dir, const struct link_case *c)
{
    static const char *const folders[] = {"secret", "root", "root/own", "root/others"};
    char path[PATH_MAX], target[PATH_MAX];

    assert_int_equal(chmod(dir->path, 0755), 0);
    for (size_t i = 0; i < COUNT_OF(folders); i++) {
        temp_dir_join(dir, folders[i], path, sizeof(path));
        assert_int_equal(mkdir(path, 0755), 0);
    }
    temp_dir_put(dir, "secret/key.log", "line\n", 5);
    temp_dir_put(dir, "root/own/app.txt", "line\n", 5);
    temp_dir_put(dir, "root/others/real.txt", "line\n", 5);
    assert_int_equal(chmod(path, c->mode), 0);
    temp_dir_join(dir, "secret/key.log", target, sizeof(target));
    temp_dir_join(dir, c->link, path, sizeof(path));
    assert_int_equal(symlink(strcmp(c->target, "ABSOLUTE") == 0 ? target : c->target, path), 0);
}

static void run(struct shipper *shipper, struct fake_collector *fake)
{
    int64_t end = io_mono_ns(io_system()) + LOOK_MS * MILLISECOND_NS;

    while (io_mono_ns(io_system()) < end) {
        struct timespec wait = {0, 1000 * 1000};

        (void)shipper_step(shipper);
        if (!fake_collector_run(fake))
            (void)nanosleep(&wait, NULL);
    }
}

static void check(const struct link_case *c)
{
    struct arena arena = arena_empty(1 << 20);
    struct fake_collector *fake = fake_collector_new();
    struct shipper_settings settings;
    struct source_settings source = {.role = "web",
                                     .format = "",
                                     .start_at = START_BEGINNING,
                                     .idle_ns = SECOND_NS,
                                     .line_size_max = 1 << 20,
                                     .follow_links = c->follow_links};
    struct shipper *shipper;
    struct temp_dir dir;
    struct error err = {0};
    char state[PATH_MAX], pattern[PATH_MAX];

    temp_dir_make(&dir);
    make_tree(&dir, c);
    temp_dir_join(&dir, "state", state, sizeof(state));
    temp_dir_join(&dir, c->pattern, pattern, sizeof(pattern));
    assert_int_equal(shipper_settings_preset(&arena, &settings, &err), STATUS_OK);
    source.path = pattern;
    settings.state = state;
    settings.geo = "test";
    settings.host = "host";
    settings.host_metrics = false;
    settings.batch_age_ns = 5 * MILLISECOND_NS;
    settings.poll_ns = 5 * MILLISECOND_NS;
    settings.source_list = (struct table_list){&source, 1};
    assert_int_equal(shipper_settings_finish(&settings, &arena, &err), STATUS_OK);
    assert_int_equal(shipper_new(io_system(), &settings, &fake->base, &shipper, &err), STATUS_OK);
    run(shipper, fake);
    assert_int_equal(fake->line_count, c->read ? 1 : 0);
    shipper_free(shipper);
    fake_collector_free(fake);
    temp_dir_remove(&dir);
    arena_release(&arena);
}

static void test_links(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        check(&cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
