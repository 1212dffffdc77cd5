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
#include "store/slot_match.h"
#include "store/text_hash.h"

static inline uint64_t load8(const char *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof(word));
    return word;
}

static inline const char *line_at(const struct shape_tree *tree, uint32_t at)
{
    return tree->line + SHAPE_LINE_SLACK + at;
}

static inline struct slice line_from(const struct shape_tree *tree, uint32_t start)
{
    return (struct slice){line_at(tree, start), tree->len - start};
}

/* What a long literal has behind LITERAL_SHORT_MAX bytes, as many at a time; the last ones twice. */
static inline bool has_rest(const struct shape_tree *tree, uint32_t at,
                            const struct shape_edge *edge)
{
    const char *from = line_at(tree, at);
    uint32_t len = edge->literal_len;

    if (len > 2 * LITERAL_SHORT_MAX && len > tree->len - at)
        return false;
    for (uint32_t i = LITERAL_SHORT_MAX; i + LITERAL_SHORT_MAX < len; i += LITERAL_SHORT_MAX)
        if (!match_16(from + i, edge->literal + i))
            return false;
    return match_16(from + len - LITERAL_SHORT_MAX, edge->literal + len - LITERAL_SHORT_MAX);
}

static inline bool has_literal(const struct shape_tree *tree, uint32_t at,
                               const struct shape_edge *edge)
{
    const char *from = line_at(tree, at);

    if ((((load8(from) ^ edge->head[0]) & edge->mask[0]) |
         ((load8(from + 8) ^ edge->head[1]) & edge->mask[1])) != 0)
        return false;
    return edge->literal_len <= LITERAL_SHORT_MAX || has_rest(tree, at, edge);
}

/* Could stamp_read() find a stamp at or before the token [start, start + token_len)? The same questions as
 * in stamp_at() of the tokenizer, without its limits. */
static bool is_stamp_like(const struct shape_tree *tree, uint32_t start, uint32_t token_len)
{
    const char *at = line_at(tree, start);
    uint32_t left = tree->len - start, back = token_len == 2 ? 4 : 5;

    if (token_len >= 10)
        return stamp_may_start(line_from(tree, start));
    if (token_len == 4)
        return left >= 19 && at[4] == '/' && at[7] == '/';
    if (token_len == 2 && left >= 20 && (at[2] == '/' || at[2] == ' ') && at[6] == at[2] &&
        stamp_may_start(line_from(tree, start)))
        return true;
    return left >= 10 && at[token_len] == ' ' && start >= back && at[-1] == ' ' &&
           (unsigned char)(at[-(int)back] - 'A') <= 25 &&
           stamp_may_start(line_from(tree, start - back));
}

static inline bool may_be_stamp(const struct shape_tree *tree, uint32_t start, uint32_t token_len)
{
    const char *at = line_at(tree, start);

    if (token_len >= 10)
        return at[4] == '-' && at[7] == '-' && is_stamp_like(tree, start, token_len);
    return (token_len == 4 || token_len <= 2) && (at[token_len] == '/' || at[token_len] == ' ') &&
           is_stamp_like(tree, start, token_len);
}

/* The readers below read the slot at `start` that the edge foresees, put its words to `out` and give
 * its end; 0: there is no such slot. */

static inline void keep_text(const struct shape_tree *tree, uint32_t start, uint32_t len,
                             uint64_t *out)
{
    out[0] = text_ref(start, len);
    out[1] = text_hash_readable(line_at(tree, start), len);
}

