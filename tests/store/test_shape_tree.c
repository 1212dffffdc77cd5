/* tests/store/test_shape_tree.c -- what the tree foresees is what the tokenizer finds.
 *
 * Lines of all kinds of the bench's corpus, with regular and with random fields, and changed copies of
 * them: the template that shape_tree_match() gives must be the one of shape_read(), with the same
 * values. And hand-made pairs of lines of which the second must not be taken for the first. */
#include "store/shape_tree.h"

#include "store/shaped_rows.h"
#include "store/text_hash.h"
#include "tests/store/segment_rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ROWS = 6000, COPIES = 5, WHOLE_FIELDS = 64 };

struct both_ways {
    struct line_shape shape;
    struct template_table table;
    struct shape_tree tree;
    uint8_t whole[WHOLE_FIELDS];
    uint64_t foreseen, total;
};

static struct both_ways *begin(void)
{
    struct both_ways *ways = calloc(1, sizeof(*ways));

    assert_non_null(ways);
    template_table_init(&ways->table);
    assert_true(shape_tree_init(&ways->tree, &ways->table));
    return ways;
}

static void end(struct both_ways *ways)
{
    shape_tree_release(&ways->tree);
    template_table_release(&ways->table);
    free(ways);
}

/* The words of a row by the long way, as shaped_rows.h describes them. */
static uint32_t expected_values(const struct line_shape *shape, const struct event *event,
                                uint64_t *out)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < shape->slot_count; i++) {
        const struct shape_slot *slot = &shape->slots[i];
        struct slice text = slice_sub(event->bytes, slot->start, slot->len);

        if (slot->kind.type == SLOT_TEXT) {
            out[count++] = text_ref(slot->start, slot->len);
            out[count++] = text_hash(text.data, text.len);
        } else if (slot_id_size(slot->kind) > 0) {
            memset(out + count, 0, slot_words(slot->kind) * sizeof(*out));
            slot_id_read(slot->kind, text, (uint8_t *)(out + count));
            count += slot_words(slot->kind);
        } else {
            out[count++] = slot->value;
        }
    }
    for (uint32_t i = 0; i < shape->field_count; i++)
        if (shape->fields[i].computed) {
            struct slice text = event->fields[shape->fields[i].source].text;

            out[count++] = text_hash(text.data, text.len);
        }
    return count;
}

/* One event both ways; true if it was foreseen. */
static bool compare(struct both_ways *ways, const struct event *event)
{
    static uint64_t values[ROW_WORDS_MAX], expected[ROW_WORDS_MAX];
    struct shape_rules rules = {ways->whole, WHOLE_FIELDS};
    struct shape_line line = {event->bytes, event->time_ns, shape_tree_list(&ways->tree, event)};
    uint32_t value_count = 0, got, number = TEMPLATE_NONE;

    shape_tree_set_spans(&ways->tree, event);
    got = shape_tree_match(&ways->tree, &line, values, &value_count);
    if (shape_read(&ways->shape, event, &rules))
        number = template_table_get(&ways->table, &ways->shape, event->bytes, event->format);
    ways->total++;
    if (got != TEMPLATE_NONE) {
        assert_int_equal(got, number);
        assert_int_equal(value_count, expected_values(&ways->shape, event, expected));
        assert_memory_equal(values, expected, value_count * sizeof(*values));
        ways->foreseen++;
    } else if (number != TEMPLATE_NONE) {
        shape_tree_add(&ways->tree, &ways->shape, event, number);
    }
    return got != TEMPLATE_NONE;
}

