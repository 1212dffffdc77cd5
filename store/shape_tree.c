/* store/shape_tree.c -- walk a line along the templates of its format.
 *
 * Why a walk that reaches the end gives what shape_read() gives. Its fields are checked to begin and
 * end where those of the template do, so the regions that shape_read() scans correspond. Inside a
 * region that scan jumps to the next trigger and widens it to its token:
 *   - literals are equal byte for byte, and a byte is a trigger by itself and the byte before it. So
 *     literals hold no trigger here either, except for their first byte behind a free slot that ends
 *     with '=' or '@': a free slot before a token byte is not foreseen at all;
 *   - a slot's token must hold a trigger; it begins at the slot, because the byte before it is the same
 *     as in the template, or a region or a stamp ends there, as in the template;
 *   - it ends at the first byte that is no token byte, or where its region ends;
 *   - the kind is that of the token (slot_expect_bits), and no stamp begins there (may_be_stamp), or
 *     the stamp of the foreseen layout does (stamp_expect).
 * Bytes behind a slot that belong to its token (a unit, full stops) are the next literal's first. */
#include "store/shape_tree.h"

#include "base/hash.h"
#include "store/kernels/kernels.h"

#include <stdlib.h>

enum {
    TREE_NODES_MAX = 1 << 16,
    EDGES_TRIED_MAX = 24, /* per node; a position with more words than this is not foreseeable */
    LIMIT_NONE = -1,
};
#define EDGE_NONE UINT32_MAX

enum slot_place {
    PLACE_END,    /* no slot: the literal ends the line */
    PLACE_REGION, /* a token with a trigger */
    PLACE_TOKEN,  /* a field of token bytes only */
    PLACE_FREE,   /* a field that is one slot */
    PLACE_STAMP,
    PLACE_STAMP_ALONE, /* a region ends with it */
};

struct shape_edge {
    uint64_t head, head_mask; /* first eight bytes of the literal */
    const char *literal;
    uint32_t literal_len;
    uint32_t next;     /* edge of the same node, tried after this one */
    uint32_t target;   /* node; of PLACE_END, template */
    int32_t limit;     /* the slot's token ends where this field begins (2 * source) or ends (2 * source
                          + 1), if not before; LIMIT_NONE: the line */
    uint8_t place;     /* enum slot_place */
    uint8_t unit_len;  /* of the token behind the slot: part of the next literal */
    uint8_t rest_len;  /* the same with full stops */
    struct slot_kind kind;
};

bool shape_tree_init(struct shape_tree *tree, const struct template_table *table,
                     uint32_t format_count)
{
    *tree = (struct shape_tree){.table = table, .format_count = format_count};
    tree->node_capacity = format_count + 1024;
    tree->edge_capacity = tree->node_capacity;
    tree->node_count = format_count;
    tree->first_edges = malloc(tree->node_capacity * sizeof(*tree->first_edges));
    tree->edges = malloc(tree->edge_capacity * sizeof(*tree->edges));
    if (tree->first_edges == NULL || tree->edges == NULL)
        return false;
    memset(tree->first_edges, 0xff, format_count * sizeof(*tree->first_edges));
    return true;
}

void shape_tree_release(struct shape_tree *tree)
{
    free(tree->first_edges);
    free(tree->edges);
    *tree = (struct shape_tree){0};
}

static bool reserve(struct shape_tree *tree, uint32_t extra)
{
    uint32_t edges = tree->edge_count + extra, nodes = tree->node_count + extra;

    if (nodes > TREE_NODES_MAX || edges > TREE_NODES_MAX)
        return false;
    if (edges > tree->edge_capacity) {
        uint32_t capacity = edges * 2;
        struct shape_edge *grown = realloc(tree->edges, capacity * sizeof(*grown));

        if (grown == NULL)
            return false;
        tree->edges = grown;
        tree->edge_capacity = capacity;
    }
    if (nodes > tree->node_capacity) {
        uint32_t capacity = nodes * 2;
        uint32_t *grown = realloc(tree->first_edges, capacity * sizeof(*grown));

        if (grown == NULL)
            return false;
        tree->first_edges = grown;
        tree->node_capacity = capacity;
    }
    return true;
}

/* The field that begins or ends at `at`, as shape_edge.limit. */
static int32_t limit_at(const struct line_shape *shape, uint32_t at)
{
    for (uint32_t i = 0; i < shape->field_count && !shape->fields[i].computed; i++) {
        if (shape->field_start[i] == at)
            return 2 * shape->fields[i].source;
        if (shape->field_end[i] == at)
            return 2 * shape->fields[i].source + 1;
    }
    return LIMIT_NONE;
}

