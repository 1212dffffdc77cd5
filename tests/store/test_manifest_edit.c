/* tests/store/test_manifest_edit.c -- days in entries of the manifest: a folder's name is made of them. */
#include "store/manifest_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void note_segment(void *user, const struct manifest_segment *segment)
{
    *(int64_t *)user = segment->day;
}

/* INT64_MAX ns are 106,751 days and some hours, INT64_MIN ns begin within day -106,752. */
static const struct day_case {
    const char *name;
    int64_t day;
    enum status status;
} day_cases[] = {
    {"today", 20782, STATUS_OK},
    {"the last", 106751, STATUS_OK},
    {"behind it", 106752, STATUS_CORRUPT},
    {"the first", -106752, STATUS_OK},
    {"before it", -106753, STATUS_CORRUPT},
    {"too large for seconds", INT64_MAX / 86400 + 1, STATUS_CORRUPT},
    {"the least", INT64_MIN, STATUS_CORRUPT},
};

static void test_days(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(day_cases); i++) {
        const struct day_case *c = &day_cases[i];
        struct manifest_segment segment = {.number = 1, .day = c->day};
        int64_t seen = 0;
        struct manifest_visitor visitor = {.segment = note_segment, .user = &seen};
        struct buf record = buf_empty(1 << 10);
        struct error err = {0};

        print_message("  %s\n", c->name);
        assert_true(manifest_put_segment(&record, &segment));
        assert_int_equal(manifest_visit(buf_slice(&record), &visitor, &err), c->status);
        assert_true(seen == (c->status == STATUS_OK ? c->day : 0));
        buf_release(&record);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_days)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
