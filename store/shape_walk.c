/* store/shape_walk.c -- walk a line along the templates of its list of fields.
 *
 * Why a walk that reaches the end gives what shape_read() gives. Its fields have the names of those of
 * the template, as the list says, and are checked to begin and end where those do, so the regions that
 * shape_read() scans correspond. Inside a region that scan jumps to the next trigger and widens it to
 * its token:
 *   - literals are equal byte for byte, and a byte is a trigger by itself and the byte before it. So
 *     literals hold no trigger here either, except for their first byte behind a free slot that ends
 *     with '=' or '@': a free slot before a token byte is not foreseen at all;
 *   - a slot's token must hold a trigger; it begins at the slot, because the byte before it is the same
 *     as in the template, or a region or a stamp ends there, as in the template;
 *   - it ends at the first byte that is no token byte, or where its region ends (limit);
 *   - the kind is that of the token (slot_expect_bits), and no stamp begins there (may_be_stamp), or
 *     the stamp of the foreseen layout does (stamp_expect).
 * Bytes behind a slot that belong to its token (a unit, full stops) are the next literal's first.
 *
 * The line is copied to a place with room before and behind it, and zeros behind it: so whole words are
 * read without asking where it ends. A literal may then reach behind its end; the slots and the end that
 * follow such a one are not found there. */
#include "store/kernels/kernels.h"
#include "store/shape_tree_impl.h"
#include "store/text_hash.h"