/* How slot `slot`, in the region of cut `cut`, is found again. False: not by this tree. */
static bool foresee(const struct line_shape *shape, struct slice line, uint32_t slot, uint32_t cut,
                    struct shape_edge *out)
{
    const struct shape_slot *at = &shape->slots[slot];
    uint32_t from = shape->cuts[cut].at, to = shape->cuts[cut + 1].at, leaf = shape->cuts[cut].leaf;
    uint32_t end = at->start + at->len, token_end = shape_next_bit(shape->token, UINT64_MAX, end, to);
    bool is_field = leaf < SHAPE_FIELDS_MAX && shape->field_end[leaf] == to;

    out->kind = at->kind;
    out->unit_len = out->rest_len = 0;
    out->limit = LIMIT_NONE;
    if (at->kind.type == SLOT_STAMP) {
        out->place = end == to ? PLACE_STAMP_ALONE : PLACE_STAMP;
        return true;
    }
    if (at->kind.type == SLOT_TEXT && at->kind.param == TEXT_FREE) {
        out->place = PLACE_FREE;
        out->limit = limit_at(shape, to);
        return to == line.len || !is_token_byte(line.data[to]);
    }
    out->place = PLACE_REGION;
    if (is_field && shape_next_bit(shape->token, UINT64_MAX, from, to) == to)
        out->place = PLACE_TOKEN;
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
    return a->place == b->place && a->limit == b->limit &&
           (a->place != PLACE_END || a->target == b->target) && a->unit_len == b->unit_len && a->rest_len == b->rest_len &&
           slot_kind_equal(a->kind, b->kind) && a->literal_len == b->literal_len &&
           a->head == b->head && memcmp(a->literal, b->literal, a->literal_len) == 0;
}

static void set_literal(struct shape_edge *edge, struct slice literal)
{
    edge->literal = literal.data;
    edge->literal_len = (uint32_t)literal.len;
    edge->head = 0;
    memcpy(&edge->head, literal.data, literal.len < 8 ? literal.len : 8);
    edge->head_mask = literal.len >= 8 ? UINT64_MAX : ((uint64_t)1 << (8 * literal.len)) - 1;
}

/* Take `edge` out of its place behind `before` and make it the first of its node. */
static void move_to_front(struct shape_tree *tree, uint32_t node, uint32_t before, uint32_t edge)
{
    if (before == EDGE_NONE)
        return;
    tree->edges[before].next = tree->edges[edge].next;
    tree->edges[edge].next = tree->first_edges[node];
    tree->first_edges[node] = edge;
}

/* The edge of `node` that equals `wanted`, made if it is missing. The last of too many is dropped,
 * with all that it leads to. */
static struct shape_edge *get_edge(struct shape_tree *tree, uint32_t node,
                                   const struct shape_edge *wanted)
{
    uint32_t before = EDGE_NONE, tried = 0, last = EDGE_NONE, edge;

    for (edge = tree->first_edges[node]; edge != EDGE_NONE;
         before = edge, edge = tree->edges[edge].next) {
        if (edges_equal(&tree->edges[edge], wanted)) {
            move_to_front(tree, node, before, edge);
            return &tree->edges[edge];
        }
        if (++tried == EDGES_TRIED_MAX - 1)
            last = edge;
    }
    if (last != EDGE_NONE)
        tree->edges[last].next = EDGE_NONE;
    edge = tree->edge_count++;
    tree->edges[edge] = *wanted;
    tree->edges[edge].next = tree->first_edges[node];
    tree->first_edges[node] = edge;
    if (wanted->place != PLACE_END) {
        tree->edges[edge].target = tree->node_count;
        tree->first_edges[tree->node_count++] = EDGE_NONE;
    }
    return &tree->edges[edge];
}

void shape_tree_add(struct shape_tree *tree, const struct line_shape *shape,
                    const struct event *event, uint32_t number)
{
    const struct template *template = tree->table->templates[number];
    struct shape_edge last = {.place = PLACE_END, .limit = LIMIT_NONE, .target = number};
    uint32_t node = event->format, cut = 0;

    if (event->format >= tree->format_count || !reserve(tree, shape->slot_count + 1))
        return;
    for (uint32_t slot = 0; slot < shape->slot_count; slot++) {
        struct shape_edge edge;

        while (shape->cuts[cut + 1].at <= shape->slots[slot].start)
            cut++;
        set_literal(&edge, template_gap(template, slot));
        if (!foresee(shape, event->bytes, slot, cut, &edge))
            return;
        node = get_edge(tree, node, &edge)->target;
    }
    set_literal(&last, template_gap(template, shape->slot_count));
    (void)get_edge(tree, node, &last);
}

