/* store/needle.c -- lay a needle over the parts of a template in all possible ways.
 *
 * The walk goes by parts. start_*() begins a match inside a part; extend() goes on at the next part
 * with the rest of the needle. Values add terms to a stack; when the needle is used up, the stack
 * is one way. A way without terms means that every line matches. */
#include "store/needle.h"

#include "store/kernels/kernels.h"

struct walk {
    const struct needle *needle;
    const struct needle_part *parts;
    uint32_t part_count;
    struct needle_plan *out;
    struct needle_term terms[NEEDLE_TERMS_MAX + 1];
    uint32_t term_count;
    bool word_left, word_right; /* does the match need a boundary at that end */
    bool to_end;                /* must it end at the end of the last part */
};

static char folded(const struct needle *needle, char c)
{
    return needle->fold ? fold_byte(c) : c;
}

/* The first `len` bytes of `a` against those of `b`, which is a piece of the needle. */
static bool same(const struct needle *needle, const char *a, const char *b, size_t len)
{
    if (!needle->fold)
        return memcmp(a, b, len) == 0;
    for (size_t i = 0; i < len; i++)
        if (fold_byte(a[i]) != b[i])
            return false;
    return true;
}

void needle_prepare(struct needle *needle)
{
    needle->token_bits = 0;
    for (size_t i = 0; i < needle->text.len && i < 64; i++)
        needle->token_bits |= (uint64_t)is_token_byte(needle->text.data[i]) << i;
    needle->prepared = true;
}

/* slot_may_contain() of a piece of the needle, with the common answers first. */
static bool may_contain(const struct walk *walk, struct slot_kind kind, size_t start, size_t len)
{
    const struct needle *needle = walk->needle;
    char first = needle->text.data[start];

    if (kind.type == SLOT_TEXT) {
        if (kind.param == TEXT_FREE)
            return true;
        if (needle->prepared && start + len <= 64) {
            uint64_t wanted = (len == 64 ? UINT64_MAX : ((uint64_t)1 << len) - 1) << start;

            return (needle->token_bits & wanted) == wanted;
        }
    } else if (kind.type != SLOT_STAMP && !is_hex_byte(first) && first != '-' && first != '.') {
        return false; /* no number, address or id has this byte */
    }
    return slot_may_contain(kind, slice_sub(needle->text, start, len), needle->fold);
}

static void render(struct walk *walk)
{
    walk->out->verdict = NEEDLE_RENDER;
}

static bool decided(const struct walk *walk)
{
    return walk->out->verdict == NEEDLE_ALL || walk->out->verdict == NEEDLE_RENDER;
}

static bool push(struct walk *walk, struct needle_term term)
{
    if (walk->term_count == NEEDLE_TERMS_MAX) {
        render(walk);
        return false;
    }
    walk->terms[walk->term_count++] = term;
    return true;
}

static void finish(struct walk *walk)
{
    struct needle_plan *out = walk->out;

    if (walk->term_count == 0) {
        out->verdict = NEEDLE_ALL;
        return;
    }
    if (out->way_count == NEEDLE_WAYS_MAX) {
        render(walk);
        return;
    }
    out->verdict = NEEDLE_SOME;
    out->ways[out->way_count].term_count = walk->term_count;
    memcpy(out->ways[out->way_count++].terms, walk->terms,
           walk->term_count * sizeof(walk->terms[0]));
}

/* Can the first or last byte of such a value be no word byte? */
static bool may_lack_word(struct slot_kind kind)
{
    return kind.type == SLOT_TEXT;
}

/* What a boundary asks at the edge of a value whose neighbour is part `neighbour`. False: it depends
 * on the value there. */
static bool edge_of(const struct walk *walk, bool needed, int64_t neighbour, bool left,
                    enum needle_edge *out)
{
    const struct needle_part *part;
    char byte;

    *out = needed ? EDGE_GOOD : EDGE_ANY;
    if (!needed || neighbour < 0 || neighbour >= walk->part_count)
        return true;
    part = &walk->parts[neighbour];
    if (part->is_slot && may_lack_word(part->kind))
        return false;
    if (part->is_slot) {
        *out = EDGE_BAD; /* such values begin and end with word bytes, but for a minus sign */
        return left || part->kind.type != SLOT_INT;
    }
    byte = left ? part->literal.data[part->literal.len - 1] : part->literal.data[0];
    *out = is_word_byte(byte) ? EDGE_BAD : EDGE_GOOD;
    return true;
}

/* The match begins or ends exactly between two parts: is there a boundary? May push a term. */
static bool boundary_at(struct walk *walk, bool needed, int64_t neighbour, bool left)
{
    const struct needle_part *part;
    struct needle_term term = {.test = left ? TEST_LAST_NOT_WORD : TEST_FIRST_NOT_WORD};

    if (!needed || neighbour < 0 || neighbour >= walk->part_count)
        return true;
    part = &walk->parts[neighbour];
    if (!part->is_slot)
        return !is_word_byte(left ? part->literal.data[part->literal.len - 1]
                                  : part->literal.data[0]);
    if (!may_lack_word(part->kind) && (left || part->kind.type != SLOT_INT))
        return false;
    term.column = part->column;
    return push(walk, term);
}

