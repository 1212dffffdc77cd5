/* store/gap_index.c -- gaps told apart by a hash table; found by their first and last byte.
 *
 * A template is glued if a token byte stands beside one of its slots. In all others a value ends
 * where the run of token bytes ends, so that the caller's cuts are few; glued ones may be cut at
 * every token byte. That is a property of the gap here: equal texts in glued templates are another
 * gap, as are those beside other kinds of slots. */
#include "store/gap_index.h"

#include "base/hash.h"
#include "base/memory_budget.h"
#include "store/gram_filter.h"
#include "store/kernels/kernels.h"

#include <stdlib.h>

enum {
    INDEX_ARENA_MAX = 256 << 20,
    KINDS_MAX = 256,
    STAMP_PIECE = 8, /* bytes that are looked at where a stamp begins; every layout has more */
};

enum gap_flag {
    GAP_LEFT_SLOT = 1,
    GAP_RIGHT_SLOT = 2,
    GAP_LEFT_WIDE = 4, /* the slot there may hold anything: is_wide() */
    GAP_RIGHT_WIDE = 8,
    GAP_GLUED = 16, /* the template is glued */
    GAP_LEFT_STAMP = 32,
    GAP_RIGHT_STAMP = 64,
};

struct gap {
    const char *text; /* of the directory, then of the index; not empty */
    uint32_t len;
    uint32_t first_use, use_count, last_template;
    uint8_t flags;
};

/* What is needed only while an index is made. */
struct making {
    const struct segment *segment;
    struct gap_index *index;
    struct arena arena;
    uint32_t *places, place_count; /* hash table: number of the gap + 1 */
    uint32_t *gap_of;              /* by template and gap; UINT32_MAX: empty */
    uint32_t use_count, gap_capacity;
};

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "the gaps of a segment need too much memory");
}

/* Its values may hold any byte, or nobody knows them without reading rows. */
static bool is_wide(const struct segment_column *column)
{
    return column->class == CLASS_TEXTS ||
           (column->kind.type == SLOT_TEXT && column->kind.param == TEXT_FREE);
}

static struct slice gap_text(const struct segment_template *template, uint32_t gap)
{
    uint32_t start = gap > 0 ? template->gap_ends[gap - 1] : 0;

    return (struct slice){template->literals + start, template->gap_ends[gap] - start};
}

/* ---- making ---- */

static uint32_t find_gap(struct making *making, struct slice text, uint8_t flags)
{
    uint64_t hash = hash64_seed(text.data, text.len, flags);
    uint32_t place = (uint32_t)(hash >> 32) & (making->place_count - 1);
    struct gap *gap;

    for (; making->places[place] != 0; place = (place + 1) & (making->place_count - 1)) {
        gap = &making->index->gaps[making->places[place] - 1];
        if (gap->len == text.len && gap->flags == flags &&
            memcmp(gap->text, text.data, text.len) == 0)
            return making->places[place] - 1;
    }
    gap = &making->index->gaps[making->index->gap_count];
    *gap = (struct gap){
        .text = text.data, .len = (uint32_t)text.len, .last_template = UINT32_MAX, .flags = flags};
    making->places[place] = ++making->index->gap_count;
    return making->index->gap_count - 1;
}

/* How the template's gaps meet its slots. */
static bool judge_template(struct making *making, const struct segment_family *family,
                           uint32_t number)
{
    const struct segment_template *template = &making->segment->templates[number];
    uint8_t *judged = &making->index->templates[number];
    bool glued = false;

    for (uint32_t gap = 0; gap <= family->slot_count; gap++) {
        struct slice text = gap_text(template, gap);
        bool left = gap > 0, right = gap < family->slot_count;

        if (text.len == 0) {
            *judged |= left && right ? TEMPLATE_SLOTS_TOUCH : 0;
            continue;
        }
        glued = glued || (left && is_token_byte(text.data[0])) ||
                (right && is_token_byte(text.data[text.len - 1]));
        if ((left && is_word_byte(text.data[0])) ||
            (right && is_word_byte(text.data[text.len - 1])))
            *judged |= TEMPLATE_WORD_GLUE;
    }
    making->index->slots_touch |= (*judged & TEMPLATE_SLOTS_TOUCH) != 0;
    return glued;
}

