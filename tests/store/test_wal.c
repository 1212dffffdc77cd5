/* tests/store/test_wal.c -- records come back in order; torn tails are cut, damage is told apart. */
#include "store/wal.h"
#include "tests/support/sim_io.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define DIR       "/wal"
#define FILE_ONE  "/wal/0000000000000001.wal"
enum { HEADER = 56 };

struct seen {
    char text[1024]; /* payloads, blank-separated */
    unsigned damaged;
    char damage[300];
};

static void on_record(void *user, const struct wal_record *record, struct buf *payload)
{
    struct seen *seen = user;
    size_t at = strlen(seen->text);

    (void)payload;
    (void)snprintf(seen->text + at, sizeof(seen->text) - at, "%.*s ", SLICE_ARG(record->payload));
}

static void on_damage(void *user, const char *path, uint64_t from, uint64_t to, const char *what)
{
    struct seen *seen = user;

    (void)path;
    (void)from;
    (void)to;
    if (seen->damaged++ == 0)
        (void)snprintf(seen->damage, sizeof(seen->damage), "%s", what);
}

static struct wal *open_wal(struct sim_io *sim, struct seen *seen)
{
    struct wal *wal = malloc(sizeof(*wal));
    struct wal_replay_visitor visitor = {on_record, on_damage, seen};
    struct error err = {0};

    assert_non_null(wal);
    memset(seen, 0, sizeof(*seen));
    assert_int_equal(wal_init(wal, sim_io_table(sim), DIR, 7, 4096, &err), STATUS_OK);
    assert_int_equal(wal_replay(wal, 0, true, &visitor, &err), STATUS_OK);
    return wal;
}

static void close_wal(struct wal *wal)
{
    wal_release(wal);
    free(wal);
}

/* One group: the words of `text`. */
static enum status write_words(struct wal *wal, const char *text, struct error *err)
{
    struct wal_record records[16];
    struct slice rest = slice_of(text), word;
    uint32_t count = 0;

    while (slice_cut(&rest, ' ', &word))
        records[count++] = (struct wal_record){.type = WAL_BATCH, .payload = word};
    records[count++] = (struct wal_record){.type = WAL_BATCH, .payload = rest};
    return wal_write_group(wal, records, count, err);
}

static struct sim_io *new_disk(void)
{
    struct sim_io *sim = sim_io_new(1);
    struct error err = {0};

    assert_int_equal(io_make_dirs(sim_io_table(sim), DIR, &err), STATUS_OK);
    assert_int_equal(io_sync_dir(sim_io_table(sim), "/", &err), STATUS_OK);
    return sim;
}

/* Three groups, each a number of 8-byte words: a record is 48 + 8 bytes. Then bytes are flipped. */
static const struct damage_case {
    const char *name;
    const char *groups[3];
    uint64_t flip_at; /* 0: nothing */
    uint64_t cut_to;  /* 0: not */
    const char *expected;
    unsigned damaged;
} damage_cases[] = {
    {"whole", {"aaaaaaaa", "bbbbbbbb cccccccc", "dddddddd"}, 0, 0,
     "aaaaaaaa bbbbbbbb cccccccc dddddddd ", 0},
    {"last record torn", {"aaaaaaaa", "bbbbbbbb", "cccccccc"}, HEADER + 2 * 56 + 50, 0,
     "aaaaaaaa bbbbbbbb ", 0},
    {"last header torn", {"aaaaaaaa", "bbbbbbbb", "cccccccc"}, HEADER + 2 * 56 + 9, 0,
     "aaaaaaaa bbbbbbbb ", 0},
    {"file cut inside the last record", {"aaaaaaaa", "bbbbbbbb", "cccccccc"}, 0,
     HEADER + 2 * 56 + 20, "aaaaaaaa bbbbbbbb ", 0},
    {"bad record with a later group behind it", {"aaaaaaaa", "bbbbbbbb", "cccccccc"},
     HEADER + 56 + 50, 0, "aaaaaaaa cccccccc ", 1},
    {"bad record of the last group: the rest of the group was never acknowledged",
     {"aaaaaaaa", "bbbbbbbb cccccccc dddddddd", NULL}, HEADER + 56 + 50, 0, "aaaaaaaa ", 0},
    {"bad record in the middle of a synced group",
     {"aaaaaaaa", "bbbbbbbb cccccccc dddddddd", "eeeeeeee"}, HEADER + 2 * 56 + 50, 0,
     "aaaaaaaa bbbbbbbb eeeeeeee ", 1},
    {"first record bad", {"aaaaaaaa", "bbbbbbbb", NULL}, HEADER + 50, 0, "bbbbbbbb ", 1},
};

