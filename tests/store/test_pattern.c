/* tests/store/test_pattern.c -- templates as text, by hand, and the ids of texts. */
#include "store/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* Names of the fields that the cases use. */
static struct slice name_of(void *unused, field_id field)
{
    (void)unused;
    return field < FIELD_ID_WELL_KNOWN_COUNT ? slice_of(well_known_field_names[field])
                                             : SLICE_LITERAL("message");
}

enum { MESSAGE = FIELD_ID_WELL_KNOWN_COUNT };

/* `marks` has a letter under each byte of the line that belongs to a field: p path, c client,
 * s status, m message; a second row, `inner`, holds fields inside those. */
static const struct line_case {
    const char *name, *line, *marks, *inner, *pattern;
} line_cases[] = {
    {"no slots", "server started", NULL, NULL, "server started"},
    {"empty line", "", NULL, NULL, ""},
    {"types of slots", "n=17 took 0.25 of 007 from 10.0.0.1", NULL, NULL,
     "n=<num> took <num> of <num> from <ip>"},
    {"ids", "user 3f2504e0-4f89-11d3-9a0c-0305e82c3301 key deadbeef01", NULL, NULL,
     "user <uuid> key <hex>"},
    {"a unit stays", "took 12ms.", NULL, NULL, "took <num>ms."},
    {"a word behind = varies", "state=ready x", NULL, NULL, "state=<*> x"},
    {"a field is its name", "GET /a/b/7 200", "....pppppp.sss", NULL, "GET <path> <status>"},
    {"a field at the start and at the end", "10.0.0.1 - 404", "cccccccc...sss", NULL,
     "<client> - <status>"},
    {"fields inside a field are not seen", "GET /a/b/7 ok", "....pppppp...", ".......s..",
     "GET <path> ok"},
    {"fields that touch", "10.0.0.1200 x", "ccccccccsss..", NULL, "<client><status> x"},
    {"prose is written out", "[x] disk 7 is full", "....mmmmmmmmmmmmmm", NULL,
     "[x] disk <num> is full"},
    {"fields inside prose are named", "[x] from 10.0.0.1 gone", "....mmmmmmmmmmmmmmmmmm",
     ".........cccccccc.....", "[x] from <client> gone"},
    {"a time", "2026-01-01 00:00:00 up", NULL, NULL, "<time> up"},
};

static uint32_t add_spans(const char *marks, struct event_field *fields, uint32_t count)
{
    static const struct { char mark; field_id field; } kinds[] = {
        {'p', FIELD_ID_PATH}, {'c', FIELD_ID_CLIENT}, {'s', FIELD_ID_STATUS}, {'m', MESSAGE}};

    for (uint32_t at = 0; marks != NULL && marks[at] != '\0';) {
        uint32_t end = at + 1;

        while (marks[end] == marks[at])
            end++;
        for (size_t i = 0; i < COUNT_OF(kinds); i++)
            if (marks[at] == kinds[i].mark)
                fields[count++] = (struct event_field){
                    .field = kinds[i].field, .start = at, .len = end - at};
        at = end;
    }
    return count;
}

static void test_lines(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(line_cases); i++) {
        const struct line_case *c = &line_cases[i];
        struct arena arena = arena_empty(1 << 20);
        struct event_field fields[16];
        struct event event = {.bytes = slice_of(c->line), .fields = fields};
        struct pattern_column column;
        struct column out;

        print_message("  %s\n", c->name);
        event.field_count = add_spans(c->marks, fields, 0);
        event.field_count = add_spans(c->inner, fields, event.field_count);
        assert_int_equal(pattern_column_init(&column, &arena, 1, NULL), STATUS_OK);
        column.field_name = name_of;
        assert_int_equal(
            pattern_column_line(&column, 0, &event, SLICE_LITERAL("plain"), NULL), STATUS_OK);
        assert_int_equal(pattern_column_finish(&column, FIELD_ID_PATTERN, &out, NULL), STATUS_OK);
        assert_int_equal(out.dict_count, 1);
        assert_int_equal(out.dict[0].len, strlen(c->pattern));
        assert_memory_equal(out.dict[0].data, c->pattern, out.dict[0].len);
        pattern_column_release(&column);
        arena_release(&arena);
    }
}

/* Ids are kept by users and sent between geos: they may never change. XXH3-64 of the text, seeded
 * with that of the format. */
static void test_ids(void **unused)
{
    static const struct slice one = {"GET", 3}, none = {"", 0};
    struct pattern_source source = {.gaps = &one};
    struct buf scratch = buf_empty(1 << 16);
    struct pattern a, b, c;
    char digits[PATTERN_ID_SIZE];

    (void)unused;
    assert_true(pattern_make(&source, SLICE_LITERAL("x"), &scratch, &a));
    assert_true(pattern_make(&source, SLICE_LITERAL("x"), &scratch, &b));
    assert_true(pattern_make(&source, SLICE_LITERAL("y"), &scratch, &c));
    assert_true(a.id == b.id);
    assert_true(a.id != c.id); /* the format counts */
    source.gaps = &none;
    assert_true(pattern_make(&source, none, &scratch, &c));
    assert_true(c.id != a.id && c.id != 0);
    pattern_id_print(0x00000000deadbeef, digits);
    assert_memory_equal(digits, "00000000deadbeef", sizeof(digits));
    buf_release(&scratch);
}

/* Longer texts are cut for show, between characters; what is behind the cut still counts. */
static void test_long(void **unused)
{
    char *text = malloc(PATTERN_SIZE_MAX + 100);
    struct slice line = {text, PATTERN_SIZE_MAX + 100};
    struct pattern_source source = {.gaps = &line};
    struct buf scratch = buf_empty(1 << 16);
    struct pattern a, b;

    (void)unused;
    assert_non_null(text);
    memset(text, 'a', line.len);
    memcpy(text + PATTERN_SIZE_MAX - 1, "\xc3\xa9", 2); /* lies across the cut */
    assert_true(pattern_make(&source, SLICE_LITERAL("x"), &scratch, &a));
    assert_int_equal(a.text.len, PATTERN_SIZE_MAX - 1);
    text[line.len - 1] = 'b';
    assert_true(pattern_make(&source, SLICE_LITERAL("x"), &scratch, &b));
    assert_true(a.id != b.id);
    buf_release(&scratch);
    free(text);
}

/* Places that no tokenizer makes (a directory may say anything): left out, nothing is read. */
static void test_fields_outside(void **unused)
{
    static const struct slice gaps[2] = {{"ab", 2}, {"cd", 2}};
    static const struct slot_kind kind = {SLOT_INT, 0};
    static const struct pattern_field fields[] = {
        {{"a", 1}, 0, 3, 1, 0}, {{"b", 1}, 0, 0, 2, 0}, {{"c", 1}, 1, 2, 1, 1}, {{"d", 1}, 1, 0, 1, 3}};
    struct pattern_source source = {1, COUNT_OF(fields), gaps, &kind, fields};
    struct buf out = buf_empty(100);

    (void)unused;
    assert_true(pattern_write(&source, &out));
    assert_int_equal(out.len, 9);
    assert_memory_equal(out.data, "ab<num>cd", 9);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_fields_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
