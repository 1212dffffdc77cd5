/* Exactly-once, as tables: each row is a state and a frame or range, and what must come of it
 * (docs/wire.md). */
#include "collector/dedup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* ---- layer 1 ---- */

static const struct begin_case {
    const char *name;
    uint64_t durable, oldest_unacked;
    uint64_t next, durable_after;
} begin_cases[] = {
    { "first connection of a new epoch", 0, 1, 1, 0 },
    { "reconnect, the last ack was lost", 7, 5, 8, 7 },
    { "reconnect, all acked", 7, 8, 8, 7 },
    { "we restarted and know nothing", 0, 5, 5, 4 },
};

static void test_begin(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(begin_cases); i++) {
        const struct begin_case *c = &begin_cases[i];
        struct lane_sequence lane = lane_sequence_begin(c->durable, c->oldest_unacked);

        print_message("  %s\n", c->name);
        assert_int_equal(lane.next_seq, c->next);
        assert_int_equal(lane.durable_seq, c->durable_after);
    }
}

/* Lane with 4 durable and 5, 6 in flight: expects 7. */
static const struct sequence_case {
    const char *name;
    uint64_t seqs[4];
    enum lane_verdict verdicts[4];
} sequence_cases[] = {
    { "the next ones", { 7, 8, 9, 10 }, { LANE_ACCEPT, LANE_ACCEPT, LANE_ACCEPT, LANE_ACCEPT } },
    { "durable ones are acked again", { 4, 1, 7, 8 },
      { LANE_DURABLE, LANE_DURABLE, LANE_ACCEPT, LANE_ACCEPT } },
    { "in flight ones are not acked", { 5, 6, 7, 7 },
      { LANE_IN_FLIGHT, LANE_IN_FLIGHT, LANE_ACCEPT, LANE_IN_FLIGHT } },
    { "a gap is said once", { 9, 10, 11, 7 }, { LANE_GAP, LANE_DROP, LANE_DROP, LANE_ACCEPT } },
    { "and again after it was closed", { 9, 7, 9, 8 },
      { LANE_GAP, LANE_ACCEPT, LANE_GAP, LANE_ACCEPT } },
};

static void test_sequence(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(sequence_cases); i++) {
        const struct sequence_case *c = &sequence_cases[i];
        struct lane_sequence lane = { .next_seq = 7, .durable_seq = 4 };

        print_message("  %s\n", c->name);
        for (size_t n = 0; n < COUNT_OF(c->seqs); n++)
            assert_int_equal(lane_sequence_take(&lane, c->seqs[n]), c->verdicts[n]);
    }
}

/* NACK of 5 while 6 and 7 were on the way behind it. */
static void test_rewind(void **unused)
{
    struct lane_sequence lane = { .next_seq = 8, .durable_seq = 4 };

    (void)unused;
    lane_sequence_rewind(&lane, 5);
    assert_int_equal(lane_sequence_take(&lane, 8), LANE_DROP); /* the NACK has said it */
    assert_int_equal(lane_sequence_take(&lane, 5), LANE_ACCEPT);
    assert_int_equal(lane_sequence_take(&lane, 6), LANE_ACCEPT);
    assert_int_equal(lane_sequence_take(&lane, 8), LANE_GAP);
}

/* ---- layer 2 ---- */

enum { KNOWN = 1, SAMPLES = 2 };
enum { T = 0x7a11, OTHER = 0xbad }; /* tail hash at the position, and another */

static const struct range_case {
    const char *name;
    unsigned state;           /* KNOWN: position is 1000 with tail T */
    uint64_t start, end, prev_tail;
    uint8_t flags;
    enum dedup_verdict verdict;
} range_cases[] = {
    { "unknown source from 0", 0, 0, 10, 0, 0, DEDUP_APPEND },
    { "unknown source from 5: who took 0..5?", 0, 5, 10, T, 0, DEDUP_GAP },
    { "unknown source from 5 with BEGIN", 0, 5, 10, T, RANGE_BEGIN, DEDUP_APPEND },
    { "unknown source from 5 with HANDOFF", 0, 5, 10, T, RANGE_HANDOFF, DEDUP_APPEND },
    { "goes on exactly", KNOWN, 1000, 1100, T, 0, DEDUP_APPEND },
    { "goes on, but over other bytes", KNOWN, 1000, 1100, OTHER, 0, DEDUP_IDENT },
    { "goes on, the shipper cannot read back", KNOWN, 1000, 1100, 0, 0, DEDUP_APPEND },
    { "nothing, exactly at the position", KNOWN, 1000, 1000, T, RANGE_FINAL, DEDUP_APPEND },
    { "ends at the position", KNOWN, 900, 1000, OTHER, 0, DEDUP_DUPLICATE },
    { "long before", KNOWN, 0, 10, OTHER, RANGE_BEGIN, DEDUP_DUPLICATE },
    { "straddles", KNOWN, 900, 1001, OTHER, 0, DEDUP_TRIM },
    { "straddles from 0 with BEGIN", KNOWN, 0, 2000, T, RANGE_BEGIN, DEDUP_TRIM },
    { "skips a byte", KNOWN, 1001, 1100, T, 0, DEDUP_GAP },
    { "BEGIN does not excuse a hole in a known source", KNOWN, 1001, 1100, T, RANGE_BEGIN,
      DEDUP_GAP },
    { "RESENT does not either", KNOWN, 1001, 1100, T, RANGE_RESENT, DEDUP_GAP },
    { "samples of an unknown source", SAMPLES, 500, 600, 0, 0, DEDUP_APPEND },
    { "samples after a pause", KNOWN | SAMPLES, 5000, 6000, 0, 0, DEDUP_APPEND },
    { "samples again", KNOWN | SAMPLES, 500, 600, 0, 0, DEDUP_DUPLICATE },
    { "samples, half of them again", KNOWN | SAMPLES, 500, 1600, 0, 0, DEDUP_TRIM },
    { "samples have no tail", KNOWN | SAMPLES, 1000, 1600, OTHER, 0, DEDUP_APPEND },
};

