/* tests/store/test_page_cache.c -- which decoded pages stay, for how long, and for whom. */
#include "store/page_cache.h"

#include "base/memory_budget.h"
#include "tests/store/segment_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define MIB ((size_t)1 << 20)
enum { LARGE = 1 << 20, THREADS = 4, ROUNDS = 3000, SHARED_PAGES = 40 };

static struct segment_rows rows;
static struct segment *segment;
static struct page_ref *stored; /* pages that are not in the directory itself */
static uint32_t stored_count;

static int make(void **unused)
{
    const struct segment_rows_options options = {
        .seed = 3, .count = 20000, .first_kind = 0, .kind_count = 19};
    struct segment_summary summary;
    struct error err = {0};
    char path[64];

    (void)unused;
    segment_rows_init(&rows, &options);
    (void)snprintf(path, sizeof(path), "/tmp/dendro_page_cache_%d.seg", (int)getpid());
    if (segment_write(io_system(), path, &rows.content, &summary, &err) != STATUS_OK ||
        segment_open(io_system(), path, &rows.names.segment, &segment, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    (void)unlink(path);
    stored = calloc(segment->page_count, sizeof(*stored));
    stored_count = 0;
    for (uint32_t i = 0; i < segment->page_count; i++)
        if (segment->pages[i].in_line == NULL)
            stored[stored_count++] = segment->pages[i];
    assert_true(stored_count > SHARED_PAGES);
    memory_budget_set(0);
    return 0;
}

static int drop(void **unused)
{
    struct memory_class_state state;
    struct page_cache_stats stats;

    (void)unused;
    segment_close(segment);
    segment_rows_release(&rows);
    free(stored);
    page_cache_stats(&stats);
    assert_int_equal(stats.pages, 0);
    assert_int_equal(stats.bytes, 0);
    memory_budget_state(MEMORY_PAGES, &state);
    assert_int_equal(state.used, 0);
    return 0;
}

struct user {
    struct arena arena;
    struct page_uses uses;
};

static void begin(struct user *user)
{
    user->arena = arena_empty(MIB);
    user->uses = (struct page_uses){.arena = &user->arena};
}

static void end(struct user *user)
{
    page_uses_end(&user->uses);
    arena_release(&user->arena);
}

/* The page, or room for it if it is to be kept and not `ready`. */
static struct kept_page *get(struct user *user, uint32_t page, enum page_form form, uint32_t count,
                             bool *ready)
{
    bool wanted;
    struct kept_page *kept =
        page_cache_get(segment, &stored[page], form, count, &user->uses, &wanted);

    *ready = kept != NULL;
    return wanted ? page_cache_new(form, count, 0, &user->uses) : kept;
}

/* Asked for as often as it takes to be kept. */
static struct kept_page *keep(struct user *user, uint32_t page, uint32_t count)
{
    struct kept_page *kept = NULL;
    bool ready = false;

    for (int i = 0; i < 2 && kept == NULL; i++)
        kept = get(user, page, PAGE_FORM_BYTES, count, &ready);
    if (kept != NULL && !ready) {
        memset(kept->bytes, (int)page, count);
        page_cache_put(segment, &stored[page], kept, true);
    }
    return kept;
}

static bool is_kept(uint32_t page, uint32_t count)
{
    struct user user;
    bool ready;

    begin(&user);
    (void)get(&user, page, PAGE_FORM_BYTES, count, &ready);
    end(&user);
    return ready;
}

static void test_kept_at_the_second_request(void **unused)
{
    struct kept_page *kept;
    struct user user;
    bool ready;

    (void)unused;
    begin(&user);
    assert_null(get(&user, 0, PAGE_FORM_CODES, 3, &ready));
    kept = get(&user, 0, PAGE_FORM_CODES, 3, &ready);
    assert_non_null(kept);
    assert_false(ready);
    kept->codes[2] = 77;
    kept->largest = 77;
    page_cache_put(segment, &stored[0], kept, true);
    assert_ptr_equal(get(&user, 0, PAGE_FORM_CODES, 3, &ready), kept);
    assert_true(ready);
    end(&user);
    begin(&user);
    assert_ptr_equal(get(&user, 0, PAGE_FORM_CODES, 3, &ready), kept); /* also for others */
    assert_true(ready && kept->codes[2] == 77);
    assert_null(get(&user, 0, PAGE_FORM_NUMBERS, 3, &ready)); /* in another form */
    assert_null(get(&user, 0, PAGE_FORM_CODES, 4, &ready));
    end(&user);
}

static void test_what_cannot_be_decoded_is_not_kept(void **unused)
{
    struct kept_page *kept;
    struct user user;
    bool ready;

    (void)unused;
    begin(&user);
    assert_null(get(&user, 1, PAGE_FORM_NUMBERS, 5, &ready));
    kept = get(&user, 1, PAGE_FORM_NUMBERS, 5, &ready);
    assert_non_null(kept);
    page_cache_put(segment, &stored[1], kept, false);
    end(&user);
    begin(&user);
    assert_non_null(get(&user, 1, PAGE_FORM_NUMBERS, 5, &ready));
    assert_false(ready);
    end(&user);
}

static void test_two_who_decode_the_same_page(void **unused)
{
    struct kept_page *first, *second;
    struct user user, other;
    bool ready;

    (void)unused;
    begin(&user);
    begin(&other);
    assert_null(get(&user, 2, PAGE_FORM_BYTES, 9, &ready));
    first = get(&user, 2, PAGE_FORM_BYTES, 9, &ready);
    second = get(&other, 2, PAGE_FORM_BYTES, 9, &ready);
    assert_non_null(second);
    assert_ptr_not_equal(first, second);
    page_cache_put(segment, &stored[2], first, true);
    page_cache_put(segment, &stored[2], second, true); /* its user keeps it, nobody else */
    assert_ptr_equal(get(&other, 2, PAGE_FORM_BYTES, 9, &ready), first);
    end(&user);
    end(&other);
    assert_true(is_kept(2, 9));
}

static void test_pages_in_use_stay(void **unused)
{
    struct page_cache_stats stats;
    struct user user;

    (void)unused;
    begin(&user);
    for (uint32_t i = 0; i < 8; i++)
        assert_non_null(keep(&user, 10 + i, 1000));
    (void)page_cache_shrink(SIZE_MAX);
    for (uint32_t i = 0; i < 8; i++)
        assert_true(is_kept(10 + i, 1000));
    end(&user);
    assert_true(page_cache_shrink(1) >= 1000);
    (void)page_cache_shrink(SIZE_MAX);
    page_cache_stats(&stats);
    assert_int_equal(stats.pages, 0);
    assert_false(is_kept(10, 1000));
}

/* 128 MiB: 24 of pages, of which 18 here; three quarters of these for what was found again. */
static void test_a_scan_leaves_what_is_found_again(void **unused)
{
    struct page_cache_stats stats;
    struct user user;

    (void)unused;
    memory_budget_set(MEMORY_BUDGET_MIN);
    begin(&user);
    for (uint32_t i = 0; i < 5; i++)
        assert_non_null(keep(&user, i, LARGE));
    end(&user);
    for (uint32_t i = 0; i < 5; i++)
        assert_true(is_kept(i, LARGE)); /* and protected by that */
    for (uint32_t i = 5; i < stored_count; i++) {
        begin(&user);
        assert_non_null(keep(&user, i, LARGE));
        end(&user);
        page_cache_stats(&stats);
        assert_true(stats.bytes <= 18 * MIB);
    }
    for (uint32_t i = 0; i < 5; i++)
        assert_true(is_kept(i, LARGE));
    assert_true(is_kept(stored_count - 1, LARGE));
    assert_false(is_kept(stored_count / 2, LARGE));
    memory_budget_set(0);
}

static void *run(void *unused)
{
    uint64_t seed = (uint64_t)(uintptr_t)&unused;

    for (int i = 0; i < ROUNDS; i++) {
        struct user user;

        begin(&user);
        for (int k = 0; k < 4; k++) {
            const struct kept_page *kept;
            uint32_t page;

            seed = seed * 6364136223846793005u + 1442695040888963407u;
            page = (uint32_t)(seed >> 33) % SHARED_PAGES;
            kept = keep(&user, page, 200);
            if (kept != NULL && (kept->bytes[0] != (char)page || kept->bytes[199] != (char)page))
                abort();
        }
        if (i % 16 == 0)
            (void)page_cache_shrink(1000);
        end(&user);
    }
    return NULL;
}

static void test_threads(void **unused)
{
    pthread_t threads[THREADS];

    (void)unused;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kept_at_the_second_request, make, drop),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_decoded_is_not_kept, make, drop),
        cmocka_unit_test_setup_teardown(test_two_who_decode_the_same_page, make, drop),
        cmocka_unit_test_setup_teardown(test_pages_in_use_stay, make, drop),
        cmocka_unit_test_setup_teardown(test_a_scan_leaves_what_is_found_again, make, drop),
        cmocka_unit_test_setup_teardown(test_threads, make, drop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