/* Any token that may stand there. */
static __attribute__((noinline)) uint32_t read_any(const struct shape_tree *tree,
                                                   const struct shape_edge *edge, uint32_t start,
                                                   uint64_t *out)
{
    uint32_t limit = edge->limit == LIMIT_NONE ? tree->len : tree->spans.ends[edge->limit];
    uint32_t stop, end;
    struct token_bits bits;
    struct slice token;

    if (limit > tree->len)
        return 0;
    end = stop = shape_next_bit(tree->token, UINT64_MAX, start, limit);
    if (stop <= start || (edge->limit != LIMIT_NONE && stop != limit))
        return 0;
    if (edge->place == PLACE_REGION) {
        uint32_t trigger = edge->marked ? start : shape_next_bit(tree->digit, 0, start, stop);

        if (trigger == stop || may_be_stamp(tree, start, stop - start))
            return 0;
        while (stop > trigger + 1 && *line_at(tree, stop - 1) == '.')
            stop--;
    }
    token = (struct slice){line_at(tree, start), stop - start};
    bits = (struct token_bits){.digits = shape_window(tree->digit, start),
                               .hex = shape_window(tree->hex, start),
                               .readable = stop};
    if (!slot_expect_bits(edge->kind, edge->unit_len, token, bits, out) ||
        end - (stop - edge->unit_len) != edge->rest_len)
        return 0;
    if (edge->kind.type == SLOT_TEXT) {
        keep_text(tree, start, stop - edge->unit_len - start, out);
    } else if (slot_id_size(edge->kind) > 0) {
        out[edge->words - 1] = 0; /* the id may end inside its last word */
        slot_id_read(edge->kind, token, (uint8_t *)out);
    }
    return stop - edge->unit_len;
}

/* Bytes of the token at `start`; if there are more than SHORT_TOKEN_MAX, one more than these. */
static inline uint32_t token_len(const struct shape_tree *tree, uint32_t start)
{
    return (uint32_t)__builtin_ctzll(~shape_short_window(tree->token, start) |
                                     (uint64_t)1 << (SHORT_TOKEN_MAX + 1));
}

/* Digits that a token begins with. */
static inline uint32_t digit_count(const struct shape_tree *tree, uint32_t start)
{
    return (uint32_t)__builtin_ctzll(~shape_short_window(tree->digit, start) |
                                     (uint64_t)1 << (SHORT_TOKEN_MAX + 1));
}

/* Does a token that ends at `end` not end where the edge says? */
static inline bool is_past_limit(const struct shape_tree *tree, const struct shape_edge *edge,
                                 uint32_t end)
{
    return edge->limit != LIMIT_NONE && end != tree->spans.ends[edge->limit];
}

/* One to eight digits at `at`. */
static inline uint64_t few_digits(const char *at, uint32_t count)
{
    return number_of_8(load8(at) << (64 - 8 * count));
}

/* Could a stamp begin with the short number [start, start + len)? Most stamps begin with other tokens: of
 * up to four digits, before a space or a slash, or with a '-' behind the fourth. What follows decides,
 * which is mostly the same from line to line, as the length is not. */
static inline bool may_begin_stamp(const struct shape_tree *tree, uint32_t start, uint32_t len)
{
    char next = *line_at(tree, start + len);

    return (next == '/' || next == ' ') && (len == 4 || len <= 2) &&
           is_stamp_like(tree, start, len);
}

/* Digits and what the template has behind them; nothing else that begins with a digit is one. */
static inline uint32_t read_int(const struct shape_tree *tree, const struct shape_edge *edge,
                                uint32_t start, uint64_t *out)
{
    uint32_t len = token_len(tree, start), digits = digit_count(tree, start);
    const char *at = line_at(tree, start);
    uint32_t padded = at[0] == '0' && digits > 1 ? digits : 0;

    if (digits - 1 >= 16)
        return digits > 0 || at[0] == '-' ? read_any(tree, edge, start, out) : 0;
    if (digits + edge->rest_len != len || is_past_limit(tree, edge, start + len) ||
        padded != edge->kind.param ||
        (edge->place == PLACE_REGION && may_begin_stamp(tree, start, len)))
        return 0;
    *out = digits <= 8 ? few_digits(at, digits)
                       : few_digits(at, digits - 8) * powers_of_ten[8] +
                             number_of_8(load8(at + digits - 8));
    return start + digits;
}

static inline uint32_t read_decimal(const struct shape_tree *tree, const struct shape_edge *edge,
                                    uint32_t start, uint64_t *out)
{
    uint32_t len = token_len(tree, start), whole = digit_count(tree, start);
    uint32_t fraction = digit_count(tree, start + whole + 1);
    const char *at = line_at(tree, start), *point = at + whole;

    if (whole == 0 ? at[0] != '-' : *point != '.')
        return 0;
    if (whole - 1 >= 8 || fraction - 1 >= 8)
        return read_any(tree, edge, start, out);
    if (whole + 1 + fraction + edge->rest_len != len ||
        is_past_limit(tree, edge, start + len) ||
        edge->kind.param != (at[0] == '0' && whole > 1 ? whole : 0))
        return 0;
    *out = decimal_make(few_digits(at, whole) * powers_of_ten[fraction] +
                            few_digits(point + 1, fraction),
                        fraction);
    return start + whole + 1 + fraction;
}