static void extend(struct walk *walk, uint32_t part, size_t at);

/* The needle's rest ends inside or at the end of a literal. */
static void end_in_literal(struct walk *walk, uint32_t part, size_t used)
{
    struct slice literal = walk->parts[part].literal;
    uint32_t terms = walk->term_count;

    if (walk->to_end && (used != literal.len || part + 1 != walk->part_count))
        return;
    if (used < literal.len
            ? !walk->word_right || !is_word_byte(literal.data[used])
            : boundary_at(walk, walk->word_right, (int64_t)part + 1, false))
        finish(walk);
    walk->term_count = terms;
}

static void extend_literal(struct walk *walk, uint32_t part, size_t at)
{
    struct slice literal = walk->parts[part].literal;
    struct slice rest = slice_from(walk->needle->text, at);
    size_t len = rest.len < literal.len ? rest.len : literal.len;

    if (!same(walk->needle, literal.data, rest.data, len))
        return;
    if (rest.len <= literal.len)
        end_in_literal(walk, part, rest.len);
    else
        extend(walk, part + 1, at + len);
}

static struct needle_term make_term(const struct walk *walk, uint32_t part, enum needle_test test,
                                    size_t start, size_t len)
{
    return (struct needle_term){.column = walk->parts[part].column,
                                .test = (uint8_t)test,
                                .start = (uint16_t)start,
                                .len = (uint16_t)len};
}

/* Could the needle go on in part `part` with its byte `at`? A cheap look ahead. */
static bool may_follow(const struct walk *walk, uint32_t part, size_t at)
{
    const struct needle_part *next;

    if (part >= walk->part_count)
        return false;
    next = &walk->parts[part];
    return next->is_slot ||
           folded(walk->needle, next->literal.data[0]) == walk->needle->text.data[at];
}

static bool may_equal(const struct walk *walk, uint32_t part, struct slice text)
{
    struct slot_kind kind = walk->parts[part].kind;

    return kind.type == SLOT_TEXT || kind.type == SLOT_STAMP || walk->needle->fold ||
           slot_fits(kind, text); /* those were asked may_contain() before */
}

/* The rest of the needle ends in this value. */
static void end_in_slot(struct walk *walk, uint32_t part, size_t at)
{
    struct slice rest = slice_from(walk->needle->text, at);
    struct needle_term term = make_term(walk, part, TEST_PREFIX, at, rest.len);
    enum needle_edge right;

    if (!may_contain(walk, walk->parts[part].kind, at, rest.len))
        return;
    if (walk->to_end) {
        if (part + 1 != walk->part_count)
            return;
        term.test = TEST_EQUAL;
    } else if (!edge_of(walk, walk->word_right, (int64_t)part + 1, false, &right)) {
        render(walk);
        return;
    } else {
        term.right = (uint8_t)right;
    }
    if (!push(walk, term))
        return;
    finish(walk);
    walk->term_count--;
}

static void extend_slot(struct walk *walk, uint32_t part, size_t at)
{
    struct slice text = walk->needle->text;

    end_in_slot(walk, part, at);
    for (size_t end = at + 1; end < text.len && !decided(walk); end++) {
        struct slice value = slice_sub(text, at, end - at);

        if (!may_contain(walk, walk->parts[part].kind, at, value.len))
            return; /* nor may anything longer */
        if (!may_follow(walk, part + 1, end) || !may_equal(walk, part, value))
            continue;
        if (!push(walk, make_term(walk, part, TEST_EQUAL, at, value.len)))
            return;
        extend(walk, part + 1, end);
        walk->term_count--;
    }
}

/* Go on at the beginning of `part` with needle.text[at..). */
static void extend(struct walk *walk, uint32_t part, size_t at)
{
    if (part >= walk->part_count || decided(walk))
        return;
    if (walk->parts[part].is_slot)
        extend_slot(walk, part, at);
    else
        extend_literal(walk, part, at);
}