static void test_range(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(range_cases); i++) {
        const struct range_case *c = &range_cases[i];
        struct source_position position = { .known = (c->state & KNOWN) != 0 };
        struct batch_range range = { .start_offset = c->start, .end_offset = c->end,
                                     .prev_tail = c->prev_tail, .flags = c->flags };

        print_message("  %s\n", c->name);
        if (position.known) {
            position.offset = 1000;
            position.tail_hash = T;
        }
        assert_int_equal(dedup_range(&position, &range, !(c->state & SAMPLES)), c->verdict);
    }
}

/* After a LOSS whose end nobody could read, any tail is taken. */
static void test_tail_unknown_after_loss(void **unused)
{
    struct source_position position = { true, 1000, TAIL_HASH_UNKNOWN };
    struct batch_range range = { .start_offset = 1000, .end_offset = 1100, .prev_tail = OTHER };

    (void)unused;
    assert_int_equal(dedup_range(&position, &range, true), DEDUP_APPEND);
}

static const struct loss_case {
    const char *name;
    unsigned state;
    uint64_t from, to;
    enum dedup_verdict verdict;
} loss_cases[] = {
    { "unknown source: lost before it was ever sent", 0, 50, 100, DEDUP_APPEND },
    { "at the position", KNOWN, 1000, 1500, DEDUP_APPEND },
    { "part of it is stored already", KNOWN, 900, 1500, DEDUP_TRIM },
    { "all of it is stored already", KNOWN, 900, 1000, DEDUP_DUPLICATE },
    { "leaves a hole before it", KNOWN, 1001, 1500, DEDUP_GAP },
    { "samples may leave one", KNOWN | SAMPLES, 1001, 1500, DEDUP_APPEND },
};

static void test_loss(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(loss_cases); i++) {
        const struct loss_case *c = &loss_cases[i];
        struct source_position position = { (c->state & KNOWN) != 0, 1000, T };

        print_message("  %s\n", c->name);
        assert_int_equal(dedup_loss(&position, c->from, c->to, !(c->state & SAMPLES)),
                         c->verdict);
    }
}

/* A line of 6 bytes and a newline at [100, 107). */
static const struct line_case {
    const char *name;
    uint64_t position;
    bool kept;
    const char *bytes;
    uint64_t offset;
    uint32_t source_len;
    uint8_t flags;
} line_cases[] = {
    { "behind", 100, true, "abcdef", 100, 7, 0 },
    { "before", 107, false, "", 0, 0, 0 },
    { "long before", 500, false, "", 0, 0, 0 },
    { "first byte is stored", 101, true, "bcdef", 101, 6, WIRE_LINE_CONTINUED },
    { "only the newline is missing", 106, true, "", 106, 1, WIRE_LINE_CONTINUED },
};

static void test_line(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < COUNT_OF(line_cases); i++) {
        const struct line_case *c = &line_cases[i];
        struct batch_line line = { slice_of("abcdef"), 100, 7, 0 };

        print_message("  %s\n", c->name);
        assert_int_equal(dedup_line(c->position, &line), c->kept);
        if (!c->kept)
            continue;
        assert_true(slice_is(line.bytes, c->bytes));
        assert_int_equal(line.offset, c->offset);
        assert_int_equal(line.source_len, c->source_len);
        assert_int_equal(line.flags, c->flags);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_begin), cmocka_unit_test(test_sequence),
        cmocka_unit_test(test_rewind), cmocka_unit_test(test_range),
        cmocka_unit_test(test_tail_unknown_after_loss), cmocka_unit_test(test_loss),
        cmocka_unit_test(test_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