/* Has the token none of the digits that it must have? */
static inline bool lacks_digit(const struct shape_tree *tree, const struct shape_edge *edge,
                               uint32_t start, uint32_t len)
{
    return edge->needs_digit &&
           (shape_short_window(tree->digit, start) & (((uint64_t)1 << len) - 1)) == 0;
}

/* Is a token with the look of a number or an id none? The full stops behind it are not of it. */
static __attribute__((noinline)) bool is_surely_text(const struct shape_tree *tree,
                                                     const struct shape_edge *edge, uint32_t start,
                                                     uint32_t len)
{
    struct slice token = {line_at(tree, start), len - edge->rest_len};
    struct token_bits bits = {.digits = shape_short_window(tree->digit, start),
                              .hex = shape_short_window(tree->hex, start),
                              .readable = len};

    return token.data[token.len - 1] != '.' && slot_surely_text(token, bits) &&
           !(edge->place == PLACE_REGION && may_be_stamp(tree, start, len));
}

/* A text; most look neither like a number nor like an id, which begins with eight hex digits. */
static inline uint32_t read_text(const struct shape_tree *tree, const struct shape_edge *edge,
                                 uint32_t start, uint64_t *out)
{
    uint32_t len = token_len(tree, start), used = len - edge->rest_len;
    const char *at = line_at(tree, start);

    if (len > SHORT_TOKEN_MAX)
        return read_any(tree, edge, start, out);
    if (len <= edge->rest_len || is_past_limit(tree, edge, start + len) ||
        lacks_digit(tree, edge, start, len))
        return 0;
    if (((unsigned char)(at[0] - '-') <= '9' - '-' || at[used - 1] == '.' ||
         (shape_short_window(tree->hex, start) & 0xff) == 0xff) &&
        !is_surely_text(tree, edge, start, len))
        return read_any(tree, edge, start, out);
    keep_text(tree, start, used, out);
    return start + used;
}

static inline uint32_t read_id(const struct shape_tree *tree, const struct shape_edge *edge,
                               uint32_t start, uint64_t *out)
{
    uint32_t len = token_len(tree, start);
    struct token_bits bits = {.digits = shape_short_window(tree->digit, start),
                              .hex = shape_short_window(tree->hex, start),
                              .readable = len};

    if (len > SHORT_TOKEN_MAX)
        return read_any(tree, edge, start, out);
    if (len - edge->rest_len != edge->text_len || is_past_limit(tree, edge, start + len) ||
        lacks_digit(tree, edge, start, len))
        return 0;
    if (!slot_id_expect(edge->kind, (struct slice){line_at(tree, start), len}, bits, out))
        return read_any(tree, edge, start, out);
    return start + len;
}

static inline uint32_t read_address(const struct shape_tree *tree, const struct shape_edge *edge,
                                    uint32_t start, uint64_t *out)
{
    uint32_t len = token_len(tree, start);

    if (edge->rest_len > 0)
        return read_any(tree, edge, start, out);
    if (is_past_limit(tree, edge, start + len) ||
        !slot_ipv4_readable(line_at(tree, start), len, shape_short_window(tree->digit, start), out))
        return 0;
    return start + len;
}

static inline uint32_t read_free(const struct shape_tree *tree, const struct shape_edge *edge,
                                 uint32_t start, uint64_t *out)
{
    uint32_t limit = tree->spans.ends[edge->limit];

    if (limit <= start || limit > tree->len ||
        shape_next_bit(tree->token, UINT64_MAX, start, limit) == limit ||
        is_token_byte(*line_at(tree, limit)))
        return 0;
    keep_text(tree, start, limit - start, out);
    return limit;
}

static inline uint32_t read_stamp(struct shape_tree *tree, const struct shape_edge *edge,
                                  uint32_t start, uint64_t *out)
{
    uint8_t layout = edge->kind.param;
    int64_t value;
    size_t size;

    if (start >= tree->len)
        return 0;
    size = stamp_expect(&tree->days[layout], line_from(tree, start), layout,
                        edge->place == PLACE_STAMP_ALONE, tree->time_ns, &value);
    out[0] = (uint64_t)value;
    return size == 0 ? 0 : start + (uint32_t)size;
}

