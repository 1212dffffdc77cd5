/* store/segment_plan_terms.c -- try terms on the strings and ids of a segment.
 *
 * Strings: the grams of each pool page say whether it can hold the text; the pages that pass are
 * searched as one text, and hits are assigned to their strings. Ids: a text that can only be their begin is
 * compared with the heads; another fragment of hex digits is looked for as whole bytes, at both
 * alignments, and only ids that have these are written out. */
#include "store/segment_plan.h"

#include "store/gram_filter.h"
#include "store/id_place.h"
#include "store/id_pool.h"
#include "store/kernels/kernels.h"
#include "store/text_stamp.h"

struct term_memo {
    struct term_memo *next;
    struct needle_term term;  /* column does not matter */
    struct slot_kind kind;    /* of the id pool; SLOT_TEXT: the string pool */
    uint64_t *hits;           /* a bit per string or id; NULL: none */
};

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "planning a filter needs too much memory");
}

static bool same_term(const struct needle_term *a, const struct needle_term *b)
{
    return a->test == b->test && a->left == b->left && a->right == b->right &&
           a->start == b->start && a->len == b->len;
}

/* ---- strings ---- */

static bool has_text(const struct needle_term *term)
{
    return term->test != TEST_FIRST_NOT_WORD && term->test != TEST_LAST_NOT_WORD;
}

