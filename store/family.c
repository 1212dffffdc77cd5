/* store/family.c -- cluster templates by skeleton and words, and widen positions that vary a lot.
 *
 * A word is a run of token bytes in a literal, cut where a field begins or ends. The skeleton is the
 * template with each word replaced by one mark; two templates with equal skeletons have their words
 * at corresponding positions. Steps: words and skeleton of each template; clusters of equal
 * skeletons; variants per position; final templates, with equal ones merged. */
#include "store/family.h"

#include "base/buf.h"
#include "base/byteorder.h"
#include "base/hash.h"
#include "base/map.h"
#include "store/kernels/kernels.h"

#include <stdlib.h>

enum {
    ARENA_SIZE_MAX = 512 << 20,
    SKELETON_SIZE_MAX = 4 << 20,
    FIELD_SIZE = 7,      /* in a skeleton */
    PLACES_MAX = SHAPE_SIZE_MAX + SHAPE_SLOTS_MAX + 1,
    SEEN_PLACES = 4 * FAMILY_WORD_VARIANTS_MAX,
    LOOKED_AT_MAX = 256, /* clusters of one skeleton: noise would make it quadratic */
    /* Marks in skeletons: token bytes, which no literal delimiter is. */
    MARK_WORD = 'W',
    MARK_SLOT = 'S',
    MARK_FIELD = 'F',
};

struct word {
    uint16_t gap;
    uint32_t start, len; /* in the template's literals */
};

/* A raw template with its words. */
struct candidate {
    const struct word *words;
    const uint32_t *hashes; /* of the words */
    uint32_t word_count;
    uint32_t cluster;
};

struct cluster {
    uint32_t first, next; /* first member; next cluster with the same skeleton */
    uint32_t last_member, member_count;
    uint64_t row_count;
    const uint8_t *widened; /* per word position */
    uint32_t widened_count;
};

struct builder {
    struct family_set *set;
    const struct template_table *table;
    struct candidate *candidates;
    uint32_t *next_member; /* per template: next of its cluster */
    struct cluster *clusters;
    uint32_t cluster_count;
    struct map skeletons; /* -> first cluster */
    struct arena scratch;
    struct buf skeleton;
    uint64_t edges[PLACES_MAX / 64 + 1]; /* place_number() of the ends of the template's fields */
    uint64_t token[SHAPE_SIZE_MAX / 64 + 1], digit[SHAPE_SIZE_MAX / 64 + 1]; /* of its literals */
    uint64_t hex[SHAPE_SIZE_MAX / 64 + 1];
    struct word words[FAMILY_WORDS_MAX];
    uint32_t hashes[FAMILY_WORDS_MAX];
};

/* Places where a field may begin or end: gap g has one before each byte and one behind the last, so
 * that they are numbered by the bytes and gaps before them. */
static uint32_t place_number(const struct template *template, uint32_t gap, uint32_t offset)
{
    return template_gap_start(template, gap) + gap + offset;
}

static inline bool is_field_edge(const struct builder *builder, uint32_t number)
{
    return (builder->edges[number / 64] >> (number % 64) & 1) != 0;
}

static void mark_field_edges(struct builder *builder, const struct template *template)
{
    uint32_t slot_count = template->slot_count;
    uint32_t count = template->gap_ends[slot_count] + slot_count + 1;

    memset(builder->edges, 0, (count / 64 + 1) * sizeof(*builder->edges));
    for (uint32_t i = 0; i < template->field_count; i++) {
        const struct shape_field *field = &template->fields[i];
        uint32_t begin, end;

        if (field->computed)
            continue;
        begin = place_number(template, field->begin_gap, field->begin_offset);
        end = place_number(template, field->end_gap, field->end_offset);
        builder->edges[begin / 64] |= (uint64_t)1 << (begin % 64);
        builder->edges[end / 64] |= (uint64_t)1 << (end % 64);
    }
}