/* A copy of the event in memory of its own size, with up to three bytes changed. */
static void compare_changed(struct both_ways *ways, struct corpus_random *random,
                            const struct event *event)
{
    static const char odd[] = "\0\n\t \"=@.-_,:/[]09159azfAZ\x80\xff";
    struct event changed = *event;
    char *bytes;

    if (event->bytes.len == 0)
        return;
    bytes = malloc(event->bytes.len);
    assert_non_null(bytes);
    memcpy(bytes, event->bytes.data, event->bytes.len);
    for (uint32_t i = random_below(random, 3); i < 3; i++) {
        uint32_t at = random_below(random, (uint32_t)event->bytes.len);

        for (uint32_t tries = 0; tries < 4 && (unsigned char)(bytes[at] - '0') > 9; tries++)
            at = random_below(random, (uint32_t)event->bytes.len); /* slots have digits */
        if (random_below(random, 3) == 0)
            bytes[at] = event->bytes.data[random_below(random, (uint32_t)event->bytes.len)];
        else
            bytes[at] = odd[random_below(random, sizeof(odd) - 1)];
    }
    changed.bytes.data = bytes;
    (void)compare(ways, &changed);
    free(bytes);
}

/* DENDRO_SHAPE_SEEDS=N: so many times as long. */
static uint64_t seed_count(void)
{
    const char *text = getenv("DENDRO_SHAPE_SEEDS");

    return text == NULL ? 1 : strtoull(text, NULL, 10);
}

static void test_corpus(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= seed_count(); seed++)
        for (unsigned faults = 0; faults < 2; faults++) {
            struct both_ways *ways = begin();
            struct segment_rows rows;

            segment_rows_init(&rows, &(struct segment_rows_options){.seed = seed * 2 + faults,
                                                                    .count = ROWS,
                                                                    .kind_count = corpus_kind_count,
                                                                    .faults = faults == 1});
            for (uint32_t i = 0; i < WHOLE_FIELDS; i++)
                ways->whole[i] = (uint8_t)random_below(&rows.corpus.random, 2);
            for (uint32_t i = 0; i < ROWS; i++) {
                (void)compare(ways, &rows.events[i]);
                for (uint32_t k = 0; k < COPIES; k++)
                    compare_changed(ways, &rows.corpus.random, &rows.events[i]);
            }
            print_message("  faults %u: %llu of %llu foreseen\n", faults,
                          (unsigned long long)ways->foreseen, (unsigned long long)ways->total);
            assert_true(ways->foreseen > ROWS / 10);
            segment_rows_release(&rows);
            end(ways);
        }
}

/* After `first`, is `second` foreseen? compare() checks that it is right; `foreseen` that the tree does
 * its work where it can and knows its limits where not. '<' and '>' bound a field (one, the tenant; not
 * part of the line), which is one slot. */
