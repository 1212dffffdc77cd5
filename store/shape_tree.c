/* store/shape_tree.c -- the tree of known templates: how a template's lines will be found again. */
#include "store/kernels/kernels.h"
#include "store/shape_tree_impl.h"
#include "store/text_hash.h"

#include <stdlib.h>

enum {
    TREE_EDGES_MAX = 1 << 16,
    NODE_EDGES_MAX = 24, /* a position with more words than this is not foreseeable */
    FIELD_ENDS_MAX = 2 * SHAPE_FIELDS_MAX,
};

bool shape_tree_init(struct shape_tree *tree, const struct template_table *table)
{
    tree->table = table;
    tree->edge_count = 0;
    tree->byte_masks = kernels()->byte_masks;
    tree->masks = (struct byte_masks){.token = tree->token,
                                      .digit = tree->digit,
                                      .hex = tree->hex,
                                      .copy = tree->line + SHAPE_LINE_SLACK};
    tree->edges = arena_empty(TREE_EDGES_MAX * 4 * sizeof(struct shape_edge));
    memset(tree->days, 0, sizeof(tree->days));
    memset(tree->line, 0, SHAPE_LINE_SLACK);
    field_lists_init(&tree->lists);
    tree->roots = calloc(FIELD_LISTS_MAX, sizeof(struct shape_edge *));
    return tree->roots != NULL;
}

void shape_tree_release(struct shape_tree *tree)
{
    free(tree->roots);
    tree->roots = NULL;
    field_lists_release(&tree->lists);
    arena_release(&tree->edges);
}

void shape_tree_set_spans(struct shape_tree *tree, const struct event *event)
{
    struct event_spans *spans = &tree->spans;

    assert(event->field_count <= SHAPE_FIELDS_MAX);
    for (uint32_t i = 0; i < event->field_count; i++) {
        const struct event_field *field = &event->fields[i];
        bool computed = field->text.data != NULL;

        spans->ends[2 * i] = computed ? 0 : field->start;
        spans->ends[2 * i + 1] = computed ? 0 : field->start + field->len;
        if (computed)
            spans->hashes[i] = text_hash(field->text.data, field->text.len);
    }
}

/* The end of a field that is at `at`, as shape_edge.limit. */
static int16_t limit_at(const struct line_shape *shape, uint32_t at)
{
    for (uint32_t i = 0; i < shape->field_count && !shape->fields[i].computed; i++) {
        if (shape->field_start[i] == at)
            return (int16_t)(2 * shape->fields[i].source);
        if (shape->field_end[i] == at)
            return (int16_t)(2 * shape->fields[i].source + 1);
    }
    return LIMIT_NONE;
}

/* Is a token that ends at `at` cut there, in the middle of token bytes? */
static bool is_cut_at(struct slice line, uint32_t at)
{
    return at < line.len && is_token_byte(line.data[at]);
}

static enum slot_reader reader_of(const struct shape_edge *edge)
{
    if (edge->place == PLACE_STAMP || edge->place == PLACE_STAMP_ALONE)
        return READ_STAMP;
    if (edge->place == PLACE_FREE)
        return READ_FREE;
    if (edge->cut || edge->rest_len > REST_SHORT_MAX)
        return READ_ANY;
    switch (edge->kind.type) {
    case SLOT_INT:
    case SLOT_PADDED:
        return READ_INT;
    case SLOT_DECIMAL:
        return READ_DECIMAL;
    case SLOT_TEXT:
        return READ_TEXT;
    case SLOT_IPV4:
        return READ_ADDRESS;
    case SLOT_UUID:
        return READ_ID;
    case SLOT_HEX:
        return edge->rest_len == 0 ? READ_ID : READ_ANY;
    default:
        return READ_ANY;
    }
}

/* How slot `slot`, in the region of cut `cut`, is found again. False: not by this tree. */
static bool foresee(const struct line_shape *shape, struct slice line, uint32_t slot, uint32_t cut,
                    struct shape_edge *out)
{
    const struct shape_slot *at = &shape->slots[slot];
    uint32_t from = shape->cuts[cut].at, to = shape->cuts[cut + 1].at, leaf = shape->cuts[cut].leaf;
    uint32_t end = at->start + at->len,
             token_end = shape_next_bit(shape->token, UINT64_MAX, end, to);
    bool is_field = leaf < SHAPE_FIELDS_MAX && shape->field_end[leaf] == to;

    out->kind = at->kind;
    out->unit_len = out->rest_len = 0;
    out->limit = LIMIT_NONE;
    out->cut = false;
    if (at->kind.type == SLOT_STAMP) {
        out->place = end == to ? PLACE_STAMP_ALONE : PLACE_STAMP;
        return true;
    }
    if (at->kind.type == SLOT_TEXT && at->kind.param == TEXT_FREE) {
        out->place = PLACE_FREE;
        out->limit = limit_at(shape, to);
        return out->limit != LIMIT_NONE && !is_cut_at(line, to);
    }
    out->place = PLACE_REGION;
    if (is_field && shape_next_bit(shape->token, UINT64_MAX, from, to) == to)
        out->place = PLACE_TOKEN;
    out->cut = token_end == to && is_cut_at(line, to);
    if (token_end == to)
        out->limit = limit_at(shape, to);
    if (token_end - end > UINT8_MAX)
        return false;
    out->rest_len = (uint8_t)(token_end - end);
    while (out->place == PLACE_REGION && token_end > end && line.data[token_end - 1] == '.')
        token_end--;
    out->unit_len = (uint8_t)(token_end - end);
    return true;
}