static uint8_t flags_of(const struct segment_family *family, uint32_t gap, bool glued)
{
    uint8_t flags = glued ? GAP_GLUED : 0;

    if (gap > 0) {
        const struct segment_column *left = &family->columns[gap - 1];

        flags |= (uint8_t)(GAP_LEFT_SLOT | (is_wide(left) ? GAP_LEFT_WIDE : 0) |
                           (left->kind.type == SLOT_STAMP ? GAP_LEFT_STAMP : 0));
    }
    if (gap < family->slot_count) {
        const struct segment_column *right = &family->columns[gap];

        flags |= (uint8_t)(GAP_RIGHT_SLOT | (is_wide(right) ? GAP_RIGHT_WIDE : 0) |
                           (right->kind.type == SLOT_STAMP ? GAP_RIGHT_STAMP : 0));
    }
    return flags;
}

static void add_gaps(struct making *making)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < making->segment->family_count; i++) {
        const struct segment_family *family = &making->segment->families[i];

        for (uint32_t k = 0; k < family->template_count; k++) {
            uint32_t number = family->first_template + k;
            bool glued = judge_template(making, family, number);

            for (uint32_t gap = 0; gap <= family->slot_count; gap++, at++) {
                struct slice text = gap_text(&making->segment->templates[number], gap);
                struct gap *found;

                making->gap_of[at] = UINT32_MAX;
                if (text.len == 0)
                    continue;
                making->gap_of[at] = find_gap(making, text, flags_of(family, gap, glued));
                found = &making->index->gaps[making->gap_of[at]];
                found->use_count += found->last_template != number;
                found->last_template = number;
            }
        }
    }
}

/* Each template once per gap, though it may have the gap many times. */
static void list_uses(struct making *making)
{
    struct gap_index *index = making->index;
    uint32_t at = 0, first = 0;

    for (uint32_t i = 0; i < index->gap_count; i++) {
        index->gaps[i].first_use = first;
        first += index->gaps[i].use_count;
        index->gaps[i].use_count = 0;
        index->gaps[i].last_template = UINT32_MAX;
    }
    for (uint32_t i = 0; i < making->segment->family_count; i++) {
        const struct segment_family *family = &making->segment->families[i];

        for (uint32_t k = 0; k < family->template_count; k++)
            for (uint32_t gap = 0; gap <= family->slot_count; gap++, at++) {
                uint32_t number = family->first_template + k;
                struct gap *found;

                if (making->gap_of[at] == UINT32_MAX)
                    continue;
                found = &index->gaps[making->gap_of[at]];
                if (found->last_template == number)
                    continue;
                found->last_template = number;
                index->uses[found->first_use + found->use_count++] = number;
            }
    }
}

/* All gaps one behind the other, each ended by a zero byte: one search looks through all of them. */
static bool copy_texts(struct gap_index *index, size_t size)
{
    char *to = arena_take(&index->arena, 1, 1, size + index->gap_count);

    if (to == NULL)
        return false;
    index->text = (struct slice){to, size + index->gap_count};
    for (uint32_t i = 0; i < index->gap_count; i++) {
        struct gap *gap = &index->gaps[i];

        memcpy(to, gap->text, gap->len);
        gap->text = to;
        to += gap->len;
        *to++ = '\0';
    }
    return true;
}

static unsigned char edge_byte(const struct gap *gap, bool last)
{
    return (unsigned char)fold_byte(gap->text[last ? gap->len - 1 : 0]);
}

/* A counting sort of the gaps by one of their edges. */
static void sort_gaps(struct gap_index *index, bool last, uint32_t *start, uint32_t *order)
{
    uint32_t next[256];

    memset(start, 0, 257 * sizeof(*start));
    for (uint32_t i = 0; i < index->gap_count; i++)
        start[edge_byte(&index->gaps[i], last) + 1]++;
    for (unsigned byte = 0; byte < 256; byte++) {
        start[byte + 1] += start[byte];
        next[byte] = start[byte];
    }
    for (uint32_t i = 0; i < index->gap_count; i++)
        order[next[edge_byte(&index->gaps[i], last)]++] = i;
}

static uint32_t find_kind(struct gap_index *index, const struct segment_column *column)
{
    uint32_t i = 0;

    while (i < index->kind_count && (!slot_kind_equal(index->kinds[i].kind, column->kind) ||
                                     index->kinds[i].class != column->class))
        i++;
    if (i == index->kind_count && i < KINDS_MAX)
        index->kinds[index->kind_count++] = (struct gap_kind){
            column->kind, column->class, is_wide(column)};
    return i;
}