/* Numbers of the fields that begin or end here go into the skeleton. */
static char *put_field_edges(const struct template *template, uint32_t gap, uint32_t offset,
                             char *out)
{
    for (uint32_t i = 0; i < template->field_count; i++) {
        const struct shape_field *field = &template->fields[i];
        bool begin = field->begin_gap == gap && field->begin_offset == offset;
        bool end = field->end_gap == gap && field->end_offset == offset;

        if (field->computed || !(begin || end))
            continue;
        *out++ = MARK_FIELD;
        put_le16(out, (uint16_t)(i << 2 | (begin ? 2u : 0u) | end));
        out += 2;
    }
    return out;
}

/* Where the word that begins at `at` of the literals ends: with its token bytes, or where a field begins
 * or ends. `place` is the number of the place at `at`. */
static uint32_t word_end(const struct builder *builder, uint32_t at, uint32_t end, uint32_t place)
{
    uint32_t len = shape_next_bit(builder->token, UINT64_MAX, at, end) - at;

    return at + shape_next_bit(builder->edges, 0, place + 1, place + len) - place;
}

/* Words of one gap, and its skeleton to `out`; the end of that. NULL: too many words. */
static char *read_gap(struct builder *builder, const struct template *template, uint32_t gap,
                      uint32_t *count, char *out)
{
    uint32_t start = template_gap_start(template, gap), end = template->gap_ends[gap], next;

    for (uint32_t at = start;; at = next) {
        if (is_field_edge(builder, at + gap))
            out = put_field_edges(template, gap, at - start, out);
        if (at == end)
            return out;
        next = word_end(builder, at, end, at + gap);
        if (next == at) {
            *out++ = template->literals[next++];
            continue;
        }
        if (*count == FAMILY_WORDS_MAX)
            return NULL;
        builder->words[*count] = (struct word){.gap = (uint16_t)gap, .start = at, .len = next - at};
        builder->hashes[(*count)++] = (uint32_t)hash64(template->literals + at, next - at);
        *out++ = MARK_WORD;
    }
}

/* What all templates with an equal skeleton share beside their gaps and slots. */
static char *put_fields(const struct template *template, char *out)
{
    put_le32(out, template->format);
    put_le16(out + 4, template->field_count);
    out += 6;
    for (uint32_t i = 0; i < template->field_count; i++, out += FIELD_SIZE) {
        const struct shape_field *field = &template->fields[i];

        put_le32(out, field->field);
        out[4] = (char)field->type;
        out[5] = (char)field->unit;
        out[6] = (char)field->computed;
    }
    return out;
}

static bool read_skeleton(struct builder *builder, const struct template *template,
                          uint32_t *word_count)
{
    struct buf *skeleton = &builder->skeleton;
    size_t size_max = 6 + template->gap_ends[template->slot_count] +
                      (size_t)template->slot_count * 3 +
                      (size_t)template->field_count * (FIELD_SIZE + 2 * 3);
    char *out;

    buf_reset(skeleton);
    *word_count = 0;
    if (!buf_reserve(skeleton, size_max))
        return false;
    mark_field_edges(builder, template);
    kernels()->byte_masks(template->literals, template->gap_ends[template->slot_count],
                          &(struct byte_masks){.token = builder->token,
                                               .digit = builder->digit,
                                               .hex = builder->hex});
    out = put_fields(template, skeleton->data);
    for (uint32_t gap = 0; gap <= template->slot_count; gap++) {
        out = read_gap(builder, template, gap, word_count, out);
        if (out == NULL)
            return false;
        if (gap == template->slot_count)
            break;
        out[0] = MARK_SLOT;
        out[1] = (char)template->kinds[gap].type;
        out[2] = (char)template->kinds[gap].param;
        out += 3;
    }
    buf_commit(skeleton, (size_t)(out - skeleton->data));
    return true;
}

static bool words_agree(const struct candidate *a, const struct candidate *b)
{
    uint32_t equal = 0;

    for (uint32_t i = 0; i < a->word_count; i++)
        equal += a->hashes[i] == b->hashes[i];
    return equal * 3 >= a->word_count;
}

static void *copy(struct arena *arena, const void *data, size_t size)
{
    void *to = arena_alloc(arena, 1, 8, size + 1);

    if (to != NULL)
        memcpy(to, data, size);
    return to;
}