static void test_damage(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(damage_cases); i++) {
        const struct damage_case *c = &damage_cases[i];
        struct sim_io *sim = new_disk();
        struct seen seen;
        struct wal *wal = open_wal(sim, &seen);
        struct error err = {0};

        print_message("  %s\n", c->name);
        for (size_t k = 0; k < COUNT_OF(c->groups) && c->groups[k] != NULL; k++)
            assert_int_equal(write_words(wal, c->groups[k], &err), STATUS_OK);
        close_wal(wal);
        if (c->flip_at > 0)
            assert_true(sim_io_flip(sim, FILE_ONE, c->flip_at, 0x10));
        if (c->cut_to > 0)
            assert_true(sim_io_cut(sim, FILE_ONE, c->cut_to));
        wal = open_wal(sim, &seen);
        assert_string_equal(seen.text, c->expected);
        assert_int_equal(seen.damaged, c->damaged);
        close_wal(wal);
        sim_io_free(sim);
    }
}

static void test_continues_after_restart(void **unused)
{
    struct sim_io *sim = new_disk();
    struct seen seen;
    struct error err = {0};
    struct wal *wal = open_wal(sim, &seen);

    (void)unused;
    assert_int_equal(write_words(wal, "one two", &err), STATUS_OK);
    close_wal(wal);
    wal = open_wal(sim, &seen);
    assert_string_equal(seen.text, "one two ");
    assert_int_equal(write_words(wal, "three", &err), STATUS_OK);
    close_wal(wal);
    wal = open_wal(sim, &seen);
    assert_string_equal(seen.text, "one two three ");
    assert_int_equal(seen.damaged, 0);
    close_wal(wal);
    sim_io_free(sim);
}

/* A torn record whose number is used again after the restart must stay gone. */
static void test_torn_number_is_reused(void **unused)
{
    struct sim_io *sim = new_disk();
    struct seen seen;
    struct error err = {0};
    struct wal *wal = open_wal(sim, &seen);

    (void)unused;
    assert_int_equal(write_words(wal, "one", &err), STATUS_OK);
    assert_int_equal(write_words(wal, "torn", &err), STATUS_OK);
    close_wal(wal);
    assert_true(sim_io_flip(sim, FILE_ONE, HEADER + 56 + 49, 1));
    wal = open_wal(sim, &seen);
    assert_string_equal(seen.text, "one ");
    assert_int_equal(write_words(wal, "two", &err), STATUS_OK);
    close_wal(wal);
    wal = open_wal(sim, &seen);
    assert_string_equal(seen.text, "one two ");
    assert_int_equal(seen.damaged, 0);
    close_wal(wal);
    sim_io_free(sim);
}

static void test_fence(void **unused)
{
    struct sim_io *sim = new_disk();
    struct seen seen;
    struct error err = {0};
    struct wal *wal = open_wal(sim, &seen);

    (void)unused;
    assert_int_equal(write_words(wal, "one", &err), STATUS_OK);
    sim_io_faults(sim)->sync_fails_at = sim_io_counts(sim).syncs + 1;
    assert_int_equal(write_words(wal, "two three", &err), STATUS_IO);
    wal_fence(wal);
    assert_int_equal(write_words(wal, "two three", &err), STATUS_OK);
    close_wal(wal);
    sim_io_crash(sim, SIM_CRASH_ALL_KEPT);
    wal = open_wal(sim, &seen);
    assert_string_equal(seen.text, "one two three "); /* once, whatever the old file kept */
    assert_int_equal(seen.damaged, 0);
    close_wal(wal);
    sim_io_free(sim);
}

