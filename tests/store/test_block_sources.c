/* Which filters a block is left out for, once the sources of its rows are known. */
#include "store/block_sources.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct predicate
    on_web0 = {.kind = PRED_TEXT, .field = FIELD_ID_HOST, .match = TEXT_EXACT, .text = {"web0", 4}},
    on_web1 = {.kind = PRED_TEXT, .field = FIELD_ID_HOST, .match = TEXT_EXACT, .text = {"web1", 4}},
    is_error = {.kind = PRED_RANGE, .field = FIELD_ID_LEVEL};
static struct plan_node web0 = {.kind = NODE_GENERIC, .predicate = &on_web0};
static struct plan_node web1 = {.kind = NODE_GENERIC, .predicate = &on_web1};
static struct plan_node level = {.kind = NODE_GENERIC, .predicate = &is_error};
static struct plan_node *errors_of_web0[] = {&level, &web0}, *errors_of_web1[] = {&level, &web1};
static struct plan_node *web1_only[] = {&web1};

static const struct {
    const char *name;
    struct plan_node node;
    bool may_pass;
} cases[] = {
    {"a host it has", {.kind = NODE_GENERIC, .predicate = &on_web0}, true},
    {"a host it lacks", {.kind = NODE_GENERIC, .predicate = &on_web1}, false},
    {"a test on rows", {.kind = NODE_GENERIC, .predicate = &is_error}, true},
    {"both of them", {.kind = NODE_AND, .children = errors_of_web0, .child_count = 2}, true},
    {"one of them fails", {.kind = NODE_AND, .children = errors_of_web1, .child_count = 2}, false},
    {"not a host it lacks", {.kind = NODE_NOT, .children = web1_only, .child_count = 1}, true},
    {"either is left to the rows", {.kind = NODE_OR, .children = errors_of_web1, .child_count = 2}, true},
};

static void test_cases(void **state)
{
    static const uint32_t rows[] = {0, 0, 2, 0}; /* web0, and a host that no case names */
    struct segment_source_entry sources[3] = {{.info.source.host = SLICE_LITERAL("web0")},
                                              {.info.source.host = SLICE_LITERAL("web1")},
                                              {.info.source.host = SLICE_LITERAL("db0")}};
    _Atomic(uint64_t *) sets[2] = {NULL, NULL};
    struct segment segment = {
        .sources = sources, .source_count = 3, .block_count = 2, .block_sources = sets};

    (void)state;
    block_sources_note(&segment, 1, rows, 4);
    block_sources_note(&segment, 1, rows, 4); /* changes nothing */
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print_message("  %s\n", cases[i].name);
        assert_int_equal(block_sources_may_pass(&segment, &cases[i].node, 1), cases[i].may_pass);
        assert_true(block_sources_may_pass(&segment, &cases[i].node, 0)); /* not known */
    }
    assert_true(block_sources_may_pass(&segment, NULL, 1));
    block_sources_release(&segment);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
