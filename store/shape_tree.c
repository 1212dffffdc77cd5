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
 *   - it ends at the first byte that is no token byte, or where its region ends (limit);
 *   - the kind is that of the token (slot_expect_bits), and no stamp begins there (may_be_stamp), or
 *     the stamp of the foreseen layout does (stamp_expect).
 * Bytes behind a slot that belong to its token (a unit, full stops) are the next literal's first. */
#include "store/shape_tree.h"

#include "store/kernels/kernels.h"
#include "store/text_hash.h"

#include <stdlib.h>

enum {
    TREE_EDGES_MAX = 1 << 16,
    NODE_EDGES_MAX = 24, /* a position with more words than this is not foreseeable */
    LIMIT_NONE = -1,
};

enum slot_place {
    PLACE_END,    /* no slot: the literal ends the line */
    PLACE_REGION, /* a token with a trigger */
    PLACE_TOKEN,  /* a field of token bytes only */
    PLACE_FREE,   /* a field that is one slot */
    PLACE_STAMP,
    PLACE_STAMP_ALONE, /* a region ends with it */
};

/* How the slot of an edge is read: follows from its place and kind. */
enum slot_reader {
    READ_END,
    READ_STAMP,
    READ_FREE,
    READ_ANY, /* any token */
    READ_INT, /* this and the next: tokens that are mostly short */
    READ_DECIMAL,
    READ_TEXT,
    READ_ID,
    READ_ADDRESS,
};

/* A literal and the slot behind it; also the node that they lead to. */
struct shape_edge {
    uint64_t head, head_mask; /* first eight bytes of the literal, */
    uint64_t tail;            /* and the last eight, or the same again if it is shorter */
    const char *literal;
    struct shape_edge *next;  /* of the same node, tried after this one */
    struct shape_edge *first; /* of the node that this one leads to */
    uint32_t literal_len;
    uint32_t reach;    /* bytes that are read to compare it: eight at least */
    uint32_t template; /* of PLACE_END */
    int32_t limit;     /* the slot's token ends where this field begins (2 * source) or ends (2 * source
                          + 1); LIMIT_NONE: only where token bytes end */
    uint8_t place;     /* enum slot_place */
    uint8_t reader;    /* enum slot_reader */
    uint8_t words;     /* of the slot's value */
    uint8_t unit_len;  /* of the token behind the slot: part of the next literal */
    uint8_t rest_len;  /* the same with full stops */
    bool cut;          /* the token ends at its limit in the middle of token bytes */
    bool marked;       /* the literal ends with '=' or '@': the token is a slot whatever it holds */
    struct slot_kind kind;
};

bool shape_tree_init(struct shape_tree *tree, const struct template_table *table,
                     uint32_t format_count)
{
    *tree = (struct shape_tree){.table = table, .format_count = format_count};
    tree->edges = arena_empty(TREE_EDGES_MAX * 2 * sizeof(struct shape_edge));
    tree->roots = calloc((size_t)format_count + 1, sizeof(*tree->roots));
    return tree->roots != NULL;
}

void shape_tree_release(struct shape_tree *tree)
{
    free(tree->roots);
    arena_release(&tree->edges);
    *tree = (struct shape_tree){0};
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
    if (edge->cut)
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
        return edge->rest_len == 0 && slot_id_size(edge->kind) % 4 == 0 ? READ_ID : READ_ANY;
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
    uint32_t end = at->start + at->len, token_end = shape_next_bit(shape->token, UINT64_MAX, end, to);
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
        return !is_cut_at(line, to);
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
           (a->place != PLACE_END || a->template == b->template) && a->unit_len == b->unit_len &&
           a->rest_len == b->rest_len &&
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
    edge->tail = edge->head;
    if (literal.len > 8)
        memcpy(&edge->tail, literal.data + literal.len - 8, 8);
    edge->reach = literal.len > 8 ? (uint32_t)literal.len : 8;
    edge->marked = literal.len > 0 && (literal.data[literal.len - 1] == '=' ||
                                       literal.data[literal.len - 1] == '@');
}

/* Take `edge` out of its place, which `link` points to, and make it the first of its node. */
static inline void move_to_front(struct shape_edge *node, struct shape_edge **link,
                                 struct shape_edge *edge)
{
    if (link == &node->first)
        return;
    *link = edge->next;
    edge->next = node->first;
    node->first = edge;
}