/* Matches that begin in a literal. */
static void start_in_literal(struct walk *walk, uint32_t part)
{
    struct slice literal = walk->parts[part].literal, text = walk->needle->text;
    const struct kernels *k = kernels();
    size_t tail = text.len - 1 < literal.len ? text.len - 1 : literal.len;
    size_t at = literal.len < text.len ? SIZE_MAX
                : walk->needle->fold   ? k->find_fold(literal, text, 0)
                                       : k->find(literal, text, 0);

    for (; at != SIZE_MAX && !decided(walk);
         at = walk->needle->fold ? k->find_fold(literal, text, at + 1)
                                 : k->find(literal, text, at + 1)) {
        if (at > 0 ? !walk->word_left || !is_word_byte(literal.data[at - 1])
                   : boundary_at(walk, walk->word_left, (int64_t)part - 1, true))
            end_in_literal(walk, part, at + text.len);
        walk->term_count = 0;
    }
    for (size_t len = 1; len <= tail && !decided(walk); len++) {
        at = literal.len - len;
        if (folded(walk->needle, literal.data[at]) != text.data[0] ||
            !may_follow(walk, part + 1, len) ||
            !same(walk->needle, literal.data + at, text.data, len))
            continue;
        if (at > 0 ? !walk->word_left || !is_word_byte(literal.data[at - 1])
                   : boundary_at(walk, walk->word_left, (int64_t)part - 1, true))
            extend(walk, part + 1, len);
        walk->term_count = 0;
    }
}

/* Matches that begin in a value: in its middle, or its end and then on. */
static void start_in_slot(struct walk *walk, uint32_t part)
{
    struct slot_kind kind = walk->parts[part].kind;
    struct slice text = walk->needle->text;
    enum needle_edge left, right;
    bool known = edge_of(walk, walk->word_left, (int64_t)part - 1, true, &left);

    if (may_contain(walk, kind, 0, text.len)) {
        struct needle_term term = make_term(walk, part, TEST_CONTAINS, 0, text.len);

        if (!known || !edge_of(walk, walk->word_right, (int64_t)part + 1, false, &right)) {
            render(walk);
            return;
        }
        term.left = (uint8_t)left;
        term.right = (uint8_t)right;
        (void)push(walk, term);
        finish(walk);
        walk->term_count = 0;
    }
    for (size_t len = 1; len < text.len && !decided(walk); len++) {
        struct needle_term term = make_term(walk, part, TEST_SUFFIX, 0, len);

        if (!may_contain(walk, kind, 0, len))
            return;
        if (!may_follow(walk, part + 1, len))
            continue;
        if (!known) {
            render(walk);
            return;
        }
        term.left = (uint8_t)left;
        (void)push(walk, term);
        extend(walk, part + 1, len);
        walk->term_count = 0;
    }
}

void needle_plan_make(const struct needle *needle, const struct needle_part *parts,
                      uint32_t part_count, struct needle_plan *out)
{
    struct slice text = needle->text;
    bool phrase = needle->match == TEXT_PHRASE;
    struct walk walk = {.needle = needle,
                        .parts = parts,
                        .part_count = part_count,
                        .out = out,
                        .word_left = (phrase || needle->match == TEXT_PREFIX) &&
                                     is_word_byte(text.data[0]),
                        .word_right = phrase && is_word_byte(text.data[text.len - 1]),
                        .to_end = needle->match == TEXT_EXACT};

    out->verdict = NEEDLE_NONE;
    out->way_count = 0;
    if (needle->match == TEXT_EXACT || needle->match == TEXT_EXACT_PREFIX) {
        extend(&walk, 0, 0);
        return;
    }
    for (uint32_t part = 0; part < part_count && !decided(&walk); part++) {
        if (parts[part].is_slot)
            start_in_slot(&walk, part);
        else
            start_in_literal(&walk, part);
    }
}

static bool edge_holds(enum needle_edge edge, struct slice value, size_t beyond, bool at_edge)
{
    if (edge == EDGE_ANY)
        return true;
    return at_edge ? edge == EDGE_GOOD : !is_word_byte(value.data[beyond]);
}

static bool match_contains(const struct needle *needle, const struct needle_term *term,
                           struct slice text, struct slice value)
{
    const struct kernels *k = kernels();
    size_t at = 0;

    while (value.len >= text.len) {
        at = needle->fold ? k->find_fold(value, text, at) : k->find(value, text, at);
        if (at == SIZE_MAX)
            return false;
        if (edge_holds(term->left, value, at - 1, at == 0) &&
            edge_holds(term->right, value, at + text.len, at + text.len == value.len))
            return true;
        at++;
    }
    return false;
}

bool needle_term_match(const struct needle *needle, const struct needle_term *term,
                       struct slice value)
{
    struct slice text = needle_term_text(needle, term);

    switch (term->test) {
    case TEST_FIRST_NOT_WORD:
        return value.len > 0 && !is_word_byte(value.data[0]);
    case TEST_LAST_NOT_WORD:
        return value.len > 0 && !is_word_byte(value.data[value.len - 1]);
    case TEST_CONTAINS:
        return match_contains(needle, term, text, value);
    default:
        break;
    }
    if (value.len < text.len)
        return false;
    if (term->test == TEST_EQUAL)
        return value.len == text.len && same(needle, value.data, text.data, text.len);
    if (term->test == TEST_PREFIX)
        return same(needle, value.data, text.data, text.len) &&
               edge_holds(term->right, value, text.len, value.len == text.len);
    return same(needle, value.data + value.len - text.len, text.data, text.len) &&
           edge_holds(term->left, value, value.len - text.len - 1, value.len == text.len);
}