static bool edges_equal(const struct shape_edge *a, const struct shape_edge *b)
{
    return a->place == b->place && a->limit == b->limit && a->cut == b->cut &&
           (a->place != PLACE_END || a->end->number == b->end->number) &&
           a->unit_len == b->unit_len && a->rest_len == b->rest_len &&
           slot_kind_equal(a->kind, b->kind) && a->literal_len == b->literal_len &&
           memcmp(a->literal, b->literal, a->literal_len) == 0;
}

static void set_literal(struct shape_edge *edge, struct slice literal)
{
    size_t short_len = literal.len < LITERAL_SHORT_MAX ? literal.len : LITERAL_SHORT_MAX;

    edge->literal = literal.data;
    edge->literal_len = (uint32_t)literal.len;
    memcpy(edge->head, literal.data, short_len);
    memset(edge->mask, 0xff, short_len);
    edge->marked = literal.len > 0 && (literal.data[literal.len - 1] == '=' ||
                                       literal.data[literal.len - 1] == '@');
}

/* The edge that equals `wanted` of the node that begins at `first`, made if it is missing. The last of too
 * many is dropped, with all that it leads to. NULL: no memory, or the tree is full. */
static struct shape_edge *get_edge(struct shape_tree *tree, struct shape_edge **first,
                                   const struct shape_edge *wanted)
{
    struct shape_edge **link = first, *last = NULL, *edge;
    uint32_t count = 0;

    for (; *link != NULL; link = &(*link)->next) {
        if (edges_equal(*link, wanted)) {
            move_to_front(first, *link);
            return *first;
        }
        if (++count == NODE_EDGES_MAX - 1)
            last = *link;
    }
    if (tree->edge_count == TREE_EDGES_MAX)
        return NULL;
    edge = arena_new(&tree->edges, struct shape_edge, 1);
    if (edge == NULL)
        return NULL;
    tree->edge_count++;
    if (last != NULL)
        last->next = NULL;
    *edge = *wanted;
    edge->next = *first;
    edge->first = NULL;
    return *first = edge;
}

/* Ends of fields that an edge on the way compares. */
struct ends_seen {
    bool seen[FIELD_ENDS_MAX];
};

/* What template `number` expects at the end of a line. NULL without memory. */
static const struct line_end *make_end(struct shape_tree *tree, uint32_t number,
                                       const struct ends_seen *ends)
{
    struct template *template = tree->table->templates[number];
    struct line_end *end = arena_new(&tree->edges, struct line_end, 1);
    struct field_end *out =
        arena_new(&tree->edges, struct field_end, 2 * template->field_count + 1u);
    uint16_t *computed = arena_new(&tree->edges, uint16_t, template->computed_count + 1u);

    if (end == NULL || out == NULL || computed == NULL)
        return NULL;
    *end = (struct line_end){
        .template = template, .number = number, .ends = out, .computed = computed};
    for (uint32_t i = 0; i < template->field_count; i++) {
        const struct shape_field *field = &template->fields[i];
        uint16_t place = (uint16_t)(2 * field->source);

        if (field->computed) {
            computed[end->computed_count++] = field->source;
            continue;
        }
        if (!ends->seen[place])
            out[end->end_count++] =
                (struct field_end){field->begin_offset, field->begin_gap, place};
        if (!ends->seen[place + 1])
            out[end->end_count++] =
                (struct field_end){field->end_offset, field->end_gap, (uint16_t)(place + 1)};
    }
    return end;
}

/* Is template `number` known to end at this node? */
static bool has_end(const struct shape_edge *edge, uint32_t number)
{
    while (edge != NULL && !(edge->place == PLACE_END && edge->end->number == number))
        edge = edge->next;
    return edge != NULL;
}

void shape_tree_add(struct shape_tree *tree, const struct line_shape *shape,
                    const struct event *event, uint32_t number)
{
    const struct template *template = tree->table->templates[number];
    struct shape_edge last = {.place = PLACE_END, .limit = LIMIT_NONE}, **first;
    uint32_t cut = 0, list = shape_tree_list(tree, event);
    struct ends_seen ends = {{false}};

    if (list == FIELD_LIST_NONE)
        return;
    if (tree->roots[list] == NULL)
        tree->roots[list] = arena_new(&tree->edges, struct shape_edge, 1);
    if (tree->roots[list] == NULL)
        return;
    first = &tree->roots[list]->first;
    for (uint32_t slot = 0; slot < shape->slot_count; slot++) {
        struct shape_edge edge = {.depth = (uint8_t)(slot + 1)}, *got;

        while (shape->cuts[cut + 1].at <= shape->slots[slot].start)
            cut++;
        set_literal(&edge, template_gap(template, slot));
        if (!foresee(shape, event->bytes, slot, cut, &edge))
            return;
        edge.needs_digit = edge.place == PLACE_REGION && !edge.marked;
        edge.reader = (uint8_t)reader_of(&edge);
        edge.words = (uint8_t)slot_words(edge.kind);
        edge.text_len = (uint8_t)(shape->slots[slot].len <= UINT8_MAX ? shape->slots[slot].len : 0);
        if (edge.limit != LIMIT_NONE)
            ends.seen[edge.limit] = true;
        got = get_edge(tree, first, &edge);
        if (got == NULL)
            return;
        first = &got->first;
    }
    if (has_end(*first, number))
        return;
    set_literal(&last, template_gap(template, shape->slot_count));
    last.end = make_end(tree, number, &ends);
    if (last.end != NULL)
        (void)get_edge(tree, first, &last);
}