/* False: too many kinds. */
static bool list_kinds(const struct segment *segment, struct gap_index *index)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < segment->family_count; i++) {
        index->column_first[i] = at;
        for (uint32_t slot = 0; slot < segment->families[i].slot_count; slot++) {
            uint32_t kind = find_kind(index, &segment->families[i].columns[slot]);

            if (kind == KINDS_MAX)
                return false;
            index->column_kinds[at++] = (uint16_t)kind;
        }
    }
    return true;
}

static bool fill(struct making *making, uint32_t slot_count)
{
    const struct segment *segment = making->segment;
    struct gap_index *index = making->index;
    size_t size = 0;

    index->column_first = arena_new(&index->arena, uint32_t, (size_t)segment->family_count + 1);
    index->column_kinds = arena_new(&index->arena, uint16_t, (size_t)slot_count + 1);
    index->kinds = arena_new(&index->arena, struct gap_kind, KINDS_MAX);
    index->templates = arena_new(&index->arena, uint8_t, (size_t)segment->template_count + 1);
    index->gaps = arena_new(&making->arena, struct gap, making->gap_capacity + 1u);
    making->gap_of = arena_new(&making->arena, uint32_t, making->gap_capacity + 1u);
    for (making->place_count = 64; making->place_count < 2 * making->gap_capacity;)
        making->place_count *= 2;
    making->places = arena_new(&making->arena, uint32_t, making->place_count);
    if (index->arena.failed || making->arena.failed)
        return false;
    add_gaps(making);
    for (uint32_t i = 0; i < index->gap_count; i++) {
        size += index->gaps[i].len;
        making->use_count += index->gaps[i].use_count;
    }
    index->uses = arena_new(&index->arena, uint32_t, making->use_count + 1u);
    index->by_first = arena_new(&index->arena, uint32_t, index->gap_count + 1u);
    index->by_last = arena_new(&index->arena, uint32_t, index->gap_count + 1u);
    index->grams_size = gram_filter_size(size);
    index->grams = arena_new(&index->arena, uint8_t, index->grams_size);
    if (index->arena.failed || !copy_texts(index, size))
        return false;
    list_uses(making);
    sort_gaps(index, false, index->first_start, index->by_first);
    sort_gaps(index, true, index->last_start, index->by_last);
    for (uint32_t i = 0; i < index->gap_count; i++)
        gram_filter_add(index->grams, index->grams_size,
                        slice_make(index->gaps[i].text, index->gaps[i].len));
    return true;
}

/* Gaps are counted first: memory for all of them is taken, that of the different ones is kept. */
static struct gap_index *make(const struct segment *segment, bool *usable)
{
    struct gap_index *index = calloc(1, sizeof(*index));
    struct making making = {
        .segment = segment, .index = index, .arena = arena_empty(INDEX_ARENA_MAX)};
    struct gap *gaps = NULL;
    uint64_t gap_count = 0, slot_count = 0;
    bool made = false;

    for (uint32_t i = 0; i < segment->family_count; i++) {
        slot_count += segment->families[i].slot_count;
        gap_count += (uint64_t)segment->families[i].template_count *
                     (segment->families[i].slot_count + 1u);
    }
    *usable = gap_count <= GAP_INDEX_USES_MAX && slot_count <= GAP_INDEX_USES_MAX;
    if (index == NULL || !*usable)
        return index;
    index->arena = arena_empty(INDEX_ARENA_MAX);
    index->template_count = segment->template_count;
    making.gap_capacity = (uint32_t)gap_count;
    made = fill(&making, (uint32_t)slot_count);
    if (made) {
        *usable = list_kinds(segment, index);
        gaps = arena_new(&index->arena, struct gap, index->gap_count + 1u);
    }
    if (gaps != NULL) {
        memcpy(gaps, index->gaps, index->gap_count * sizeof(*gaps));
        index->gaps = gaps;
    }
    arena_release(&making.arena);
    if (gaps == NULL) {
        gap_index_free(index);
        return NULL;
    }
    return index;
}

void gap_index_free(struct gap_index *index)
{
    if (index == NULL)
        return;
    arena_release(&index->arena);
    free(index);
}