static const struct pair_case {
    const char *name, *first, *second;
    bool foreseen;
} pair_cases[] = {
    {"same kinds", "got 17 rows in 3.5 ms", "got 9 rows in 12.25 ms", true},
    {"literal differs", "got 17 rows", "got 17 cows", false},
    {"line goes on", "got 17 rows", "got 17 rows more", false},
    {"line ends early", "got 17 rows", "got 17 row", false},
    {"int of eight digits at the start", "12345678 a", "87654321 a", true},
    {"long int", "n=1234567890123456", "n=12345678", true},
    {"leading zero", "n 17", "n 07", false},
    {"another width", "n 007", "n 07", false},
    {"negative", "n 17", "n -17", true},
    {"minus zero is text", "n 17", "n -0", false},
    {"zero alone", "n 17", "n 0", true},
    {"eight digits", "n 17", "n 98765432", true},
    {"nine digits", "n 17", "n 987654321", true},
    {"sixteen digits", "n 17", "n 9876543210987654", true},
    {"seventeen digits", "n 17", "n 98765432109876543", true},
    {"nineteen digits: text", "n 17", "n 9876543210987654321", false},
    {"decimal of sixteen digits", "n 1.5", "n 87654321.12345678", true},
    {"decimal of seventeen digits", "n 1.5", "n 87654321.123456789", true},
    {"decimal that was padded", "n 01.5", "n 1.5", false},
    {"unit", "took 17ms.", "took 3ms.", true},
    {"other unit", "took 17ms", "took 17s", false},
    {"unit gone", "took 17ms", "took 17", false},
    {"no unit: text", "took 17ms", "took 17xs", false},
    {"full stops", "took 17...", "took 1...", true},
    {"more full stops than a window", "took 17.............................................",
     "took 1.............................................", true},
    {"one full stop less", "took 17.............................................",
     "took 17............................................", false},
    {"literal of 17 bytes", "abcdefghijklmnop=1", "abcdefghijklmnop=2", true},
    {"byte 17 of 17 differs", "abcdefghijklmnop=1", "abcdefghijklmnop@1", false},
    {"byte 17 of 32 differs", "abcdefghijklmnop:bcdefghijklmno=1",
     "abcdefghijklmnop;bcdefghijklmno=1", false},
    {"byte 17 of 33 differs", "abcdefghijklmnop:bcdefghijklmnop=1",
     "abcdefghijklmnop;bcdefghijklmnop=1", false},
    {"byte 33 of 33 differs", "abcdefghijklmnopabcdefghijklmnop=1",
     "abcdefghijklmnopabcdefghijklmnop@1", false},
    {"literal of 49 bytes", "abcdefghijklmnopabcdefghijklmnopabcdefghijklmnop=1",
     "abcdefghijklmnopabcdefghijklmnopabcdefghijklmnop=2", true},
    {"byte 17 of 49 differs", "abcdefghijklmnopabcdefghijklmnopabcdefghijklmnop=1",
     "abcdefghijklmnop:bcdefghijklmnopabcdefghijklmnop=1", false},
    {"byte 48 of 49 differs", "abcdefghijklmnopabcdefghijklmnopabcdefghijklmno:=1",
     "abcdefghijklmnopabcdefghijklmnopabcdefghijklmno;=1", false},
    {"byte 49 of 49 differs", "abcdefghijklmnopabcdefghijklmnopabcdefghijklmnop=1",
     "abcdefghijklmnopabcdefghijklmnopabcdefghijklmnop@1", false},
    {"line ends inside a long literal", "n 1 abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
     "n 1 abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrst", false},
    {"line ends inside a literal", "n 1 abcdefghijklmnopqrstuvwxyz", "n 1 abcdefghijklmnopqrstuvwxy",
     false},
    {"digit behind the stop", "took 17.", "took 17.5", false},
    {"text with full stop", "host web1.", "host db22.", true},
    {"text that is hex", "host web1 up", "host deadbeef01 up", false},
    {"text that is a number", "host web1 up", "host 12 up", false},
    {"text that begins with digits", "v 67b2c1de.178b up", "v 0.9167.4 up", true},
    {"text with points that is an address", "v 1.2.3-rc1 up", "v 1.2.3.4 up", false},
    {"text with points that is a decimal", "v 1.2.3-rc1 up", "v 1.2ms up", false},
    {"text with points and full stop", "v 1.2.3-rc1 up", "v 1.2.. up", false},
    {"text with dashes that is a number", "v <---> up", "v <-12> up", false},
    {"text with dashes", "v <---> up", "v <----> up", true},
    {"text with dashes that is a uuid", "v 2b7e1516-1111-4222-8333-44445555666x",
     "v 2b7e1516-1111-4222-8333-444455556666", false},
    {"text that is a stamp", "v 2026-02-xT-x-x 10:20:30 up", "v 2026-03-02T10:20:30 up", false},
    {"text without a trigger", "host web1 up", "host webx up", false},
    {"text behind '='", "host=web1 up", "host=db up", true},
    {"hex that is a number", "id deadbeef0123", "id 123456789012", false},
    {"hex with a unit's look", "id deadbeef", "id 1234567d", false},
    {"hex of five bytes", "id dee00a0ab2", "id 30035bcf72", true},
    {"hex of five bytes that is none", "id dee00a0ab2", "id dee00a0abg", false},
    {"hex of seven bytes of other case at the end", "id dee00a0ab2c3cd", "id dee00a0ab2c3cD",
     false},
    {"hex of 17 bytes", "id 0123456789abcdef0123456789abcdef0f",
     "id f123456789abcdef0123456789abcdeff0", true},
    {"hex of a byte more", "id dee00a0ab2", "id dee00a0ab2b2", false},
    {"hex of other case", "id deadbeef", "id DEADBEEF", false},
    {"uuid", "id 2b7e1516-1111-4222-8333-444455556666", "id 99999999-1111-4222-8333-444455556666",
     true},
    {"address", "from 10.1.2.3", "from 192.168.255.255", true},
    {"address out of range", "from 10.1.2.3", "from 10.1.2.256", false},
    {"stamp", "2026-03-02 10:20:30 x", "2026-03-03 11:21:31 x", true},
    {"stamp with a fraction", "2026-03-02 10:20:30 x", "2026-03-02 10:20:30,123 x", false},
    {"no such day", "2026-03-02 10:20:30 x", "2026-02-30 10:20:30 x", false},
    {"stamp where a text was", "at 2026-x3-02 10:20:30", "at 2026-03-02 10:20:30", false},
    {"syslog stamp where an int was", "Jan 12 1x:20:30 x", "Jan 12 10:20:30 x", false},
    {"syslog stamp", "Jan 12 10:20:30 x", "Feb 28 00:00:00 x", true},
    {"free field", "user <a b> in", "user <c d e> in", true},
    {"free field with no delimiter", "user <a b> in", "user <ab> in", false},
    {"mark before a word", "user <a b>in", "user <a=>in", false},
    {"token field", "user <ab> in", "user <cde> in", true},
    {"token field with a delimiter", "user <ab> in", "user <a b> in", false},
    {"field ends inside a token", "user <ab>c1 in", "user <xyz>c1 in", true},
    {"field ends elsewhere", "user <ab>c1 in", "user <abc>1 in", false},
    {"empty field", "user <> in 1", "user <> in 2", true},
    {"field gone", "user <ab> in", "user ab in", false},
};