/* Records of an earlier life of a recycled file must not come back. */
static void test_recycled_file(void **unused)
{
    struct sim_io *sim = new_disk();
    struct seen seen;
    struct error err = {0};
    struct wal *wal = open_wal(sim, &seen);
    char big[3001];

    (void)unused;
    memset(big, 'x', 3000);
    big[3000] = '\0';
    for (int i = 0; i < 3; i++) /* one file of 4,096 bytes each */
        assert_int_equal(write_words(wal, big, &err), STATUS_OK);
    assert_int_equal(wal_current_file(wal), 3);
    wal_recycle(wal, 3);
    assert_int_equal(write_words(wal, big, &err), STATUS_OK);
    assert_int_equal(wal_current_file(wal), 4);
    assert_int_equal(write_words(wal, "new", &err), STATUS_OK);
    close_wal(wal);
    {
        struct wal_replay_visitor visitor = {on_record, on_damage, &seen};

        wal = malloc(sizeof(*wal));
        memset(&seen, 0, sizeof(seen));
        assert_int_equal(wal_init(wal, sim_io_table(sim), DIR, 7, 4096, &err), STATUS_OK);
        assert_int_equal(wal_replay(wal, 4, true, &visitor, &err), STATUS_OK);
    }
    assert_int_equal(strlen(seen.text), 1023); /* the text is cut, the first record long */
    assert_int_equal(seen.damaged, 0);
    close_wal(wal);
    sim_io_free(sim);
}

/* A group that is given up may be on the disk all the same; the record that comes after it must not be
 * taken for it. */
static void test_given_up_group(void **unused)
{
    struct sim_io *sim = new_disk();
    struct seen seen;
    struct error err = {0};
    struct wal *wal = open_wal(sim, &seen);

    (void)unused;
    assert_int_equal(write_words(wal, "one", &err), STATUS_OK);
    sim_io_faults(sim)->sync_fails_at = sim_io_counts(sim).syncs + 1;
    assert_int_equal(write_words(wal, "given up", &err), STATUS_IO);
    wal_give_up(wal, 2);
    assert_int_equal(write_words(wal, "two", &err), STATUS_OK);
    close_wal(wal);
    sim_io_crash(sim, SIM_CRASH_ALL_KEPT);
    wal = open_wal(sim, &seen);
    assert_non_null(strstr(seen.text, "two"));
    assert_int_equal(seen.damaged, 0);
    close_wal(wal);
    sim_io_free(sim);
}

static void test_lost_file(void **unused)
{
    struct sim_io *sim = new_disk();
    struct seen seen;
    struct error err = {0};
    struct wal *wal = open_wal(sim, &seen);
    char big[3001];

    (void)unused;
    memset(big, 'x', 3000);
    big[3000] = '\0';
    for (int i = 0; i < 3; i++) /* one file of 4,096 bytes each */
        assert_int_equal(write_words(wal, big, &err), STATUS_OK);
    close_wal(wal);
    assert_int_equal(io_remove(sim_io_table(sim), "/wal/0000000000000002.wal", &err), STATUS_OK);
    wal = open_wal(sim, &seen);
    assert_int_equal(seen.damaged, 1);
    close_wal(wal);
    sim_io_free(sim);
}

static void test_disk_full(void **unused)
{
    struct sim_io *sim = new_disk();
    struct seen seen;
    struct error err = {0};
    struct wal *wal = open_wal(sim, &seen);

    (void)unused;
    sim_io_faults(sim)->disk_size = 100;
    assert_int_equal(write_words(wal, "one", &err), STATUS_DISK_FULL);
    sim_io_faults(sim)->disk_size = 0;
    assert_int_equal(write_words(wal, "one", &err), STATUS_OK);
    close_wal(wal);
    wal = open_wal(sim, &seen);
    assert_string_equal(seen.text, "one ");
    close_wal(wal);
    sim_io_free(sim);
}

static void test_damaged_header(void **unused)
{
    struct sim_io *sim = new_disk();
    struct seen seen;
    struct error err = {0};
    struct wal *wal = open_wal(sim, &seen);

    (void)unused;
    assert_int_equal(write_words(wal, "one", &err), STATUS_OK);
    close_wal(wal);
    assert_true(sim_io_flip(sim, FILE_ONE, 8, 2));
    wal = open_wal(sim, &seen);
    assert_string_equal(seen.text, "");
    close_wal(wal);
    sim_io_free(sim);
}

/* ---- framed records ---- */

enum { FRAMES_MAX = 8, FRAME_SIZE = 2 * WAL_PAGE_SIZE };