/* The edge of `node` that equals `wanted`, made if it is missing. The last of too many is dropped,
 * with all that it leads to. NULL: no memory, or the tree is full. */
static struct shape_edge *get_edge(struct shape_tree *tree, struct shape_edge *node,
                                   const struct shape_edge *wanted)
{
    struct shape_edge **link = &node->first, *last = NULL, *edge;
    uint32_t count = 0;

    for (; *link != NULL; link = &(*link)->next) {
        if (edges_equal(*link, wanted)) {
            move_to_front(node, link, *link);
            return node->first;
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
    edge->next = node->first;
    edge->first = NULL;
    return node->first = edge;
}

void shape_tree_add(struct shape_tree *tree, const struct line_shape *shape,
                    const struct event *event, uint32_t number)
{
    const struct template *template = tree->table->templates[number];
    struct shape_edge last = {.place = PLACE_END, .limit = LIMIT_NONE, .template = number}, *node;
    uint32_t cut = 0;

    if (event->format >= tree->format_count)
        return;
    node = &tree->roots[event->format];
    for (uint32_t slot = 0; slot < shape->slot_count && node != NULL; slot++) {
        struct shape_edge edge = {0};

        while (shape->cuts[cut + 1].at <= shape->slots[slot].start)
            cut++;
        set_literal(&edge, template_gap(template, slot));
        if (!foresee(shape, event->bytes, slot, cut, &edge))
            return;
        edge.reader = (uint8_t)reader_of(&edge);
        edge.words = (uint8_t)slot_words(edge.kind);
        node = get_edge(tree, node, &edge);
    }
    set_literal(&last, template_gap(template, shape->slot_count));
    if (node != NULL)
        (void)get_edge(tree, node, &last);
}

static inline uint64_t load8(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

enum { LITERAL_ENDS_MAX = 16 }; /* of longer ones the first and the last eight bytes are not all */

static inline bool starts_with_literal(struct slice line, uint32_t at,
                                       const struct shape_edge *edge)
{
    const char *from = line.data + at;
    size_t len = edge->literal_len;

    if (at + (size_t)edge->reach > line.len)
        return len == 0 || (len <= line.len - at && memcmp(from, edge->literal, len) == 0);
    if ((load8(from) & edge->head_mask) != edge->head ||
        (load8(from + edge->reach - 8) & edge->head_mask) != edge->tail)
        return false;
    if (len <= LITERAL_ENDS_MAX)
        return true;
    if (len <= 2 * LITERAL_ENDS_MAX)
        return load8(from + 8) == load8(edge->literal + 8) &&
               load8(from + len - 16) == load8(edge->literal + len - 16);
    return memcmp(from + 8, edge->literal + 8, len - LITERAL_ENDS_MAX) == 0;
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

static inline bool may_be_stamp(struct slice line, uint32_t start, uint32_t token_len)
{
    const char *at = line.data + start;

    if (token_len >= 10)
        return at[4] == '-' && at[7] == '-' && is_stamp_like(line, start, token_len);
    return (token_len == 4 || token_len <= 2) && start + token_len < line.len &&
           (at[token_len] == '/' || at[token_len] == ' ') && is_stamp_like(line, start, token_len);
}

/* The readers below read the slot at `start` that the edge foresees, put its words to `out` and give
 * its end; 0: there is no such slot. `shape` has the line's bitmaps, and no bits behind its end. */

static inline uint32_t limit_of(const struct event *event, const struct shape_edge *edge)
{
    const struct event_field *field;
    uint32_t at;

    if (edge->limit == LIMIT_NONE)
        return (uint32_t)event->bytes.len;
    if ((uint32_t)edge->limit / 2 >= event->field_count)
        return 0;
    field = &event->fields[edge->limit / 2];
    at = (edge->limit & 1) != 0 ? field->start + field->len : field->start;
    return at <= event->bytes.len ? at : 0;
}

/* The text [start, start + len) of the line. */
__attribute__((always_inline)) static inline void keep_text(struct slice line, uint32_t start, uint32_t len, uint64_t *out)
{
    const char *text = line.data + start;

    out[0] = text_ref(start, len);
    out[1] = start + (size_t)TEXT_HASH_SHORT_MAX <= line.len ? text_hash_readable(text, len)
                                                             : text_hash(text, len);
}

/* Any token that may stand there. */
static uint32_t read_any(const struct line_shape *shape, const struct event *event,
                         const struct shape_edge *edge, uint32_t start, uint64_t *out)
{
    const char *line = event->bytes.data;
    uint32_t limit = limit_of(event, edge);
    uint32_t stop = shape_next_bit(shape->token, UINT64_MAX, start, limit);
    struct token_bits bits;
    struct slice token;

    if (stop <= start || (edge->limit != LIMIT_NONE && stop != limit))
        return 0;
    if (edge->place == PLACE_REGION) {
        uint32_t trigger = edge->marked ? start : shape_next_bit(shape->digit, 0, start, stop);

        if (trigger == stop || may_be_stamp(event->bytes, start, stop - start))
            return 0;
        while (stop > trigger + 1 && line[stop - 1] == '.')
            stop--;
    }
    token = (struct slice){line + start, stop - start};
    bits = (struct token_bits){.digits = shape_window(shape->digit, start),
                               .hex = shape_window(shape->hex, start),
                               .readable = stop};
    if (!slot_expect_bits(edge->kind, edge->unit_len, token, bits, out))
        return 0;
    if (edge->kind.type == SLOT_TEXT) {
        keep_text(event->bytes, start, stop - edge->unit_len - start, out);
    } else if (slot_id_size(edge->kind) > 0) {
        out[edge->words - 1] = 0; /* the id may end inside its last word */
        slot_id_read(edge->kind, token, (uint8_t *)out);
    }
    return stop - edge->unit_len;
}

/* A token whose bits fit into one window. */
struct short_token {
    const char *at;
    uint32_t start, len, used; /* used: without what is behind the slot */
    uint64_t digits, hex;
};

enum { SHORT_TOKEN_MAX = SHORT_WINDOW_BITS - 2 };

enum token_found { TOKEN_NONE, TOKEN_SHORT, TOKEN_LONG };

/* Does the token that begins here end at the edge's limit? */
static inline bool ends_at_limit(const struct event *event, const struct shape_edge *edge,
                                 uint32_t end)
{
    uint32_t source = (uint32_t)edge->limit / 2;
    const struct event_field *field = &event->fields[source];

    return source < event->field_count &&
           end == field->start + ((edge->limit & 1) != 0 ? field->len : 0);
}

__attribute__((always_inline)) static inline enum token_found
take_token(const struct line_shape *shape, const struct event *event, const struct shape_edge *edge,
           struct short_token *token)
{
    uint64_t enough = (uint64_t)1 << (SHORT_TOKEN_MAX + 1);

    token->len = (uint32_t)__builtin_ctzll(~shape_short_window(shape->token, token->start) | enough);
    if (token->len > SHORT_TOKEN_MAX)
        return TOKEN_LONG;
    if (token->len <= edge->rest_len ||
        (edge->limit != LIMIT_NONE && !ends_at_limit(event, edge, token->start + token->len)))
        return TOKEN_NONE;
    token->at = event->bytes.data + token->start;
    token->used = token->len - edge->rest_len;
    token->digits = shape_short_window(shape->digit, token->start) & (((uint64_t)1 << token->len) - 1);
    return TOKEN_SHORT;
}

/* The readers of short tokens. Most need not ask whether a stamp begins there: the token of a stamp
 * begins with a digit, and is either up to four digits, before a space or a slash, or has a '-' behind
 * the fourth. False: look again. */

/* Up to eight digits that end at `end`, which has eight readable bytes before it. */
static inline uint64_t few_digits(const char *end, uint32_t count)
{
    return number_of_8(load8(end - 8) & UINT64_MAX << (64 - 8 * count));
}

/* Could a stamp begin with the short number [start, start + len)? What follows decides, which is mostly
 * the same from line to line, as the length is not. */
static inline bool may_begin_stamp(struct slice line, uint32_t start, uint32_t len)
{
    char next;

    if (start + len >= line.len)
        return false;
    next = line.data[start + len];
    return (next == '/' || next == ' ') && (len == 4 || len <= 2) && is_stamp_like(line, start, len);
}

static inline bool read_int(const struct shape_edge *edge, struct slice line,
                            const struct short_token *token, uint64_t *out)
{
    uint32_t digits = token->used;
    bool padded = token->at[0] == '0' && digits > 1;

    if ((uint32_t)__builtin_ctzll(~token->digits) != digits || digits > 16 ||
        (edge->place == PLACE_REGION && may_begin_stamp(line, token->start, token->len)) ||
        token->start + digits < (digits > 8 ? 16 : 8) ||
        padded != (edge->kind.type == SLOT_PADDED) || (padded && edge->kind.param != digits))
        return false;
    *out = few_digits(token->at + digits, digits > 8 ? 8 : digits);
    if (digits > 8)
        *out += few_digits(token->at + digits - 8, digits - 8) * powers_of_ten[8];
    return true;
}

static inline bool read_decimal(const struct shape_edge *edge, const struct short_token *token,
                                uint64_t *out)
{
    uint32_t whole = (uint32_t)__builtin_ctzll(~token->digits), fraction = token->used - whole - 1;

    if (whole - 1 >= 8 || whole + 1 >= token->used || fraction > 8 || token->start + whole < 8 ||
        token->at[whole] != '.' ||
        (uint32_t)__builtin_ctzll(~(token->digits >> (whole + 1))) != fraction ||
        edge->kind.param != (token->at[0] == '0' && whole > 1 ? whole : 0))
        return false;
    *out = decimal_make(few_digits(token->at + whole, whole) * powers_of_ten[fraction] +
                            few_digits(token->at + token->used, fraction),
                        fraction);
    return true;
}

static inline bool has_trigger(const struct shape_edge *edge, const struct short_token *token)
{
    return token->digits != 0 || edge->place != PLACE_REGION || edge->marked;
}

/* A text that looks neither like a number nor like an id, which begins with eight hex digits. */
static inline bool read_text(const struct line_shape *shape, const struct shape_edge *edge,
                             struct slice line, const struct short_token *token, uint64_t *out)
{
    if (!has_trigger(edge, token) || (token->digits & 1) != 0 || token->at[0] == '-' || token->at[token->used - 1] == '.' ||
        (shape_short_window(shape->hex, token->start) & 0xff) == 0xff)
        return false;
    keep_text(line, token->start, token->used, out);
    return true;
}

static inline bool read_id(const struct line_shape *shape, const struct shape_edge *edge,
                           const struct short_token *token, uint64_t *out)
{
    struct token_bits bits = {.digits = token->digits,
                              .hex = shape_short_window(shape->hex, token->start),
                              .readable = token->len};

    return has_trigger(edge, token) &&
           slot_id_expect(edge->kind, (struct slice){token->at, token->len}, bits, out);
}

static uint32_t read_free(const struct line_shape *shape, const struct event *event,
                          const struct shape_edge *edge, uint32_t start, uint64_t *out)
{
    uint32_t limit = limit_of(event, edge);

    if (limit <= start || shape_next_bit(shape->token, UINT64_MAX, start, limit) == limit ||
        is_cut_at(event->bytes, limit))
        return 0;
    keep_text(event->bytes, start, limit - start, out);
    return limit;
}

static inline uint32_t read_stamp(struct shape_tree *tree, const struct event *event,
                                  const struct shape_edge *edge, uint32_t start, uint64_t *out)
{
    uint8_t layout = edge->kind.param;
    int64_t value;
    size_t size = stamp_expect(&tree->days[layout], slice_from(event->bytes, start), layout,
                               edge->place == PLACE_STAMP_ALONE, event->time_ns, &value);

    out[0] = (uint64_t)value;
    return size == 0 ? 0 : start + (uint32_t)size;
}

/* Each reader takes the token by itself: what comes of it is foreseen better where the kind is known. */
static inline uint32_t read_slot(struct shape_tree *tree, const struct line_shape *shape,
                                 const struct event *event, const struct shape_edge *edge,
                                 uint32_t start, uint64_t *out)
{
    struct short_token token = {.start = start};
    enum token_found found = TOKEN_LONG;
    bool fine = false;

    switch ((enum slot_reader)edge->reader) {
    case READ_STAMP:
        return read_stamp(tree, event, edge, start, out);
    case READ_FREE:
        return read_free(shape, event, edge, start, out);
    case READ_INT:
        found = take_token(shape, event, edge, &token);
        fine = found == TOKEN_SHORT && read_int(edge, event->bytes, &token, out);
        break;
    case READ_DECIMAL:
        found = take_token(shape, event, edge, &token);
        fine = found == TOKEN_SHORT && read_decimal(edge, &token, out);
        break;
    case READ_TEXT:
        found = take_token(shape, event, edge, &token);
        fine = found == TOKEN_SHORT && read_text(shape, edge, event->bytes, &token, out);
        break;
    case READ_ID:
        found = take_token(shape, event, edge, &token);
        fine = found == TOKEN_SHORT && read_id(shape, edge, &token, out);
        break;
    case READ_ADDRESS:
        found = take_token(shape, event, edge, &token);
        fine = found == TOKEN_SHORT && edge->rest_len == 0 &&
               slot_ipv4_expect((struct slice){token.at, token.len}, token.digits, out);
        break;
    case READ_ANY:
    case READ_END:
        break;
    }
    if (fine)
        return start + token.used;
    return found == TOKEN_NONE ? 0 : read_any(shape, event, edge, start, out);
}

/* Name, type and unit, which both kinds of fields begin with, as one number. */
static inline uint64_t name_and_kind(const void *field)
{
    return load8(field) << 16;
}

/* Are the event's fields those of the template, at the same places? The words of computed ones go to
 * `out`; gives the end of these, or NULL if not. */
static uint64_t *fields_agree(const uint32_t *gap_starts, const struct event *event,
                              const struct template *template, uint64_t *out)
{
    const struct shape_field *expected = template->fields, *end = expected + template->field_count;
    uint64_t differences = 0;

    if (template->field_count != event->field_count || template->format != event->format)
        return NULL;
    for (end -= template->computed_count; expected < end; expected++) {
        const struct event_field *field = &event->fields[expected->source];
        uint32_t from = gap_starts[expected->begin_gap] + expected->begin_offset;
        uint32_t to = gap_starts[expected->end_gap] + expected->end_offset;

        differences |= (name_and_kind(field) ^ name_and_kind(expected)) | (field->start ^ from) |
                       ((field->start + field->len) ^ to) | (uintptr_t)field->text.data;
    }
    for (end += template->computed_count; expected < end && differences == 0; expected++) {
        const struct event_field *field = &event->fields[expected->source];

        if (name_and_kind(field) != name_and_kind(expected) || field->text.data == NULL)
            return NULL;
        *out++ = COMPUTED_REF | expected->source;
        *out++ = text_hash(field->text.data, field->text.len);
    }
    return differences == 0 ? out : NULL;
}

/* Bitmaps of the line, with a word of no bits behind them. */
static void make_masks(struct line_shape *shape, struct slice line)
{
    size_t words = (line.len + 63) / 64;

    kernels()->byte_masks(line.data, line.len,
                          &(struct byte_masks){.token = shape->token,
                                               .digit = shape->digit,
                                               .hex = shape->hex});
    shape->token[words] = shape->digit[words] = shape->hex[words] = 0;
}

/* The walk from the root of the format on; words of values go to `out`, whose end is given, or NULL.
 * `number` is the template. */
static uint64_t *walk(struct shape_tree *tree, const struct line_shape *shape,
                      const struct event *event, uint64_t *out, uint32_t *number)
{
    struct shape_edge *node = &tree->roots[event->format], **link = &node->first, *edge;
    uint32_t *gap_start = tree->gap_starts;
    uint32_t at = *gap_start = 0;

    while ((edge = *link) != NULL) {
        uint32_t end = 0;

        if (starts_with_literal(event->bytes, at, edge)) {
            uint32_t start = at + edge->literal_len;

            if (edge->reader != READ_END) {
                end = read_slot(tree, shape, event, edge, start, out);
            } else if (start == event->bytes.len) {
                uint64_t *stop = fields_agree(tree->gap_starts, event,
                                              tree->table->templates[edge->template], out);

                if (stop != NULL) {
                    move_to_front(node, link, edge);
                    *number = edge->template;
                    return stop;
                }
            }
        }
        if (end == 0) {
            link = &edge->next;
            continue;
        }
        move_to_front(node, link, edge);
        out += edge->words;
        *++gap_start = at = end;
        node = edge;
        link = &node->first;
    }
    return NULL;
}

uint32_t shape_tree_match(struct shape_tree *tree, struct line_shape *scratch,
                          const struct event *event, uint64_t *values, uint32_t *value_count)
{
    uint32_t number;
    uint64_t *end;

    if (event->bytes.len > SHAPE_SIZE_MAX || event->format >= tree->format_count ||
        tree->roots[event->format].first == NULL)
        return TEMPLATE_NONE;
    make_masks(scratch, event->bytes);
    end = walk(tree, scratch, event, values, &number);
    if (end == NULL)
        return TEMPLATE_NONE;
    *value_count = (uint32_t)(end - values);
    tree->table->templates[number]->row_count++;
    return number;
}