static uint32_t string_at(const struct text_page *page, size_t offset)
{
    uint32_t low = 0, high = page->count; /* first string whose end is beyond the offset */

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (page->ends[middle] > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool search_page(const struct term_search *search, const struct needle_term *term,
                        const struct text_page *page, uint32_t first, uint64_t *hits)
{
    const struct kernels *k = kernels();
    struct slice text = needle_term_text(search->needle, term);
    bool found = false;

    for (uint32_t i = 0; i < page->count && !has_text(term); i++)
        if (needle_term_match(search->needle, term, text_page_string(page, i))) {
            bit_set(hits, first + i);
            found = true;
        }
    for (size_t at = 0; has_text(term) && page->text.len >= text.len;) {
        uint32_t string;

        at = search->needle->fold ? k->find_fold(page->text, text, at)
                                  : k->find(page->text, text, at);
        if (at == SIZE_MAX)
            break;
        string = string_at(page, at);
        if (at + text.len > page->ends[string]) { /* lies across two strings */
            at++;
            continue;
        }
        if (needle_term_match(search->needle, term, text_page_string(page, string))) {
            bit_set(hits, first + string);
            found = true;
        }
        at = page->ends[string];
    }
    return found;
}

/* The grams of all pages of the pool, read once per plan. */
static enum status read_grams(struct segment_plan *plan, struct error *err)
{
    const struct segment *segment = plan->segment;
    struct slice *grams;
    enum status status = STATUS_OK;

    if (plan->pool_grams != NULL)
        return STATUS_OK;
    grams = arena_new(&plan->arena, struct slice, (size_t)segment->pool_page_count + 1);
    if (grams == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < segment->pool_page_count && status == STATUS_OK; i++)
        status = segment_page_read(segment, &segment->pool[i].grams, &plan->arena, &grams[i],
                                   &plan->bytes_read, err);
    if (status == STATUS_OK)
        plan->pool_grams = grams;
    return status;
}

static bool page_may_have(const struct segment_plan *plan, uint32_t page, struct slice text)
{
    struct slice grams = plan->pool_grams[page];

    return grams.len == 0 ||
           gram_filter_may_have((const uint8_t *)grams.data, grams.len, text);
}

static enum status search_pool(struct term_search *search, struct term_memo *memo,
                               struct error *err)
{
    struct segment_plan *plan = search->plan;
    struct segment *segment = plan->segment;
    uint64_t *hits = arena_new(&plan->arena, uint64_t, bit_words(segment->pool_count) + 1);
    enum status status = hits == NULL ? no_memory(err) : STATUS_OK;
    bool found = false, filtered = has_text(&memo->term) && memo->term.len >= GRAM_SIZE;

    if (status == STATUS_OK && filtered)
        status = read_grams(plan, err);
    for (uint32_t i = 0; i < segment->pool_page_count && status == STATUS_OK; i++) {
        const struct text_page *page;

        if (filtered && !page_may_have(plan, i, needle_term_text(search->needle, &memo->term)))
            continue;
        status = segment_pool_page(segment, i, &plan->hold, &page, err);
        if (status == STATUS_OK)
            found |= search_page(search, &memo->term, page, segment->pool[i].first, hits);
    }
    memo->hits = found ? hits : NULL;
    return status;
}

/* ---- ids ---- */

/* Whole bytes of a fragment of hex digits, where it begins at an even or at an odd digit of the id. */
struct id_probe {
    bool known; /* false: too short to say anything */
    char bytes[2][SLOT_WRITE_MAX / 2];
    size_t len[2];
};

static unsigned nibble(char c)
{
    return is_digit_byte(c) ? (unsigned)(c - '0') : ((unsigned)(c | 0x20) - 'a' + 10) & 15;
}

/* From the longest run of digits between dashes. */
static struct id_probe make_probe(struct slice text)
{
    struct id_probe probe = {.known = false};
    size_t best = 0, best_len = 0, run = 0;

    for (size_t i = 0; i < text.len && i < SLOT_WRITE_MAX; i++) {
        run = text.data[i] == '-' ? 0 : run + 1;
        if (run > best_len) {
            best_len = run;
            best = i + 1 - run;
        }
    }
    if (best_len < 5) /* two whole bytes at either alignment */
        return probe;
    probe.known = true;
    for (unsigned odd = 0; odd < 2; odd++) {
        probe.len[odd] = (best_len - odd) / 2;
        for (size_t i = 0; i < probe.len[odd]; i++) {
            const char *at = text.data + best + odd + 2 * i;

            probe.bytes[odd][i] = (char)(nibble(at[0]) << 4 | nibble(at[1]));
        }
    }
    return probe;
}

static enum status read_checked(const struct term_search *search, const struct page_ref *page,
                                struct arena *arena, size_t size, struct slice *out,
                                struct error *err)
{
    enum status status = segment_page_read(search->plan->segment, page, arena, out,
                                          &search->plan->bytes_read, err);

    if (status == STATUS_OK && out->len != size)
        status = segment_corrupt(search->plan->segment, "page of ids", err);
    return status;
}

enum { UUID_SIZE = 16 }; /* and that of most hashes */

/* All ids of a kind in a segment. */
struct id_list {
    const struct segment_ids *ids;
    struct slice heads; /* ID_HEAD_SIZE bytes of each */
};

/* One page of them, put together from heads and rest. */
struct id_page {
    const struct segment_ids *ids;
    uint32_t first, count;
    const char *bytes; /* count ids of slot_id_size() bytes */
};

/* `size` is known where this is inlined: a copy is two moves then, not two calls. */
static inline __attribute__((always_inline)) void join_ids(char *ids, const char *heads,
                                                           const char *rest, uint32_t count,
                                                           size_t size)
{
    size_t rest_size = size - ID_HEAD_SIZE;

    for (uint32_t i = 0; i < count; i++) {
        memcpy(ids + i * size, heads + (size_t)i * ID_HEAD_SIZE, ID_HEAD_SIZE);
        memcpy(ids + i * size + ID_HEAD_SIZE, rest + i * rest_size, rest_size);
    }
}

static enum status read_id_page(const struct term_search *search, const struct id_list *list,
                                uint32_t page, struct arena *arena, struct id_page *out,
                                struct error *err)
{
    const struct segment_ids *ids = list->ids;
    unsigned size = slot_id_size(ids->kind), rest_size = size - ID_HEAD_SIZE;
    const char *first_head = list->heads.data + (size_t)page * ID_PAGE_COUNT * ID_HEAD_SIZE;
    struct slice rest;
    char *bytes;
    enum status status;

    out->ids = ids;
    out->first = page * ID_PAGE_COUNT;
    out->count = ids->count - out->first < ID_PAGE_COUNT ? ids->count - out->first : ID_PAGE_COUNT;
    status = read_checked(search, &ids->rest[page], arena, (size_t)out->count * rest_size, &rest,
                          err);
    if (status != STATUS_OK)
        return status;
    bytes = arena_take(arena, size, 8, out->count + 1u);
    if (bytes == NULL)
        return no_memory(err);
    out->bytes = bytes;
    if (size == UUID_SIZE)
        join_ids(bytes, first_head, rest.data, out->count, UUID_SIZE);
    else if (rest_size > 0)
        join_ids(bytes, first_head, rest.data, out->count, size);
    else
        memcpy(bytes, first_head, (size_t)out->count * size);
    return STATUS_OK;
}

static void test_id(const struct term_search *search, const struct id_page *page, uint32_t i,
                    struct term_memo *memo, bool *found)
{
    struct slot_kind kind = page->ids->kind;
    char text[SLOT_WRITE_MAX];
    size_t len = slot_id_write(
        kind, (const uint8_t *)page->bytes + (size_t)i * slot_id_size(kind), text);

    if (needle_term_match(search->needle, &memo->term, slice_make(text, len))) {
        bit_set(memo->hits, page->first + i);
        *found = true;
    }
}

/* Ids that have the fragment's whole bytes; those that lie across two ids fail the test itself. */
static void probe_page(const struct term_search *search, const struct id_page *page,
                       const struct id_probe *probe, struct term_memo *memo, bool *found)
{
    unsigned size = slot_id_size(page->ids->kind);
    struct slice all = {page->bytes, (size_t)page->count * size};

    for (unsigned odd = 0; odd < 2; odd++) {
        struct slice wanted = {probe->bytes[odd], probe->len[odd]};

        for (size_t at = kernels()->find(all, wanted, 0); at != SIZE_MAX;
             at = kernels()->find(all, wanted, at + 1))
            test_id(search, page, (uint32_t)(at / size), memo, found);
    }
}

/* All ids of a page are put together, and those that may have the text are tested. */
static enum status search_id_page(struct term_search *search, const struct id_list *list,
                                  uint32_t number, struct term_memo *memo, bool *found,
                                  struct error *err)
{
    struct arena arena = arena_empty(SEGMENT_PAGE_SIZE_MAX);
    struct id_probe probe = make_probe(needle_term_text(search->needle, &memo->term));
    struct id_page page = {0};
    enum status status = read_id_page(search, list, number, &arena, &page, err);

    if (status == STATUS_OK && probe.known)
        probe_page(search, &page, &probe, memo, found);
    else
        for (uint32_t i = 0; status == STATUS_OK && i < page.count; i++)
            test_id(search, &page, i, memo, found);
    arena_release(&arena);
    return status;
}

/* The text begins with the first digits of the id: only ids with this head are put together. */
static enum status search_heads(struct term_search *search, const struct id_list *list,
                                struct term_memo *memo, bool *found, struct error *err)
{
    struct arena arena = arena_empty(SEGMENT_PAGE_SIZE_MAX);
    struct slice text = needle_term_text(search->needle, &memo->term);
    uint32_t read = UINT32_MAX; /* page that was read */
    struct id_page page = {0};
    char head[ID_HEAD_SIZE];
    enum status status = STATUS_OK;

    for (size_t i = 0; i < ID_HEAD_SIZE; i++)
        head[i] = (char)(nibble(text.data[2 * i]) << 4 | nibble(text.data[2 * i + 1]));
    for (uint32_t i = 0; i < list->ids->count && status == STATUS_OK; i++) {
        if (memcmp(list->heads.data + (size_t)i * ID_HEAD_SIZE, head, ID_HEAD_SIZE) != 0)
            continue;
        if (read != i / ID_PAGE_COUNT) {
            read = i / ID_PAGE_COUNT;
            arena_reset(&arena);
            status = read_id_page(search, list, read, &arena, &page, err);
        }
        if (status == STATUS_OK)
            test_id(search, &page, i - page.first, memo, found);
    }
    arena_release(&arena);
    return status;
}

static enum status search_ids(struct term_search *search, struct term_memo *memo,
                              struct error *err)
{
    struct segment_plan *plan = search->plan;
    const struct segment_ids *ids = NULL;
    struct arena arena = arena_empty(SEGMENT_PAGE_SIZE_MAX);
    uint64_t places = id_places(memo->kind, search->needle, &memo->term);
    bool found = false;
    struct id_list list;
    enum status status;

    for (uint32_t i = 0; i < plan->segment->ids_count && places != 0; i++)
        if (slot_kind_equal(plan->segment->ids[i].kind, memo->kind))
            ids = &plan->segment->ids[i];
    if (ids == NULL)
        return STATUS_OK;
    memo->hits = arena_new(&plan->arena, uint64_t, bit_words(ids->count) + 1);
    if (memo->hits == NULL)
        return no_memory(err);
    list.ids = ids;
    status = read_checked(search, &ids->heads, &arena, (size_t)ids->count * ID_HEAD_SIZE,
                          &list.heads, err);
    if (status == STATUS_OK && places == 1 && memo->term.len >= 2 * ID_HEAD_SIZE)
        status = search_heads(search, &list, memo, &found, err);
    else
        for (uint32_t page = 0; page * ID_PAGE_COUNT < ids->count && status == STATUS_OK; page++)
            status = search_id_page(search, &list, page, memo, &found, err);
    arena_release(&arena);
    if (!found)
        memo->hits = NULL;
    return status;
}

/* ---- tables ---- */

static enum status memo_of(struct term_search *search, const struct needle_term *term,
                           struct slot_kind kind, struct term_memo **out, struct error *err)
{
    struct term_memo *memo = search->memos;

    for (; memo != NULL; memo = memo->next)
        if (same_term(&memo->term, term) && slot_kind_equal(memo->kind, kind)) {
            *out = memo;
            return STATUS_OK;
        }
    memo = arena_new(&search->plan->arena, struct term_memo, 1);
    if (memo == NULL)
        return no_memory(err);
    memo->term = *term;
    memo->kind = kind;
    memo->next = search->memos;
    search->memos = memo;
    *out = memo;
    return kind.type == SLOT_TEXT ? search_pool(search, memo, err)
                                  : search_ids(search, memo, err);
}

static enum status decode_list(struct segment_plan *plan, const struct segment_column *column,
                               uint32_t *numbers, uint32_t *largest, struct error *err)
{
    struct slice page;
    enum status status = segment_page_read(plan->segment, &column->list, &plan->arena, &page,
                                           &plan->bytes_read, err);

    if (status != STATUS_OK)
        return status;
    if (!int_page_decode32(page, column->dict_count, numbers))
        return segment_corrupt(plan->segment, "list of strings", err);
    *largest = 0;
    for (uint32_t i = 0; i < column->dict_count; i++)
        *largest = numbers[i] > *largest ? numbers[i] : *largest;
    return *largest >= plan->segment->pool_count
               ? segment_corrupt(plan->segment, "list of strings", err) : STATUS_OK;
}

/* Numbers of the column's strings in the pool, by code. The next needle looks at the same lists. */
static enum status read_list(struct segment_plan *plan, const struct segment_column *column,
                             const uint32_t **out, struct error *err)
{
    bool wanted;
    struct kept_page *kept = page_cache_get(plan->segment, &column->list, PAGE_FORM_CODES,
                                            column->dict_count, &plan->uses, &wanted);
    uint32_t *numbers, largest = 0;
    enum status status;

    if (kept != NULL) {
        *out = kept->codes;
        return kept->largest < plan->segment->pool_count
                   ? STATUS_OK : segment_corrupt(plan->segment, "list of strings", err);
    }
    if (wanted)
        kept = page_cache_new(PAGE_FORM_CODES, column->dict_count, 0, &plan->uses);
    numbers = kept != NULL ? kept->codes
                           : arena_take(&plan->arena, sizeof(*numbers), _Alignof(uint32_t),
                                        (size_t)column->dict_count + 1);
    if (numbers == NULL)
        return no_memory(err);
    status = decode_list(plan, column, numbers, &largest, err);
    if (kept != NULL) {
        kept->largest = largest;
        page_cache_put(plan->segment, &column->list, kept, status == STATUS_OK);
    }
    *out = numbers;
    return status;
}

/* Codes whose string is a hit. */
static enum status code_table(struct term_search *search, const struct segment_column *column,
                              const uint64_t *hits, struct term_table *out, bool *alive,
                              struct error *err)
{
    struct arena *arena = &search->plan->arena;
    uint8_t *codes = arena_new(arena, uint8_t, (size_t)column->dict_count + 1);
    const uint32_t *numbers = NULL;
    enum status status;
    uint8_t any = 0;

    if (codes == NULL)
        return no_memory(err);
    status = read_list(search->plan, column, &numbers, err);
    for (uint32_t i = 0; i < column->dict_count && status == STATUS_OK; i++) {
        codes[i] = bit_get(hits, numbers[i]);
        any |= codes[i];
    }
    *alive = any != 0;
    out->codes = codes;
    return status;
}

/* May one of the pages of the column hold such a text? */
static enum status try_stamps(struct term_search *search, uint32_t family,
                              const struct needle_term *term, bool *alive, struct error *err)
{
    struct segment *segment = search->plan->segment;
    size_t size = segment->version < 5 ? TEXT_STAMP_BYTES_SIZE : TEXT_STAMP_SIZE;
    struct slice stamp;
    uint32_t page = 1; /* behind the text page of the column */
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < term->column; i++)
        page += class_page_count(segment->families[family].columns[i].class);
    *alive = false;
    for (uint32_t i = 0; i < segment->block_count && status == STATUS_OK; i++)
        for (uint32_t k = 0; k < segment->blocks[i].section_count && !*alive; k++) {
            const struct segment_section *section = &segment->blocks[i].sections[k];

            if (section->family != family)
                continue;
            status = segment_page_read(segment, &section->pages[page], &search->plan->arena,
                                       &stamp, &search->plan->bytes_read, err);
            if (status == STATUS_OK && stamp.len != size)
                status = segment_corrupt(segment, "stamp", err);
            if (status != STATUS_OK)
                break;
            *alive = text_stamp_may_hold(stamp, search->needle, term);
        }
    return status;
}

enum status segment_term_alive(struct term_search *search, struct slot_kind kind, unsigned class,
                               const struct needle_term *term, bool *alive, struct error *err)
{
    struct slot_kind pool = {SLOT_TEXT, 0};
    struct term_memo *memo;
    enum status status;

    *alive = true;
    if (class != CLASS_CODES && class != CLASS_IDS)
        return STATUS_OK;
    status = memo_of(search, term, class == CLASS_IDS ? kind : pool, &memo, err);
    *alive = status == STATUS_OK && memo->hits != NULL;
    return status;
}

enum status segment_term_table(struct term_search *search, uint32_t family,
                              const struct needle_term *term, struct term_table *out, bool *alive,
                              struct error *err)
{
    struct segment_column *column =
        &search->plan->segment->families[family].columns[term->column];
    struct slot_kind pool = {SLOT_TEXT, 0};
    struct term_memo *memo = NULL;
    enum status status;

    *out = (struct term_table){0};
    *alive = true;
    if (column->class == CLASS_TEXTS && has_text(term))
        return try_stamps(search, family, term, alive, err);
    if (column->class != CLASS_CODES && column->class != CLASS_IDS)
        return STATUS_OK;
    status = memo_of(search, term, column->class == CLASS_IDS ? column->kind : pool, &memo, err);
    if (status != STATUS_OK)
        return status;
    *alive = memo->hits != NULL;
    if (!*alive)
        return STATUS_OK;
    if (column->class == CLASS_CODES)
        return code_table(search, column, memo->hits, out, alive, err);
    out->numbers = memo->hits;
    return STATUS_OK;
}