/* One group of the words of `text`; those in capitals are framed: 48 + their length in pages. */
static enum status write_frames(struct wal *wal, const char *text, struct error *err)
{
    struct wal_record records[FRAMES_MAX];
    struct slice rest = slice_of(text), word;
    char *memory = aligned_alloc(WAL_PAGE_SIZE, (size_t)FRAMES_MAX * FRAME_SIZE), *at = memory;
    uint32_t count = 0;
    enum status status;

    assert_non_null(memory);
    memset(memory, 0, (size_t)FRAMES_MAX * FRAME_SIZE);
    while (rest.len > 0) {
        struct wal_record *record = &records[count++];

        if (!slice_cut(&rest, ' ', &word)) {
            word = rest;
            rest.len = 0;
        }
        *record = (struct wal_record){.type = WAL_BATCH, .payload = word};
        record->framed = word.data[0] < 'a';
        if (record->framed) {
            memcpy(at + WAL_RECORD_HEADER_SIZE, word.data, word.len);
            record->payload.data = at + WAL_RECORD_HEADER_SIZE;
            at += FRAME_SIZE;
        }
    }
    status = wal_write_group(wal, records, count, err);
    free(memory);
    return status;
}

/* Where records stand: a file's header is 56 bytes, a record 48 and its payload; a framed one begins a
 * page of 4096 and so does what is behind it. */
static const struct frame_case {
    const char *name;
    const char *groups[3];
    uint64_t flip_at; /* 0: nothing */
    const char *expected;
    unsigned damaged;
} frame_cases[] = {
    {"framed alone", {"AAAA", "BBBB", "CCCC"}, 0, "AAAA BBBB CCCC ", 0},
    {"between others", {"aaaa", "BBBB", "cccc"}, 0, "aaaa BBBB cccc ", 0},
    {"in one group", {"aaaa BBBB CCCC dddd eeee FFFF", "gggg", "HHHH"}, 0,
     "aaaa BBBB CCCC dddd eeee FFFF gggg HHHH ", 0},
    {"the last one torn", {"aaaa", "BBBB", "CCCC"}, 2 * 4096 + 50, "aaaa BBBB ", 0},
    {"the first one bad", {"AAAA", "BBBB", NULL}, 4096 + 50, "BBBB ", 1},
    {"bad, with a later group behind it", {"aaaa", "BBBB", "cccc"}, 4096 + 50, "aaaa cccc ", 1},
    {"a small one before it bad", {"aaaa", "bbbb", "CCCC"}, 56 + 56 + 50, "aaaa CCCC ", 1},
    {"a small one of its group bad", {"aaaa", "bbbb CCCC", NULL}, 56 + 56 + 50, "aaaa ", 0},
    {"a bit of the gap", {"aaaa", "BBBB", "cccc"}, 3000, "aaaa BBBB cccc ", 0},
    {"a bit behind its payload", {"AAAA", "bbbb", "CCCC"}, 4096 + 60, "AAAA bbbb CCCC ", 0},
};

static struct wal *open_larger_wal(struct sim_io *sim, struct seen *seen)
{
    struct wal *wal = open_wal(sim, seen);

    wal->file_size = wal->size_next = 1 << 20;
    return wal;
}

static void try_frame_case(const struct frame_case *c, const struct sim_faults *faults)
{
    struct sim_io *sim = new_disk();
    struct seen seen;
    struct wal *wal = open_larger_wal(sim, &seen);
    struct error err = {0};

    *sim_io_faults(sim) = *faults;
    for (size_t k = 0; k < COUNT_OF(c->groups) && c->groups[k] != NULL; k++)
        assert_int_equal(write_frames(wal, c->groups[k], &err), STATUS_OK);
    close_wal(wal);
    sim_io_crash(sim, SIM_CRASH_ALL_LOST);
    if (c->flip_at > 0)
        assert_true(sim_io_flip(sim, FILE_ONE, c->flip_at, 0x10));
    wal = open_larger_wal(sim, &seen);
    assert_string_equal(seen.text, c->expected);
    assert_int_equal(seen.damaged, c->damaged);
    close_wal(wal);
    sim_io_free(sim);
}

static void test_framed(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(frame_cases); i++) {
        print_message("  %s\n", frame_cases[i].name);
        try_frame_case(&frame_cases[i], &(struct sim_faults){0});
    }
}