/* Put template `number` into the first cluster of its skeleton that it agrees with. */
static bool place(struct builder *builder, uint32_t number, uint32_t word_count)
{
    struct candidate *candidate = &builder->candidates[number];
    uint32_t at, last = MAP_NONE, looked_at = 0;
    struct slice key;

    candidate->word_count = word_count;
    candidate->words = copy(&builder->scratch, builder->words, word_count * sizeof(struct word));
    candidate->hashes = copy(&builder->scratch, builder->hashes, word_count * sizeof(uint32_t));
    if (candidate->words == NULL || candidate->hashes == NULL)
        return false;
    for (at = map_get(&builder->skeletons, buf_slice(&builder->skeleton));
         at != MAP_NONE && looked_at++ < LOOKED_AT_MAX;
         last = at, at = builder->clusters[at].next) {
        struct cluster *cluster = &builder->clusters[at];

        if (!words_agree(candidate, &builder->candidates[cluster->first]))
            continue;
        builder->next_member[cluster->last_member] = number;
        cluster->last_member = number;
        cluster->member_count++;
        cluster->row_count += builder->table->templates[number]->row_count;
        candidate->cluster = at;
        return true;
    }
    candidate->cluster = builder->cluster_count++;
    builder->clusters[candidate->cluster] =
        (struct cluster){.first = number,
                         .next = last == MAP_NONE ? MAP_NONE : builder->clusters[last].next,
                         .last_member = number,
                         .member_count = 1,
                         .row_count = builder->table->templates[number]->row_count};
    if (last != MAP_NONE) {
        builder->clusters[last].next = candidate->cluster;
        return true;
    }
    key = arena_copy(&builder->scratch, buf_slice(&builder->skeleton));
    return key.data != NULL && map_put(&builder->skeletons, key, candidate->cluster);
}

static bool make_clusters(struct builder *builder)
{
    for (uint32_t i = 0; i < builder->table->count; i++) {
        uint32_t word_count;

        builder->next_member[i] = FAMILY_NONE;
        builder->candidates[i].cluster = FAMILY_NONE;
        if (read_skeleton(builder, builder->table->templates[i], &word_count) &&
            !place(builder, i, word_count))
            return false;
    }
    return true;
}

/* Are there more different words at `position` than fit a template code? */
static bool varies_a_lot(const struct builder *builder, const struct cluster *cluster,
                         uint32_t position)
{
    uint64_t seen[SEEN_PLACES] = {0};
    uint32_t distinct = 0;

    for (uint32_t i = cluster->first; i != FAMILY_NONE && distinct <= FAMILY_WORD_VARIANTS_MAX;
         i = builder->next_member[i]) {
        uint32_t hash = builder->candidates[i].hashes[position], at = hash % SEEN_PLACES;
        uint64_t mark = (uint64_t)1 << 32 | hash;

        while (seen[at] != 0 && seen[at] != mark)
            at = (at + 1) % SEEN_PLACES;
        distinct += seen[at] == 0;
        seen[at] = mark;
    }
    return distinct > FAMILY_WORD_VARIANTS_MAX;
}

/* Which word positions of the cluster become slots. */
static bool find_widened(struct builder *builder, struct cluster *cluster)
{
    uint32_t word_count = builder->candidates[cluster->first].word_count;
    uint8_t *widened = arena_new(&builder->scratch, uint8_t, word_count + 1);

    cluster->widened = widened;
    if (widened == NULL)
        return false;
    for (uint32_t position = 0;
         position < word_count && cluster->member_count > FAMILY_WORD_VARIANTS_MAX; position++) {
        widened[position] = varies_a_lot(builder, cluster, position);
        cluster->widened_count += widened[position];
    }
    return true;
}

/* The raw template with widened words turned into slots, being put together. */
struct widening {
    struct template *out;
    struct column_source *columns;
    uint32_t *gap_ends;
    struct slot_kind *kinds;
    struct shape_field *fields;
    char *literals;
    uint32_t literal_len;
    uint16_t gap;
};