/* A line without '<' and '>', which bound its field. */
static void make_event(const char *text, struct event *event, struct event_field *field, char *room)
{
    size_t len = 0;

    *field = (struct event_field){.field = FIELD_ID_TENANT};
    *event = (struct event){.time_ns = 1772409600000000000, .fields = field};
    for (; *text != '\0'; text++)
        if (*text == '<') {
            field->start = (uint32_t)len;
            event->field_count = 1;
        } else if (*text == '>') {
            field->len = (uint32_t)len - field->start;
        } else {
            room[len++] = *text;
        }
    event->bytes = (struct slice){room, len};
}

static void test_pairs(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(pair_cases); i++) {
        struct both_ways *ways = begin();
        struct event event;
        struct event_field field;
        char room[128];

        print_message("  %s\n", pair_cases[i].name);
        memset(ways->whole, 1, sizeof(ways->whole));
        make_event(pair_cases[i].first, &event, &field, room);
        assert_false(compare(ways, &event));
        assert_int_equal(compare(ways, &event), strstr(pair_cases[i].name, "mark") == NULL);
        make_event(pair_cases[i].second, &event, &field, room);
        assert_int_equal(compare(ways, &event), pair_cases[i].foreseen);
        end(ways);
    }
}

/* More different words at one place than a node tries, in turns: always right, and never more memory. */
static void test_many_words(void **unused)
{
    struct both_ways *ways = begin();

    (void)unused;
    for (uint32_t i = 0; i < 2000; i++) {
        char text[64];
        struct event event = {.bytes = {text, 0}};

        event.bytes.len = (size_t)snprintf(text, sizeof(text), "word %c%c%c took %u ms", 'a' + i % 26,
                                           'a' + i / 26 % 10, 'x', i);
        (void)compare(ways, &event);
    }
    assert_true(ways->tree.edge_count < 65536);
    end(ways);
}

/* The tree hashes texts of which more may be read: whatever stands behind them must not count. And each
 * byte must: texts of 0 to 40 bytes, and the same with one byte changed. */
static void test_hashes(void **unused)
{
    static const char line[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    enum { LEN_MAX = 40 };

    (void)unused;
    for (size_t len = 0; len <= LEN_MAX; len++) {
        char text[LEN_MAX + 1];
        uint64_t hash = text_hash(memcpy(text, line, len), len);

        print_message("  %zu bytes\n", len);
        assert_true(text_hash_readable(line, len) == hash);
        for (size_t i = 0; i < len; i++) {
            text[i] ^= 1;
            assert_true(text_hash(text, len) != hash);
            text[i] ^= 1;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_many_words),
        cmocka_unit_test(test_corpus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