/* A line being walked. */
struct walk {
    const struct line_shape *shape; /* its bitmaps */
    uint32_t *gap_starts;
    const struct event *event;
    struct slice line;
    uint64_t *out;
};

static inline uint64_t load8(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

static inline bool starts_with_literal(struct slice line, uint32_t at, const struct shape_edge *edge)
{
    size_t left = line.len - at, len = edge->literal_len;
    const char *from = line.data + at;

    if (left < 8)
        return len == 0 || (len <= left && memcmp(from, edge->literal, len) == 0);
    if ((load8(from) & edge->head_mask) != edge->head)
        return false;
    if (len <= 8)
        return true;
    if (len > left)
        return false;
    if (len <= 16)
        return load8(from + len - 8) == load8(edge->literal + len - 8);
    return memcmp(from + 8, edge->literal + 8, len - 8) == 0;
}

/* Could stamp_read() find a stamp at or before the token [start, end)? The same questions as in
 * stamp_at() of the tokenizer, without its limits. */
static bool is_stamp_like(struct slice line, uint32_t start, uint32_t token_len)
{
    const char *at = line.data + start;
    uint32_t left = (uint32_t)line.len - start, back = token_len == 2 ? 4 : 5;

    if (token_len >= 10)
        return stamp_may_start(slice_from(line, start));
    if (token_len == 4)
        return left >= 19 && at[4] == '/' && at[7] == '/';
    if (token_len == 2 && left >= 20 && (at[2] == '/' || at[2] == ' ') && at[6] == at[2] &&
        stamp_may_start(slice_from(line, start)))
        return true;
    return left >= 10 && at[token_len] == ' ' && start >= back && at[-1] == ' ' &&
           (unsigned char)(at[-(int)back] - 'A') <= 25 &&
           stamp_may_start(slice_from(line, start - back));
}

static inline bool may_be_stamp(struct slice line, uint32_t start, uint32_t end)
{
    const char *at = line.data + start;
    uint32_t token_len = end - start;

    if (token_len >= 10 ? at[4] != '-' || at[7] != '-' : token_len != 4 && token_len > 2)
        return false;
    return is_stamp_like(line, start, token_len);
}

static inline uint32_t limit_of(const struct walk *walk, const struct shape_edge *edge)
{
    const struct event_field *field;
    uint32_t at;

    if (edge->limit == LIMIT_NONE)
        return (uint32_t)walk->line.len;
    if ((uint32_t)edge->limit / 2 >= walk->event->field_count)
        return 0;
    field = &walk->event->fields[edge->limit / 2];
    at = (edge->limit & 1) != 0 ? field->start + field->len : field->start;
    return at <= walk->line.len ? at : 0;
}

static inline void keep_text(struct walk *walk, uint32_t start, uint32_t len)
{
    *walk->out++ = text_ref(start, len);
    *walk->out++ = hash64(walk->line.data + start, len);
}

/* Any token that may stand there. */
static bool read_any_token(struct walk *walk, const struct shape_edge *edge, uint32_t start,
                           uint32_t *end)
{
    const struct line_shape *shape = walk->shape;
    uint32_t limit = limit_of(walk, edge);
    uint32_t stop = shape_next_bit(shape->token, UINT64_MAX, start, limit);
    struct token_bits bits;
    struct slice token;

    if (stop <= start || (edge->place == PLACE_TOKEN && stop != limit))
        return false;
    if (edge->place == PLACE_REGION) {
        uint32_t trigger = shape_next_bit(shape->trigger, 0, start, stop);

        if (trigger == stop || may_be_stamp(walk->line, start, stop))
            return false;
        while (stop > trigger + 1 && walk->line.data[stop - 1] == '.')
            stop--;
    }
    token = (struct slice){walk->line.data + start, stop - start};
    bits = (struct token_bits){.digits = shape_window(shape->digit, start),
                               .hex = shape_window(shape->hex, start),
                               .readable = stop};
    if (!slot_expect_bits(edge->kind, edge->unit_len, token, bits, walk->out))
        return false;
    *end = stop - edge->unit_len;
    if (edge->kind.type == SLOT_TEXT) {
        keep_text(walk, start, *end - start);
    } else if (slot_id_size(edge->kind) > 0) {
        unsigned words = slot_words(edge->kind);

        walk->out[words - 1] = 0; /* the id may end inside its last word */
        slot_id_read(edge->kind, token, (uint8_t *)walk->out);
        walk->out += words;
    } else {
        walk->out++;
    }
    return true;
}

/* Up to eight digits that end at `end`, which has eight readable bytes before it. */
static inline uint64_t few_digits(const char *end, uint32_t count)
{
    uint64_t text;

    memcpy(&text, end - 8, sizeof(text));
    return number_of_8(text & UINT64_MAX << (64 - 8 * count));
}

/* A token being read whose bits fit into one window. */
struct short_token {
    const char *at;
    uint32_t start, len, used; /* used: without what is behind the slot */
    uint64_t digits, hex;
};

static inline bool read_short_int(struct walk *walk, const struct shape_edge *edge,
                                  const struct short_token *token)
{
    uint32_t used = token->used;
    bool padded = token->at[0] == '0' && used > 1;

    if ((uint32_t)__builtin_ctzll(~token->digits) != used || used > 8 || token->start + used < 8 ||
        padded != (edge->kind.type == SLOT_PADDED) || (padded && edge->kind.param != used))
        return false;
    *walk->out++ = few_digits(token->at + used, used);
    return true;
}

static inline bool read_short_decimal(struct walk *walk, const struct shape_edge *edge,
                                      const struct short_token *token)
{
    uint32_t used = token->used, whole = (uint32_t)__builtin_ctzll(~token->digits);
    uint32_t fraction = used - whole - 1;

    if (whole == 0 || whole > 8 || whole + 1 >= used || fraction > 8 || token->start + whole < 8 ||
        token->at[whole] != '.' ||
        (uint32_t)__builtin_ctzll(~(token->digits >> (whole + 1))) != fraction ||
        edge->kind.param != (token->at[0] == '0' && whole > 1 ? whole : 0))
        return false;
    *walk->out++ = decimal_make(few_digits(token->at + whole, whole) * powers_of_ten[fraction] +
                                    few_digits(token->at + used, fraction),
                                fraction);
    return true;
}

/* The kinds of which most lines consist, where nothing is odd about the token: numbers are short, texts
 * do not look like numbers or ids. False: look again. */
static inline bool read_short_token(struct walk *walk, const struct shape_edge *edge,
                                    struct short_token *token)
{
    struct token_bits bits;

    switch (edge->kind.type) {
    case SLOT_INT:
    case SLOT_PADDED:
        return read_short_int(walk, edge, token);
    case SLOT_DECIMAL:
        return read_short_decimal(walk, edge, token);
    case SLOT_TEXT: /* ids begin with eight hex digits */
        if ((token->digits & 1) != 0 || token->at[0] == '-' || token->at[token->used - 1] == '.' ||
            (shape_short_window(walk->shape->hex, token->start) & 0xff) == 0xff)
            return false;
        keep_text(walk, token->start, token->used);
        return true;
    case SLOT_UUID:
    case SLOT_HEX:
        bits = (struct token_bits){.digits = token->digits,
                                   .hex = shape_short_window(walk->shape->hex, token->start),
                                   .readable = token->len};
        if (edge->rest_len != 0 ||
            !slot_id_expect(edge->kind, (struct slice){token->at, token->len}, bits, walk->out))
            return false;
        walk->out += slot_words(edge->kind);
        return true;
    default:
        return false;
    }
}

static inline bool read_token(struct walk *walk, const struct shape_edge *edge, uint32_t start,
                              uint32_t *end)
{
    const struct line_shape *shape = walk->shape;
    struct short_token token = {.at = walk->line.data + start, .start = start};
    uint32_t limit = limit_of(walk, edge);
    uint32_t left = limit > start ? limit - start : 0;
    uint64_t enough = (uint64_t)1 << (SHORT_WINDOW_BITS - 1), below;

    token.len = (uint32_t)__builtin_ctzll(~shape_short_window(shape->token, start) | enough);
    if (token.len == SHORT_WINDOW_BITS - 1)
        return read_any_token(walk, edge, start, end);
    if (token.len > left)
        token.len = left;
    if (token.len <= edge->rest_len || (edge->place == PLACE_TOKEN && token.len != left))
        return false;
    below = ((uint64_t)1 << token.len) - 1;
    token.used = token.len - edge->rest_len;
    token.digits = shape_short_window(shape->digit, start) & below;
    if (edge->place == PLACE_REGION &&
        ((token.digits == 0 && (shape_short_window(shape->trigger, start) & below) == 0) ||
         may_be_stamp(walk->line, start, start + token.len)))
        return false;
    *end = start + token.used;
    return read_short_token(walk, edge, &token) || read_any_token(walk, edge, start, end);
}

/* The slot at `start` that the edge foresees; its words go to walk->out. */
static bool read_slot(struct walk *walk, const struct shape_edge *edge, uint32_t start,
                      uint32_t *end)
{
    struct slice line = walk->line;
    const uint64_t *token = walk->shape->token;
    int64_t stamp;
    uint32_t limit;

    if (edge->place == PLACE_STAMP || edge->place == PLACE_STAMP_ALONE) {
        if (!stamp_expect(slice_from(line, start), edge->kind.param,
                          edge->place == PLACE_STAMP_ALONE, walk->event->time_ns, &stamp))
            return false;
        *end = start + (uint32_t)stamp_size(edge->kind.param);
        *walk->out++ = (uint64_t)stamp;
        return true;
    }
    if (edge->place != PLACE_FREE)
        return read_token(walk, edge, start, end);
    limit = limit_of(walk, edge);
    if (limit <= start || shape_next_bit(token, UINT64_MAX, start, limit) == limit ||
        (limit < line.len && is_token_byte(line.data[limit])))
        return false;
    keep_text(walk, start, limit - start);
    *end = limit;
    return true;
}

/* Are the event's fields those of the template, at the same places? Keeps computed ones. */
static bool fields_agree(struct walk *walk, const struct template *template)
{
    const struct event *event = walk->event;

    if (template->field_count != event->field_count || template->format != event->format)
        return false;
    for (uint32_t i = 0; i < template->field_count; i++) {
        const struct shape_field *expected = &template->fields[i];
        const struct event_field *field = &event->fields[expected->source];
        uint32_t begin, end;

        if (field->field != expected->field || field->type != expected->type ||
            field->unit != expected->unit || (field->text.data != NULL) != expected->computed)
            return false;
        if (expected->computed) {
            *walk->out++ = COMPUTED_REF | expected->source;
            *walk->out++ = hash64(field->text.data, field->text.len);
            continue;
        }
        begin = walk->gap_starts[expected->begin_gap] + expected->begin_offset;
        end = walk->gap_starts[expected->end_gap] + expected->end_offset;
        if (field->start != begin || field->len != end - begin)
            return false;
    }
    return true;
}

uint32_t shape_tree_match(struct shape_tree *tree, struct line_shape *scratch,
                          const struct event *event, uint64_t *values, uint32_t *value_count)
{
    struct walk walk = {.shape = scratch,
                        .gap_starts = tree->gap_starts,
                        .event = event,
                        .line = event->bytes,
                        .out = values};
    uint32_t node = event->format, at = 0, gap = 0, before = EDGE_NONE, tried = 0, edge_number;

    if (event->bytes.len > SHAPE_SIZE_MAX || node >= tree->format_count ||
        tree->first_edges[node] == EDGE_NONE)
        return TEMPLATE_NONE;
    kernels()->byte_masks(event->bytes.data, event->bytes.len,
                          &(struct byte_masks){scratch->token, scratch->trigger, scratch->digit,
                                               scratch->hex});
    tree->gap_starts[0] = 0;
    edge_number = tree->first_edges[node];
    while (edge_number != EDGE_NONE && tried++ < EDGES_TRIED_MAX) {
        const struct shape_edge *edge = &tree->edges[edge_number];
        uint64_t *out = walk.out;
        uint32_t end;

        if (!starts_with_literal(walk.line, at, edge)) {
            before = edge_number;
            edge_number = edge->next;
            continue;
        }
        if (edge->place == PLACE_END) {
            if (at + edge->literal_len == walk.line.len &&
                fields_agree(&walk, tree->table->templates[edge->target])) {
                move_to_front(tree, node, before, edge_number);
                *value_count = (uint32_t)(walk.out - values);
                tree->table->templates[edge->target]->row_count++;
                return edge->target;
            }
        } else if (read_slot(&walk, edge, at + edge->literal_len, &end)) {
            move_to_front(tree, node, before, edge_number);
            at = end;
            tree->gap_starts[++gap] = at;
            node = edge->target;
            before = EDGE_NONE;
            tried = 0;
            edge_number = tree->first_edges[node];
            continue;
        }
        walk.out = out;
        before = edge_number;
        edge_number = edge->next;
    }
    return TEMPLATE_NONE;
}