/* Shift the field edges of raw gap `gap` at offsets in [from, to] to the present final gap. */
static void move_edges(struct widening *widening, const struct template *raw, uint32_t gap,
                       uint32_t from, uint32_t to, bool include_end)
{
    for (uint32_t i = 0; i < raw->field_count; i++) {
        const struct shape_field *field = &raw->fields[i];

        if (field->computed)
            continue;
        if (field->begin_gap == gap && field->begin_offset >= from &&
            (field->begin_offset < to || (include_end && field->begin_offset == to))) {
            widening->fields[i].begin_gap = widening->gap;
            widening->fields[i].begin_offset = field->begin_offset - from;
        }
        if (field->end_gap == gap && field->end_offset >= from &&
            (field->end_offset < to || (include_end && field->end_offset == to))) {
            widening->fields[i].end_gap = widening->gap;
            widening->fields[i].end_offset = field->end_offset - from;
        }
    }
}

static void end_gap(struct widening *widening, const struct template *raw, uint32_t gap,
                    uint32_t from, uint32_t to)
{
    uint32_t start = template_gap_start(raw, gap);

    memcpy(widening->literals + widening->literal_len, raw->literals + start + from, to - from);
    widening->literal_len += to - from;
    widening->gap_ends[widening->gap] = widening->literal_len;
    move_edges(widening, raw, gap, from, to, true);
}

/* Write final gaps and slots of raw gap `gap`, whose widened words are slots of their own. */
static void widen_gap(struct widening *widening, const struct template *raw,
                      const struct candidate *candidate, const struct cluster *cluster,
                      uint32_t gap, uint32_t *word)
{
    uint32_t start = template_gap_start(raw, gap), from = 0;

    for (; *word < candidate->word_count && candidate->words[*word].gap == gap; ++*word) {
        const struct word *at = &candidate->words[*word];

        if (!cluster->widened[*word])
            continue;
        end_gap(widening, raw, gap, from, at->start - start);
        widening->kinds[widening->gap] = (struct slot_kind){SLOT_TEXT, TEXT_TOKEN};
        widening->columns[widening->gap] = (struct column_source){
            .slot = FAMILY_NO_SLOT, .word = {raw->literals + at->start, at->len}};
        widening->gap++;
        from = at->start + at->len - start;
    }
    end_gap(widening, raw, gap, from, raw->gap_ends[gap] - start);
}

static struct template *widen(struct builder *builder, uint32_t number,
                              const struct column_source **columns)
{
    const struct template *raw = builder->table->templates[number];
    const struct candidate *candidate = &builder->candidates[number];
    const struct cluster *cluster = &builder->clusters[candidate->cluster];
    struct arena *arena = &builder->set->arena;
    uint32_t slots = raw->slot_count + cluster->widened_count, word = 0;
    struct widening widening = {
        .out = arena_new(arena, struct template, 1),
        .columns = arena_new(arena, struct column_source, slots + 1),
        .gap_ends = arena_new(arena, uint32_t, slots + 1),
        .kinds = arena_new(arena, struct slot_kind, slots + 1),
        .fields = copy(arena, raw->fields, raw->field_count * sizeof(struct shape_field)),
        .literals = arena_new(arena, char, raw->gap_ends[raw->slot_count] + 1)};

    if (arena->failed)
        return NULL;
    for (uint32_t gap = 0; gap <= raw->slot_count; gap++) {
        widen_gap(&widening, raw, candidate, cluster, gap, &word);
        if (gap == raw->slot_count)
            break;
        widening.kinds[widening.gap] = raw->kinds[gap];
        widening.columns[widening.gap++].slot = (uint16_t)gap;
    }
    *widening.out = *raw;
    widening.out->row_count = 0;
    widening.out->slot_count = (uint16_t)slots;
    widening.out->gap_ends = widening.gap_ends;
    widening.out->kinds = widening.kinds;
    widening.out->fields = widening.fields;
    widening.out->literals = widening.literals;
    *columns = widening.columns;
    return widening.out;
}

