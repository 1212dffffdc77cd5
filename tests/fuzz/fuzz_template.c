/* tests/fuzz/fuzz_template.c -- any bytes as lines: written into a segment and read back, which the
 * writer itself checks row by row; any needle against the raw lines; and what shape_tree foresees
 * against what the tokenizer finds. The first byte sets how
 * long fields are, the rest is lines. */
#include "store/segment.h"
#include "store/shape_tree.h"
#include "tests/support/segment_names.h"
#include "tests/support/sim_io.h"

#include <stdlib.h>

enum { LINES_MAX = 64 };

static struct test_names names;

/* Every row is found by a piece of itself, and only rows that have the piece. */
static void check_needle(struct segment *segment, const struct segment_content *content,
                         struct slice needle)
{
    struct predicate filter = {.kind = PRED_TEXT,
                               .field = FIELD_ID_MSG,
                               .match = (enum text_match)(needle.len % 3),
                               .text = needle};
    struct scan_options options = {
        .time_min_ns = INT64_MIN, .time_max_ns = INT64_MAX, .filter = &filter};
    struct segment_plan *plan;
    struct scan_cost cost = {0};
    struct error err = {0};
    uint64_t found = 0, expected = 0;

    for (uint64_t i = 0; i < content->row_count; i++)
        expected += predicate_match_text(&filter, content->rows[i].event->bytes);
    switch (segment_plan_make(segment, &options, &plan, &err)) {
    case STATUS_OK:
        break;
    case STATUS_END:
        if (expected != 0)
            abort();
        return;
    default:
        abort();
    }
    for (uint32_t i = 0; i < segment_block_count(segment); i++) {
        struct block *block;
        enum status status = segment_block(segment, plan, i, &cost, &block, &err);

        if (status == STATUS_END)
            continue;
        if (status != STATUS_OK)
            abort();
        found += block_selected_count(block);
        block_release(block);
    }
    segment_plan_free(plan);
    if (found != expected)
        abort();
}

/* Every row that the tree of the rows before it knows has the template that the tokenizer finds. */
static void check_tree(const struct segment_content *content)
{
    static struct line_shape shape;
    static struct shape_tree tree;
    static uint64_t values[ROW_WORDS_MAX];
    static const uint8_t whole[FIELD_ID_WELL_KNOWN_COUNT] = {[FIELD_ID_PATH] = 1};
    struct shape_rules rules = {whole, FIELD_ID_WELL_KNOWN_COUNT};
    struct template_table table;

    template_table_init(&table);
    if (!shape_tree_init(&tree, &table))
        abort();
    for (uint64_t i = 0; i < content->row_count; i++) {
        const struct event *event = content->rows[i].event;
        struct shape_line line = {event->bytes, event->time_ns, shape_tree_list(&tree, event)};
        uint32_t number = TEMPLATE_NONE, value_count = 0, word = 0, got;

        shape_tree_set_spans(&tree, event);
        got = shape_tree_match(&tree, &line, values, &value_count);
        if (shape_read(&shape, event, &rules))
            number = template_table_get(&table, &shape, event->bytes, event->format);
        if (got != TEMPLATE_NONE && got != number)
            abort();
        for (uint32_t k = 0; got != TEMPLATE_NONE && k < shape.slot_count; k++) {
            const struct shape_slot *slot = &shape.slots[k];

            if (slot->kind.type == SLOT_TEXT ? values[word] != text_ref(slot->start, slot->len)
                                             : slot_id_size(slot->kind) == 0 &&
                                                   values[word] != slot->value)
                abort();
            word += slot_words(slot->kind);
        }
        if (got != TEMPLATE_NONE && word != value_count)
            abort();
        if (got == TEMPLATE_NONE && number != TEMPLATE_NONE)
            shape_tree_add(&tree, &shape, event, number);
    }
    shape_tree_release(&tree);
    template_table_release(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct slice formats[] = {{"any", 3}};
    static const struct event_source source = {.geo = {"eu", 2}};
    struct event events[LINES_MAX] = {{0}};
    struct event_field fields[LINES_MAX] = {{0}};
    struct segment_row rows[LINES_MAX];
    struct slice rest = {(const char *)data + 1, size - 1};
    struct segment_content content = {.rows = rows,
                                      .sources = &source,
                                      .formats = formats,
                                      .names = &names.segment,
                                      .source_count = 1,
                                      .format_count = 1};
    struct segment_summary summary;
    struct sim_io *sim;
    struct segment *segment;
    struct error err = {0};

    if (names.fields.names == NULL)
        test_names_init(&names);
    if (size < 2)
        return 0;
    while (rest.len > 0 && content.row_count < LINES_MAX) {
        struct slice line = rest;
        uint64_t i = content.row_count++;

        (void)(slice_cut(&rest, '\n', &line) || (rest = (struct slice){NULL, 0}, true));
        fields[i] = (struct event_field){.field = FIELD_ID_PATH,
                                         .start = (uint32_t)(line.len / 3),
                                         .len = (uint32_t)(line.len / 3 % (data[0] + 1u))};
        events[i] = (struct event){.time_ns = 1772409600000000000 + (int64_t)i,
                                   .bytes = line,
                                   .offset = i * 1000,
                                   .source_len = (uint32_t)line.len + 1,
                                   .fields = &fields[i],
                                   .field_count = data[0] % 2};
        rows[i] = (struct segment_row){
            .event = &events[i], .order_time_ns = events[i].time_ns, .sequence = i};
    }
    check_tree(&content);
    sim = sim_io_new(1);
    if (segment_write(sim_io_table(sim), "/one.seg", &content, &summary, &err) != STATUS_OK ||
        segment_open(sim_io_table(sim), "/one.seg", &names.segment, &segment, &err) != STATUS_OK)
        abort();
    for (uint64_t i = 0; i < content.row_count; i += 7)
        if (events[i].bytes.len > 0)
            check_needle(segment, &content,
                         slice_sub(events[i].bytes, events[i].bytes.len / 2, 1 + data[0] % 11));
    segment_close(segment);
    sim_io_free(sim);
    return 0;
}