enum status gap_index_get(struct segment *segment, const struct gap_index **out,
                          struct error *err)
{
    struct gap_index *made = atomic_load(&segment->gap_index), *none = NULL;

    if (made == NULL) {
        enum memory_class before = memory_budget_enter(MEMORY_CATALOG);
        bool usable;

        made = make(segment, &usable);
        (void)memory_budget_enter(before);
        if (made == NULL)
            return no_memory(err);
        if (!usable)
            made->kind_count = UINT32_MAX; /* an index that says so */
        if (!atomic_compare_exchange_strong(&segment->gap_index, &none, made)) {
            gap_index_free(made); /* another thread was faster */
            made = none;
        }
    }
    *out = made->kind_count == UINT32_MAX ? NULL : made;
    return STATUS_OK;
}

/* ---- searching ---- */

struct search {
    const struct gap_index *index;
    const struct gap_question *question;
    const struct needle *needle;
    uint8_t *cuts;
    uint8_t *touched;
    bool any;
};

static bool same(const struct search *search, const char *gap, size_t start, size_t len)
{
    const char *wanted = search->needle->text.data + start;

    if (!search->needle->fold)
        return memcmp(gap, wanted, len) == 0;
    for (size_t i = 0; i < len; i++)
        if (fold_byte(gap[i]) != wanted[i])
            return false;
    return true;
}

static void touch(struct search *search, const struct gap *gap, enum gap_touch how)
{
    for (uint32_t i = 0; i < gap->use_count; i++) {
        uint8_t *touched = &search->touched[search->index->uses[gap->first_use + i]];

        *touched = *touched > how ? *touched : (uint8_t)how;
    }
    search->any = true;
}

/* Is needle[start, end) a part of a stamp? */
static bool may_be_of_stamp(const struct search *search, size_t start, size_t end)
{
    struct slice piece = slice_sub(search->needle->text, start, end - start);

    for (uint32_t i = 0; i < search->index->kind_count; i++)
        if (search->index->kinds[i].kind.type == SLOT_STAMP &&
            slot_may_contain(search->index->kinds[i].kind, piece, search->needle->fold))
            return true;
    return false;
}

static bool stamp_ends(const struct search *search, size_t at)
{
    uint8_t *cut = &search->cuts[at];

    if ((*cut & (CUT_STAMP_ENDS | CUT_NO_STAMP_ENDS)) == 0)
        *cut |= may_be_of_stamp(search, 0, at) ? CUT_STAMP_ENDS : CUT_NO_STAMP_ENDS;
    return (*cut & CUT_STAMP_ENDS) != 0;
}

static bool stamp_begins(const struct search *search, size_t at)
{
    uint8_t *cut = &search->cuts[at];
    size_t rest = search->needle->text.len - at;

    if ((*cut & (CUT_STAMP_BEGINS | CUT_NO_STAMP_BEGINS)) == 0)
        *cut |= may_be_of_stamp(search, at, at + (rest < STAMP_PIECE ? rest : STAMP_PIECE))
                    ? CUT_STAMP_BEGINS
                    : CUT_NO_STAMP_BEGINS;
    return (*cut & CUT_STAMP_BEGINS) != 0;
}

/* May a value that ends with needle[0, at) stand before the gap? */
static bool may_end(const struct search *search, const struct gap *gap, size_t at)
{
    if ((gap->flags & (GAP_LEFT_SLOT | GAP_LEFT_WIDE)) != GAP_LEFT_SLOT)
        return (gap->flags & GAP_LEFT_SLOT) != 0;
    if ((gap->flags & GAP_LEFT_STAMP) != 0)
        return stamp_ends(search, at);
    return (search->cuts[at] & CUT_VALUE_ENDS) != 0 ||
           ((gap->flags & GAP_GLUED) != 0 && is_token_byte(search->needle->text.data[at - 1]));
}

/* May a value that begins with needle[at] stand behind the gap? */
static bool may_begin(const struct search *search, const struct gap *gap, size_t at)
{
    if ((gap->flags & (GAP_RIGHT_SLOT | GAP_RIGHT_WIDE)) != GAP_RIGHT_SLOT)
        return (gap->flags & GAP_RIGHT_SLOT) != 0;
    if ((gap->flags & GAP_RIGHT_STAMP) != 0)
        return stamp_begins(search, at);
    return (search->cuts[at] & CUT_VALUE_BEGINS) != 0 ||
           ((gap->flags & GAP_GLUED) != 0 && is_token_byte(search->needle->text.data[at]));
}

