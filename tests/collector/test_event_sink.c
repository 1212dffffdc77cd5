/* The array of events: it grows by doubling from 64, and one that follows another begins as large. */
#include "collector/event_sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void fill(struct event_sink *sink, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        assert_true(event_sink_reserve(sink));
        sink->events[sink->count++] = (struct event){.offset = i};
    }
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(sink->events[i].offset, i);
}

static const struct sink_case {
    const char *name;
    uint32_t expected, count; /* of the sink before, and events of this one */
    uint32_t capacity, then;  /* what it has, and what is expected of the next one */
} sink_cases[] = {
    {"nothing", 0, 0, 0, 0},
    {"the first event", 0, 1, 64, 32},
    {"grown twice", 0, 200, 256, 256},
    {"as many as expected", 256, 200, 256, 256},
    {"grown beyond it", 256, 257, 512, 512},
    {"half of it", 256, 128, 256, 128},
    {"less than the least", 32, 40, 64, 64},
};

static void test_expected(void **unused)
{
    struct arena arena = arena_empty(1 << 20);

    (void)unused;
    for (size_t i = 0; i < sizeof(sink_cases) / sizeof(sink_cases[0]); i++) {
        const struct sink_case *c = &sink_cases[i];
        struct event_sink sink = {.arena = &arena, .expected = c->expected};

        print_message("  %s\n", c->name);
        fill(&sink, c->count);
        assert_int_equal(sink.capacity, c->capacity);
        assert_int_equal(event_sink_expect(&sink), c->then);
        if (c->count <= c->expected) /* taken once: nothing was left behind */
            assert_true(arena.used <= c->capacity * sizeof(struct event) + _Alignof(struct event));
        arena_reset(&arena);
    }
    arena_release(&arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