static inline uint64_t load8(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

/* What a walk needs of the line. */
struct walk {
    struct shape_tree *tree;
    const char *line; /* the copy */
    uint32_t len;
    int64_t time_ns;
};

static inline struct slice line_from(const struct walk *walk, uint32_t start)
{
    return (struct slice){walk->line + start, walk->len - start};
}

static inline bool has_literal(const struct walk *walk, uint32_t at, const struct shape_edge *edge)
{
    const char *from = walk->line + at;

    if ((((load8(from) ^ edge->head[0]) & edge->mask[0]) |
         ((load8(from + 8) ^ edge->head[1]) & edge->mask[1])) != 0)
        return false;
    return edge->literal_len <= LITERAL_SHORT_MAX ||
           (edge->literal_len <= walk->len - at &&
            memcmp(from + LITERAL_SHORT_MAX, edge->literal + LITERAL_SHORT_MAX,
                   edge->literal_len - LITERAL_SHORT_MAX) == 0);
}

/* Could stamp_read() find a stamp at or before the token [start, start + token_len)? The same questions as
 * in stamp_at() of the tokenizer, without its limits. */
static bool is_stamp_like(const struct walk *walk, uint32_t start, uint32_t token_len)
{
    const char *at = walk->line + start;
    uint32_t left = walk->len - start, back = token_len == 2 ? 4 : 5;

    if (token_len >= 10)
        return stamp_may_start(line_from(walk, start));
    if (token_len == 4)
        return left >= 19 && at[4] == '/' && at[7] == '/';
    if (token_len == 2 && left >= 20 && (at[2] == '/' || at[2] == ' ') && at[6] == at[2] &&
        stamp_may_start(line_from(walk, start)))
        return true;
    return left >= 10 && at[token_len] == ' ' && start >= back && at[-1] == ' ' &&
           (unsigned char)(at[-(int)back] - 'A') <= 25 &&
           stamp_may_start(line_from(walk, start - back));
}

static inline bool may_be_stamp(const struct walk *walk, uint32_t start, uint32_t token_len)
{
    const char *at = walk->line + start;

    if (token_len >= 10)
        return at[4] == '-' && at[7] == '-' && is_stamp_like(walk, start, token_len);
    return (token_len == 4 || token_len <= 2) && (at[token_len] == '/' || at[token_len] == ' ') &&
           is_stamp_like(walk, start, token_len);
}

/* The readers below read the slot at `start` that the edge foresees, put its words to `out` and give
 * its end; 0: there is no such slot. */

static inline void keep_text(const struct walk *walk, uint32_t start, uint32_t len, uint64_t *out)
{
    out[0] = text_ref(start, len);
    out[1] = text_hash_readable(walk->line + start, len);
}

/* Any token that may stand there. */
static __attribute__((noinline)) uint32_t read_any(const struct walk *walk,
                                                   const struct shape_edge *edge, uint32_t start,
                                                   uint64_t *out)
{
    const struct shape_tree *tree = walk->tree;
    uint32_t limit = edge->limit == LIMIT_NONE ? walk->len : tree->spans.ends[edge->limit];
    uint32_t stop, end;
    struct token_bits bits;
    struct slice token;

    if (limit > walk->len)
        return 0;
    end = stop = shape_next_bit(tree->token, UINT64_MAX, start, limit);
    if (stop <= start || (edge->limit != LIMIT_NONE && stop != limit))
        return 0;
    if (edge->place == PLACE_REGION) {
        uint32_t trigger = edge->marked ? start : shape_next_bit(tree->digit, 0, start, stop);

        if (trigger == stop || may_be_stamp(walk, start, stop - start))
            return 0;
        while (stop > trigger + 1 && walk->line[stop - 1] == '.')
            stop--;
    }
    token = (struct slice){walk->line + start, stop - start};
    bits = (struct token_bits){.digits = shape_window(tree->digit, start),
                               .hex = shape_window(tree->hex, start),
                               .readable = stop};
    if (!slot_expect_bits(edge->kind, edge->unit_len, token, bits, out) ||
        end - (stop - edge->unit_len) != edge->rest_len)
        return 0;
    if (edge->kind.type == SLOT_TEXT) {
        keep_text(walk, start, stop - edge->unit_len - start, out);
    } else if (slot_id_size(edge->kind) > 0) {
        out[edge->words - 1] = 0; /* the id may end inside its last word */
        slot_id_read(edge->kind, token, (uint8_t *)out);
    }
    return stop - edge->unit_len;
}

/* A token whose bits fit into one window. */
enum { SHORT_TOKEN_MAX = SHORT_WINDOW_BITS - 2 };

/* Bytes of the token at `start`; if there are more than SHORT_TOKEN_MAX, one more than these. */
static inline uint32_t token_len(const struct walk *walk, uint32_t start)
{
    return (uint32_t)__builtin_ctzll(~shape_short_window(walk->tree->token, start) |
                                     (uint64_t)1 << (SHORT_TOKEN_MAX + 1));
}

/* Digits that a token begins with. */
static inline uint32_t digit_count(const struct walk *walk, uint32_t start)
{
    return (uint32_t)__builtin_ctzll(~shape_short_window(walk->tree->digit, start) |
                                     (uint64_t)1 << (SHORT_TOKEN_MAX + 1));
}

/* Does a token that ends at `end` not end where the edge says? */
static inline bool is_past_limit(const struct walk *walk, const struct shape_edge *edge, uint32_t end)
{
    return edge->limit != LIMIT_NONE && end != walk->tree->spans.ends[edge->limit];
}

/* Up to eight digits that end at `end`. */
static inline uint64_t few_digits(const char *end, uint32_t count)
{
    return number_of_8(load8(end - 8) & UINT64_MAX << (64 - 8 * count));
}

/* Could a stamp begin with the short number [start, start + len)? Most stamps begin with other tokens: of
 * up to four digits, before a space or a slash, or with a '-' behind the fourth. What follows decides,
 * which is mostly the same from line to line, as the length is not. */
static inline bool may_begin_stamp(const struct walk *walk, uint32_t start, uint32_t len)
{
    char next = walk->line[start + len];

    return (next == '/' || next == ' ') && (len == 4 || len <= 2) && is_stamp_like(walk, start, len);
}

/* Digits and what the template has behind them; nothing else that begins with a digit is one. */
static inline uint32_t read_int(const struct walk *walk, const struct shape_edge *edge, uint32_t start,
                                uint64_t *out)
{
    uint32_t len = token_len(walk, start), digits = digit_count(walk, start);
    const char *at = walk->line + start;
    bool padded = at[0] == '0' && digits > 1;

    if (digits == 0 && at[0] != '-')
        return 0;
    if (digits - 1 >= 16 || len > SHORT_TOKEN_MAX)
        return read_any(walk, edge, start, out);
    if (digits + edge->rest_len != len || is_past_limit(walk, edge, start + len) ||
        padded != (edge->kind.type == SLOT_PADDED) || (padded && edge->kind.param != digits) ||
        (edge->place == PLACE_REGION && may_begin_stamp(walk, start, len)))
        return 0;
    *out = few_digits(at + digits, digits > 8 ? 8 : digits);
    if (digits > 8)
        *out += few_digits(at + digits - 8, digits - 8) * powers_of_ten[8];
    return start + digits;
}

static inline uint32_t read_decimal(const struct walk *walk, const struct shape_edge *edge,
                                    uint32_t start, uint64_t *out)
{
    uint32_t len = token_len(walk, start), whole = digit_count(walk, start);
    uint32_t fraction = digit_count(walk, start + whole + 1);
    const char *at = walk->line + start, *end = at + whole + 1 + fraction;

    if (whole == 0 ? at[0] != '-' : at[whole] != '.')
        return 0;
    if (whole - 1 >= 8 || fraction - 1 >= 8 || len > SHORT_TOKEN_MAX)
        return read_any(walk, edge, start, out);
    if (whole + 1 + fraction + edge->rest_len != len ||
        is_past_limit(walk, edge, start + len) ||
        edge->kind.param != (at[0] == '0' && whole > 1 ? whole : 0))
        return 0;
    *out = decimal_make(few_digits(at + whole, whole) * powers_of_ten[fraction] +
                            few_digits(end, fraction),
                        fraction);
    return start + whole + 1 + fraction;
}

/* Must the token hold a digit? */
static inline bool needs_digit(const struct shape_edge *edge)
{
    return edge->place == PLACE_REGION && !edge->marked;
}

/* A text that looks neither like a number nor like an id, which begins with eight hex digits. */
static inline uint32_t read_text(const struct walk *walk, const struct shape_edge *edge, uint32_t start,
                                 uint64_t *out)
{
    uint32_t len = token_len(walk, start), used = len - edge->rest_len;
    uint64_t digits = shape_short_window(walk->tree->digit, start);
    const char *at = walk->line + start;

    if (len <= edge->rest_len || is_past_limit(walk, edge, start + len))
        return len > SHORT_TOKEN_MAX ? read_any(walk, edge, start, out) : 0;
    if (needs_digit(edge) && (digits & (((uint64_t)1 << len) - 1)) == 0 && len <= SHORT_TOKEN_MAX)
        return 0;
    if ((digits & 1) != 0 || at[0] == '-' || at[used - 1] == '.' || len > SHORT_TOKEN_MAX ||
        (shape_short_window(walk->tree->hex, start) & 0xff) == 0xff)
        return read_any(walk, edge, start, out);
    keep_text(walk, start, used, out);
    return start + used;
}

static inline uint32_t read_id(const struct walk *walk, const struct shape_edge *edge, uint32_t start,
                               uint64_t *out)
{
    uint32_t len = token_len(walk, start);
    struct token_bits bits = {.digits = shape_short_window(walk->tree->digit, start),
                              .hex = shape_short_window(walk->tree->hex, start),
                              .readable = len};

    if (len > SHORT_TOKEN_MAX || (needs_digit(edge) && (bits.digits & (((uint64_t)1 << len) - 1)) == 0))
        return len > SHORT_TOKEN_MAX ? read_any(walk, edge, start, out) : 0;
    if (len - edge->rest_len != edge->text_len || is_past_limit(walk, edge, start + len))
        return 0;
    if (!slot_id_expect(edge->kind, (struct slice){walk->line + start, len}, bits, out))
        return read_any(walk, edge, start, out);
    return start + len;
}

static inline uint32_t read_address(const struct walk *walk, const struct shape_edge *edge,
                                    uint32_t start, uint64_t *out)
{
    uint32_t len = token_len(walk, start);

    if (edge->rest_len > 0)
        return read_any(walk, edge, start, out);
    if (is_past_limit(walk, edge, start + len) ||
        !slot_ipv4_expect((struct slice){walk->line + start, len},
                          shape_short_window(walk->tree->digit, start), out))
        return 0;
    return start + len;
}

static inline uint32_t read_free(const struct walk *walk, const struct shape_edge *edge, uint32_t start,
                                 uint64_t *out)
{
    uint32_t limit = walk->tree->spans.ends[edge->limit];

    if (limit <= start || limit > walk->len ||
        shape_next_bit(walk->tree->token, UINT64_MAX, start, limit) == limit ||
        is_token_byte(walk->line[limit]))
        return 0;
    keep_text(walk, start, limit - start, out);
    return limit;
}

static inline uint32_t read_stamp(const struct walk *walk, const struct shape_edge *edge, uint32_t start,
                                  uint64_t *out)
{
    uint8_t layout = edge->kind.param;
    int64_t value;
    size_t size;

    if (start >= walk->len)
        return 0;
    size = stamp_expect(&walk->tree->days[layout], line_from(walk, start), layout,
                        edge->place == PLACE_STAMP_ALONE, walk->time_ns, &value);
    out[0] = (uint64_t)value;
    return size == 0 ? 0 : start + (uint32_t)size;
}

/* Are the fields at the places that the template says? The words of computed ones go to `out`; gives the
 * end of these, or NULL if not. */
static inline uint64_t *take_fields(const struct shape_tree *tree, const struct line_end *end,
                                    uint64_t *out)
{
    const struct event_spans *spans = &tree->spans;
    uint32_t differences = 0;

    for (uint32_t i = 0; i < end->end_count; i++) {
        const struct field_end *expected = &end->ends[i];

        differences |= spans->ends[expected->place] ^
                       (tree->gap_starts[expected->gap] + expected->offset);
    }
    if (differences != 0)
        return NULL;
    for (uint32_t i = 0; i < end->computed_count; i++) {
        struct slice text = spans->texts[end->computed[i]];

        *out++ = COMPUTED_REF | end->computed[i];
        *out++ = text_hash(text.data, text.len);
    }
    return out;
}

/* The words of the computed fields of a line that ends here go to `out`; gives the end of these, or NULL:
 * it is not this template. */
static inline uint64_t *read_end(const struct walk *walk, const struct shape_edge *edge, uint32_t start,
                                 uint64_t *out, uint32_t *number)
{
    if (start != walk->len)
        return NULL;
    out = take_fields(walk->tree, edge->end, out);
    if (out == NULL)
        return NULL;
    edge->end->template->row_count++;
    *number = edge->end->number;
    return out;
}

/* Each reader takes the token by itself: what comes of it is foreseen better where the kind is known.
 * At the end of the line `stop` is set to the end of the words. */
static inline uint32_t read_slot(const struct walk *walk, const struct shape_edge *edge, uint32_t start,
                                 uint64_t *out, uint64_t **stop, uint32_t *number)
{
    switch ((enum slot_reader)edge->reader) {
    case READ_END:
        *stop = read_end(walk, edge, start, out, number);
        return 0;
    case READ_STAMP:
        return read_stamp(walk, edge, start, out);
    case READ_FREE:
        return read_free(walk, edge, start, out);
    case READ_INT:
        return read_int(walk, edge, start, out);
    case READ_DECIMAL:
        return read_decimal(walk, edge, start, out);
    case READ_TEXT:
        return read_text(walk, edge, start, out);
    case READ_ID:
        return read_id(walk, edge, start, out);
    case READ_ADDRESS:
        return read_address(walk, edge, start, out);
    case READ_ANY:
        break;
    }
    return read_any(walk, edge, start, out);
}

/* The walk from the root of the list on; words of values go to `out`, whose end is given, or NULL.
 * `number` is the template. */
static uint64_t *walk_from(const struct walk *walk, struct shape_edge **first, uint64_t *out,
                           uint32_t *number)
{
    struct shape_edge **link = first, *edge;
    uint64_t *stop = NULL;
    uint32_t at = 0;

    walk->tree->gap_starts[0] = 0;
    while ((edge = *link) != NULL) {
        uint32_t end = has_literal(walk, at, edge)
                           ? read_slot(walk, edge, at + edge->literal_len, out, &stop, number)
                           : 0;

        if (end == 0 && stop == NULL) {
            link = &edge->next;
            continue;
        }
        move_to_front(first, link, edge);
        if (stop != NULL)
            break;
        out += edge->words;
        walk->tree->gap_starts[edge->depth] = at = end;
        link = first = &edge->first;
    }
    return stop;
}

/* A copy of the line, and its bitmaps with no bits behind its end. */
static void take_line(struct shape_tree *tree, struct slice bytes)
{
    size_t words = (bytes.len + 63) / 64;

    tree->byte_masks(bytes.data, bytes.len,
                     &(struct byte_masks){.token = tree->token,
                                          .digit = tree->digit,
                                          .hex = tree->hex,
                                          .copy = tree->line + SHAPE_LINE_SLACK});
    tree->token[words] = tree->digit[words] = tree->hex[words] = 0;
    tree->token[words + 1] = tree->digit[words + 1] = tree->hex[words + 1] = 0;
}

uint32_t shape_tree_match(struct shape_tree *tree, const struct shape_line *line, uint64_t *values,
                          uint32_t *value_count)
{
    struct walk walk = {tree, tree->line + SHAPE_LINE_SLACK, (uint32_t)line->bytes.len, line->time_ns};
    uint32_t number;
    uint64_t *end;

    if (line->bytes.len > SHAPE_SIZE_MAX || line->list == FIELD_LIST_NONE ||
        tree->roots[line->list] == NULL)
        return TEMPLATE_NONE;
    take_line(tree, line->bytes);
    end = walk_from(&walk, &tree->roots[line->list], values, &number);
    if (end == NULL)
        return TEMPLATE_NONE;
    *value_count = (uint32_t)(end - values);
    return number;
}