/* Final template of one member; equal ones of its family are one. */
static bool add_member(struct builder *builder, uint32_t number, struct map *known)
{
    struct family_set *set = builder->set;
    struct family_member *member = &set->members[number];
    const struct cluster *cluster = &builder->clusters[builder->candidates[number].cluster];
    struct template *template = builder->table->templates[number];
    uint32_t row_count = template->row_count, same;
    struct buf *key = &builder->skeleton;
    struct slice kept;

    if (cluster->widened_count > 0)
        template = widen(builder, number, &member->columns);
    if (template == NULL)
        return false;
    buf_reset(key);
    (void)buf_append(key, template->gap_ends, (template->slot_count + 1u) * sizeof(uint32_t));
    (void)buf_append(key, template->literals, template->gap_ends[template->slot_count]);
    if (key->failed)
        return false;
    same = map_get(known, buf_slice(key));
    if (same == MAP_NONE) {
        same = set->template_count++;
        set->templates[same] = template;
        kept = arena_copy(&builder->scratch, buf_slice(key));
        if (kept.data == NULL || !map_put(known, kept, same))
            return false;
    }
    if (set->templates[same] != builder->table->templates[number])
        set->templates[same]->row_count += row_count;
    member->template = same;
    return true;
}

static bool make_family(struct builder *builder, struct cluster *cluster, struct map *known)
{
    struct family_set *set = builder->set;
    struct family *family = &set->families[set->family_count];
    const struct template *first;

    if (cluster->widened_count +
            builder->table->templates[cluster->first]->slot_count > SHAPE_SLOTS_MAX)
        return true; /* its lines are kept as text */
    map_reset(known);
    family->first_template = set->template_count;
    family->row_count = cluster->row_count;
    for (uint32_t i = cluster->first; i != FAMILY_NONE; i = builder->next_member[i]) {
        set->members[i].family = set->family_count;
        if (!add_member(builder, i, known))
            return false;
    }
    first = set->templates[family->first_template];
    family->template_count = set->template_count - family->first_template;
    family->format = first->format;
    family->slot_count = first->slot_count;
    family->computed_count = first->computed_count;
    family->field_count = first->field_count;
    family->kinds = first->kinds;
    family->fields = first->fields;
    set->family_count++;
    return true;
}

static bool make_families(struct builder *builder)
{
    struct map known = map_empty(TEMPLATE_COUNT_MAX + 1);
    bool fine = true;

    for (uint32_t i = 0; i < builder->table->count; i++)
        builder->set->members[i].family = FAMILY_NONE;
    for (uint32_t i = 0; i < builder->cluster_count && fine; i++) {
        struct cluster *cluster = &builder->clusters[i];

        if (cluster->row_count < FAMILY_ROWS_MIN)
            continue;
        fine = find_widened(builder, cluster) && make_family(builder, cluster, &known);
    }
    map_release(&known);
    return fine;
}

enum status family_set_make(struct family_set *set, const struct template_table *table,
                            struct error *err)
{
    struct builder *builder = calloc(1, sizeof(*builder));
    uint32_t count = table->count + 1;
    bool fine = builder != NULL;

    *set = (struct family_set){.arena = arena_empty(ARENA_SIZE_MAX)};
    set->families = arena_new(&set->arena, struct family, count);
    set->templates = arena_new(&set->arena, struct template *, count);
    set->members = arena_new(&set->arena, struct family_member, count);
    if (builder != NULL) {
        builder->set = set;
        builder->table = table;
        builder->scratch = arena_empty(ARENA_SIZE_MAX);
        builder->skeleton = buf_empty(SKELETON_SIZE_MAX);
        builder->skeletons = map_empty(TEMPLATE_COUNT_MAX + 1);
        builder->candidates = arena_new(&builder->scratch, struct candidate, count);
        builder->next_member = arena_new(&builder->scratch, uint32_t, count);
        builder->clusters = arena_new(&builder->scratch, struct cluster, count);
        fine = !builder->scratch.failed && !set->arena.failed && make_clusters(builder) &&
               make_families(builder);
        map_release(&builder->skeletons);
        buf_release(&builder->skeleton);
        arena_release(&builder->scratch);
    }
    free(builder);
    if (fine)
        return STATUS_OK;
    family_set_release(set);
    return error_set(err, STATUS_NO_MEMORY, "grouping %u templates needs too much memory",
                     table->count);
}

void family_set_release(struct family_set *set)
{
    arena_release(&set->arena);
    *set = (struct family_set){0};
}