static void test_no_direct_writes(void **unused)
{
    static const struct sim_faults refusals[] = {{.no_direct_open = true},
                                                 {.no_direct_write = true}};

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(frame_cases); i++)
        for (size_t k = 0; k < COUNT_OF(refusals); k++)
            if (frame_cases[i].flip_at == 0)
                try_frame_case(&frame_cases[i], &refusals[k]);
}

/* Short writes, a failed write and a failed sync: as with small records. */
static void test_framed_faults(void **unused)
{
    struct sim_io *sim = new_disk();
    struct seen seen;
    struct error err = {0};
    struct wal *wal = open_larger_wal(sim, &seen);

    (void)unused;
    sim_io_faults(sim)->write_size_max = WAL_PAGE_SIZE;
    assert_int_equal(write_frames(wal, "ONE two THREE", &err), STATUS_OK);
    sim_io_faults(sim)->write_fails_at = sim_io_counts(sim).writes + 1;
    assert_int_equal(write_frames(wal, "FOUR", &err), STATUS_IO);
    wal_fence(wal);
    sim_io_faults(sim)->sync_fails_at = sim_io_counts(sim).syncs + 2; /* one for the new file */
    assert_int_equal(write_frames(wal, "FOUR", &err), STATUS_IO);
    wal_fence(wal);
    assert_int_equal(write_frames(wal, "FOUR", &err), STATUS_OK);
    close_wal(wal);
    sim_io_crash(sim, SIM_CRASH_ALL_KEPT);
    wal = open_larger_wal(sim, &seen);
    assert_string_equal(seen.text, "ONE two THREE FOUR ");
    assert_int_equal(seen.damaged, 0);
    assert_int_equal(sim_io_open_count(sim), 0);
    close_wal(wal);
    sim_io_free(sim);
}

/* The power goes at each call in turn: what was acknowledged is there, what was not may be, as far as
 * the groups before it are, and none of it counts as damage. */
static bool crash_at(uint64_t call, uint64_t seed)
{
    static const char *const groups[] = {"aaaa", "BBBB cccc", "dddd EEEE FFFF", "gggg",
                                         "HHHH", "iiii",      "jjjj KKKK llll"};
    struct sim_io *sim = sim_io_new(seed);
    struct seen seen;
    struct error err = {0};
    struct wal *wal;
    char written[256] = "";
    size_t acked = 0;
    bool crashed;

    assert_int_equal(io_make_dirs(sim_io_table(sim), DIR, &err), STATUS_OK);
    assert_int_equal(io_sync_dir(sim_io_table(sim), "/", &err), STATUS_OK);
    wal = open_larger_wal(sim, &seen);
    wal->file_size = wal->size_next = 5 * WAL_PAGE_SIZE; /* so that it goes over several files */
    sim_io_faults(sim)->crash_after = sim_io_counts(sim).changes + call;
    for (size_t i = 0; i < COUNT_OF(groups); i++) {
        size_t at = strlen(written);
        enum status status = write_frames(wal, groups[i], &err);

        (void)snprintf(written + at, sizeof(written) - at, "%s ", groups[i]);
        if (status != STATUS_OK)
            break;
        acked = strlen(written);
    }
    crashed = sim_io_crashed(sim);
    close_wal(wal);
    sim_io_crash(sim, SIM_CRASH_RANDOM);
    wal = open_larger_wal(sim, &seen);
    assert_int_equal(seen.damaged, 0);
    assert_true(strlen(seen.text) >= acked);
    assert_memory_equal(seen.text, written, strlen(seen.text));
    close_wal(wal);
    sim_io_free(sim);
    return crashed;
}

static void test_power_cut(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 40; seed++)
        for (uint64_t call = 0; crash_at(call, seed); call++)
            continue;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_continues_after_restart),
        cmocka_unit_test(test_torn_number_is_reused),
        cmocka_unit_test(test_fence),
        cmocka_unit_test(test_recycled_file),
        cmocka_unit_test(test_given_up_group),
        cmocka_unit_test(test_lost_file),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_damaged_header),
        cmocka_unit_test(test_framed),
        cmocka_unit_test(test_no_direct_writes),
        cmocka_unit_test(test_framed_faults),
        cmocka_unit_test(test_power_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