/* The needle goes on in a value behind the gap, from its byte `at`. */
static void try_last(struct search *search, const struct gap *gap, size_t at)
{
    size_t len = at < gap->len ? at : gap->len;

    if (!same(search, gap->text + gap->len - len, at - len, len) || !may_begin(search, gap, at) ||
        (at > gap->len && !may_end(search, gap, at - gap->len)))
        return;
    touch(search, gap, GAPS_TOUCHED);
}

/* The needle comes out of a value before the gap with its byte `at`, and ends in the gap. */
static void try_first(struct search *search, const struct gap *gap, size_t at)
{
    size_t rest = search->needle->text.len - at;

    if (rest <= gap->len && same(search, gap->text, at, rest) && may_end(search, gap, at))
        touch(search, gap, GAPS_TOUCHED);
}

/* Is the needle at gap[at], and if so, are its ends fine in all lines? */
static enum gap_touch judge_whole(const struct search *search, const struct gap *gap, size_t at)
{
    size_t end = at + search->needle->text.len;
    bool left = !search->question->left ||
                (at > 0 ? !is_word_byte(gap->text[at - 1]) : (gap->flags & GAP_LEFT_SLOT) == 0);
    bool right = !search->question->right ||
                 (end < gap->len ? !is_word_byte(gap->text[end])
                                 : (gap->flags & GAP_RIGHT_SLOT) == 0);

    return left && right ? GAPS_HOLD : GAPS_TOUCHED;
}

/* The gap that holds a byte of index->text; `from`: one that is not behind it. */
static uint32_t gap_at(const struct gap_index *index, uint32_t from, const char *byte)
{
    uint32_t low = from, high = index->gap_count;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (index->gaps[middle].text <= byte)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void find_whole(struct search *search)
{
    const struct gap_index *index = search->index;
    struct slice text = search->needle->text;
    size_t (*find)(struct slice, struct slice, size_t) =
        search->needle->fold ? kernels()->find_fold : kernels()->find;
    size_t from = 0, found;
    uint32_t number = 0;

    if (!gram_filter_may_have(index->grams, index->grams_size, text))
        return;
    while ((found = find(index->text, text, from)) != SIZE_MAX) {
        const struct gap *gap;
        enum gap_touch how = GAPS_UNTOUCHED;
        size_t start;

        number = gap_at(index, number, index->text.data + found);
        gap = &index->gaps[number];
        start = (size_t)(gap->text - index->text.data);
        for (; found != SIZE_MAX && found < start + gap->len && how != GAPS_HOLD;
             found = find(index->text, text, found + 1))
            if (found + text.len <= start + gap->len) /* not out of it: a needle may have a zero */
                how = judge_whole(search, gap, found - start);
        if (how != GAPS_UNTOUCHED)
            touch(search, gap, how);
        from = start + gap->len + 1; /* a needle may begin with the zero byte */
    }
}

static unsigned folded(const struct search *search, size_t at)
{
    return (unsigned char)fold_byte(search->needle->text.data[at]);
}

bool gap_index_search(const struct gap_index *index, const struct gap_question *question,
                      uint8_t *touched)
{
    const struct needle *needle = question->needle;
    struct search search = {.index = index,
                            .question = question,
                            .needle = needle,
                            .cuts = question->cuts,
                            .touched = touched};

    for (uint32_t i = 0; index->slots_touch && i < index->template_count; i++) {
        if ((index->templates[i] & TEMPLATE_SLOTS_TOUCH) != 0) {
            touched[i] = GAPS_TOUCHED;
            search.any = true;
        }
    }
    find_whole(&search);
    for (size_t at = 1; at < needle->text.len; at++) {
        unsigned before = folded(&search, at - 1), byte = folded(&search, at);

        for (uint32_t i = index->last_start[before]; i < index->last_start[before + 1]; i++)
            try_last(&search, &index->gaps[index->by_last[i]], at);
        for (uint32_t i = index->first_start[byte]; i < index->first_start[byte + 1]; i++)
            try_first(&search, &index->gaps[index->by_first[i]], at);
    }
    return search.any;
}