/* Are the fields at the places that the template says? */
static inline bool has_fields(const struct shape_tree *tree, const struct line_end *end)
{
    for (const struct field_end *at = end->ends, *last = at + end->end_count; at < last; at++)
        if (tree->spans.ends[at->place] != tree->gap_starts[at->gap] + at->offset)
            return false;
    return true;
}

/* Not 0, as an end of a slot, if the line ends here. */
static inline uint32_t read_end(const struct shape_tree *tree, const struct shape_edge *edge,
                                uint32_t start)
{
    return start == tree->len && has_fields(tree, edge->end) ? start + 1 : 0;
}

/* Each reader takes the token by itself: what comes of it is foreseen better where the kind is known. */
static inline uint32_t read_slot(struct shape_tree *tree, const struct shape_edge *edge,
                                 uint32_t start, uint64_t *out)
{
    switch ((enum slot_reader)edge->reader) {
    case READ_END:
        return read_end(tree, edge, start);
    case READ_STAMP:
        return read_stamp(tree, edge, start, out);
    case READ_FREE:
        return read_free(tree, edge, start, out);
    case READ_INT:
        return read_int(tree, edge, start, out);
    case READ_DECIMAL:
        return read_decimal(tree, edge, start, out);
    case READ_TEXT:
        return read_text(tree, edge, start, out);
    case READ_ID:
        return read_id(tree, edge, start, out);
    case READ_ADDRESS:
        return read_address(tree, edge, start, out);
    case READ_ANY:
        return read_any(tree, edge, start, out);
    }
    __builtin_unreachable();
}

/* The walk from `node` on; words of values go to `out`, which is then their end. Gives the edge that the
 * line ends with, or one that nothing of its node follows. */
static inline const struct shape_edge *walk_from(struct shape_tree *tree, struct shape_edge *node,
                                                 uint64_t **out)
{
    struct shape_edge *edge = node->first;
    uint64_t *values = *out;
    uint32_t at = 0;

    tree->gap_starts[0] = 0;
    while (edge != NULL) {
        uint32_t end = has_literal(tree, at, edge)
                           ? read_slot(tree, edge, at + edge->literal_len, values)
                           : 0;

        if (end == 0) {
            edge = edge->next;
            continue;
        }
        if (edge != node->first)
            move_to_front(&node->first, edge);
        values += edge->words;
        tree->gap_starts[edge->depth] = at = end;
        node = edge;
        edge = node->first;
    }
    *out = values;
    return node;
}

static inline uint64_t *keep_computed(const struct shape_tree *tree, const struct line_end *end,
                                      uint64_t *out)
{
    for (uint32_t i = 0; i < end->computed_count; i++)
        *out++ = tree->spans.hashes[end->computed[i]];
    return out;
}

/* A copy of the line, and its bitmaps with no bits behind its end. */
static inline void take_line(struct shape_tree *tree, const struct shape_line *line)
{
    size_t words = (line->bytes.len + 63) / 64;

    tree->len = (uint32_t)line->bytes.len;
    tree->time_ns = line->time_ns;
    tree->byte_masks(line->bytes.data, line->bytes.len, &tree->masks);
    tree->token[words] = tree->digit[words] = tree->hex[words] = 0;
    tree->token[words + 1] = tree->digit[words + 1] = tree->hex[words + 1] = 0;
}

uint32_t shape_tree_match(struct shape_tree *tree, const struct shape_line *line, uint64_t *values,
                          uint32_t *value_count)
{
    const struct line_end *end;
    uint64_t *out = values;

    if (line->bytes.len > SHAPE_SIZE_MAX || line->list == FIELD_LIST_NONE ||
        tree->roots[line->list] == NULL)
        return TEMPLATE_NONE;
    take_line(tree, line);
    end = walk_from(tree, tree->roots[line->list], &out)->end;
    if (end == NULL)
        return TEMPLATE_NONE;
    end->template->row_count++;
    *value_count = (uint32_t)(keep_computed(tree, end, out) - values);
    return end->number;
}
