/* store/segment_gather.c -- turn rows into columns.
 *
 * Row by row the values stand together; column by column they are wanted. One pass transposes them;
 * from then on lines are not touched but for strings that are new. */
#include "store/segment_gather.h"

#include "base/spare.h"
#include "store/text_hash.h"

#include <stdlib.h>

enum {
    SAMPLE_MAX = 512,       /* values looked at to choose between dictionary and text */
    SAMPLE_PLACES = 1024,
    SMALL_COLUMN_ROWS = 64, /* a dictionary, unless its strings are long */
    SMALL_TEXT_MEAN_MAX = 256,
};

#define WORD_REF ((uint64_t)1 << 62) /* a word of the template: looked up again */

/* One family being gathered. */
struct gathering {
    const struct shaped_rows *rows;
    const uint32_t *order;  /* rows of the family */
    uint32_t row_count, slot_count, column_count;
    const struct family *family; /* NULL: kept as text */
    uint64_t **words;       /* [column * WORDS_MAX + word][row] */
    uint64_t **outputs;     /* those of them that there are */
    uint32_t word_count;
    const struct slice *blobs;
    const struct row_facts *facts; /* by row of the segment */
    struct gather_pools *pools;
};

enum { WORDS_MAX = HEX_BYTES_MAX / 8 };

static const struct family_member *member_of(const struct gathering *gathering, uint32_t row)
{
    return &gathering->rows->set.members[gathering->rows->templates[row]];
}

static const struct event *event_of(const struct gathering *gathering, uint32_t i)
{
    return gathering->rows->content->rows[gathering->order[i]].event;
}

static struct slot_kind kind_of(const struct gathering *gathering, uint32_t column)
{
    if (gathering->family != NULL && column < gathering->slot_count)
        return gathering->family->kinds[column];
    return (struct slot_kind){SLOT_TEXT, TEXT_FREE};
}

/* Where one word of a column comes from: the values of the row, or the template itself. */
struct word_source {
    uint32_t place; /* in the values; WORD_FIXED: `fixed` for all rows */
    uint64_t fixed;
};

/* The words of all columns, as gathering->outputs lists them. */
struct word_map {
    uint32_t template;
    struct word_source *sources;
};

enum {
    WORD_MAPS = 64,     /* templates alternate: those that were met last */
    TILE_ROWS = 64,     /* their values, and a line of each column, stay in the nearest cache */
    PREFETCH_WORDS = 24, /* of each row: those of a family lie apart */
    WORDS_PER_LINE = 8,
};
#define WORD_FIXED UINT32_MAX

static void map_words(const struct gathering *gathering, uint32_t number, struct word_map *map)
{
    const struct template *raw = gathering->rows->table.templates[number];
    const struct family_member *member = &gathering->rows->set.members[number];
    uint32_t before[SHAPE_SLOTS_MAX + 1], at = 0;
    struct word_source *out = map->sources;

    map->template = number;
    for (uint32_t i = 0; i < raw->slot_count; i++) {
        before[i] = at;
        at += slot_words(raw->kinds[i]);
    }
    for (uint32_t c = 0; c < gathering->slot_count; c++) {
        uint32_t slot = member->columns == NULL ? c : member->columns[c].slot;

        if (slot == FAMILY_NO_SLOT) {
            struct slice word = member->columns[c].word;

            *out++ = (struct word_source){WORD_FIXED, WORD_REF};
            *out++ = (struct word_source){WORD_FIXED, text_hash(word.data, word.len)};
            continue;
        }
        for (unsigned word = 0; word < slot_words(gathering->family->kinds[c]); word++)
            *out++ = (struct word_source){before[slot] + word, 0};
    }
    for (uint32_t c = gathering->slot_count; c < gathering->column_count; c++, at += 2) {
        *out++ = (struct word_source){at, 0};
        *out++ = (struct word_source){at + 1, 0};
    }
}

/* Rows that are transposed together, and the values of each. */
struct tile {
    uint32_t first, count; /* rows of the family */
    bool one_template;
    uint32_t templates[TILE_ROWS];
    const uint64_t *values[TILE_ROWS];
};

static void open_tile(const struct gathering *gathering, uint32_t first, struct tile *tile)
{
    uint32_t left = gathering->row_count - first;

    *tile = (struct tile){.first = first, .count = left < TILE_ROWS ? left : TILE_ROWS};
    tile->one_template = true;
    for (uint32_t i = 0; i < tile->count; i++) {
        uint32_t row = gathering->order[first + i];

        tile->templates[i] = gathering->rows->templates[row];
        tile->values[i] = shaped_row_values(gathering->rows, row);
        tile->one_template = tile->one_template && tile->templates[i] == tile->templates[0];
        for (uint32_t word = 0; word < PREFETCH_WORDS; word += WORDS_PER_LINE)
            __builtin_prefetch(tile->values[i] + word);
    }
}

/* All words of one row to their columns. */
static void transpose_row(const struct gathering *gathering, const struct tile *tile, uint32_t i,
                          const struct word_map *map)
{
    const uint64_t *values = tile->values[i];

    for (uint32_t word = 0; word < gathering->word_count; word++) {
        const struct word_source *source = &map->sources[word];

        gathering->outputs[word][tile->first + i] =
            source->place == WORD_FIXED ? source->fixed : values[source->place];
    }
}

/* The same for rows that all have one template: column by column. */
static void transpose_tile(const struct gathering *gathering, const struct tile *tile,
                           const struct word_map *map)
{
    for (uint32_t word = 0; word < gathering->word_count; word++) {
        const struct word_source source = map->sources[word];
        uint64_t *out = gathering->outputs[word] + tile->first;

        if (source.place == WORD_FIXED)
            for (uint32_t i = 0; i < tile->count; i++)
                out[i] = source.fixed;
        else
            for (uint32_t i = 0; i < tile->count; i++)
                out[i] = tile->values[i][source.place];
    }
}

static const struct word_map *map_of(const struct gathering *gathering, uint32_t number,
                                     struct word_map maps[WORD_MAPS])
{
    struct word_map *map = &maps[number % WORD_MAPS];

    if (map->template != number)
        map_words(gathering, number, map);
    return map;
}

static bool transpose(const struct gathering *gathering)
{
    struct word_map maps[WORD_MAPS];
    struct word_source *sources =
        malloc(((size_t)WORD_MAPS * gathering->word_count + 1) * sizeof(*sources));
    struct tile tile;

    if (sources == NULL)
        return false;
    for (uint32_t i = 0; i < WORD_MAPS; i++)
        maps[i] = (struct word_map){TEMPLATE_NONE, sources + (size_t)i * gathering->word_count};
    for (uint32_t first = 0; first < gathering->row_count; first += tile.count) {
        open_tile(gathering, first, &tile);
        if (tile.one_template)
            transpose_tile(gathering, &tile, map_of(gathering, tile.templates[0], maps));
        else
            for (uint32_t i = 0; i < tile.count; i++)
                transpose_row(gathering, &tile, i, map_of(gathering, tile.templates[i], maps));
    }
    free(sources);
    return true;
}

static struct slice computed_text(const struct gathering *gathering, uint32_t i, size_t field)
{
    const struct segment_content *content = gathering->rows->content;
    struct event_field room[EVENT_FIELDS_MAX];

    return segment_row_fields(content, &content->rows[gathering->order[i]], room)[field].text;
}

static struct slice text_at(const struct gathering *gathering, uint32_t column, uint32_t i)
{
    uint64_t ref;

    if (gathering->family == NULL)
        return column == 1 ? gathering->blobs[i] : event_of(gathering, i)->bytes;
    ref = gathering->words[(size_t)column * WORDS_MAX][i];
    if ((ref & COMPUTED_REF) != 0)
        return computed_text(gathering, i, ref & UINT16_MAX);
    if ((ref & WORD_REF) != 0)
        return member_of(gathering, gathering->order[i])->columns[column].word;
    return text_of_ref(gathering->rows->bytes[gathering->order[i]], ref);
}

static uint64_t hash_at(const struct gathering *gathering, uint32_t column, uint32_t i)
{
    return gathering->words[(size_t)column * WORDS_MAX + 1][i];
}

/* A small column becomes a dictionary, unless its strings are long. */
static bool is_long(const struct gathering *gathering, uint32_t column)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < gathering->row_count; i++)
        bytes += text_at(gathering, column, i).len;
    return bytes > (uint64_t)SMALL_TEXT_MEAN_MAX * gathering->row_count;
}

/* Are most values new? Then a dictionary would only be a second copy. */
static bool is_mostly_distinct(const struct gathering *gathering, uint32_t column)
{
    uint32_t stride = gathering->row_count / SAMPLE_MAX + 1, total = 0, distinct = 0;
    uint32_t seen[SAMPLE_PLACES]; /* halves of hashes; a power of two of them is used */
    uint32_t places = SAMPLE_PLACES;

    if (gathering->row_count < SMALL_COLUMN_ROWS)
        return is_long(gathering, column);
    while (places / 2 > 2 * gathering->row_count)
        places /= 2;
    memset(seen, 0, places * sizeof(seen[0]));
    for (uint32_t i = 0; i < gathering->row_count; i += stride) {
        uint64_t hash = hash_at(gathering, column, i);
        uint32_t mark = (uint32_t)hash | 1, place = (uint32_t)(hash >> 32) & (places - 1);

        while (seen[place] != 0 && seen[place] != mark)
            place = (place + 1) & (places - 1);
        distinct += seen[place] == 0;
        seen[place] = mark;
        total++;
    }
    return distinct * 10 > total * 9;
}

static bool gather_texts(const struct gathering *gathering, uint32_t column,
                         struct gathered_column *out)
{
    out->class = CLASS_TEXTS;
    out->texts = spare_take((gathering->row_count + 1) * sizeof(*out->texts));
    for (uint32_t i = 0; i < gathering->row_count && out->texts != NULL; i++)
        out->texts[i] = text_at(gathering, column, i);
    return out->texts != NULL;
}

/* Code of pool string `number` in this column, a new one if it is the first time. */
static bool code_of(struct text_pool *pool, uint32_t serial, uint32_t number,
                    struct gathered_column *out, uint32_t *capacity, int64_t *code)
{
    if (number == TEXT_POOL_NONE)
        return false;
    if (pool->owner[number] == serial) {
        *code = pool->code[number];
        return true;
    }
    if (out->dict_count == *capacity) {
        uint32_t grown = *capacity == 0 ? 64 : *capacity * 2;
        uint32_t *list = realloc(out->list, grown * sizeof(*list));

        if (list == NULL)
            return false;
        out->list = list;
        *capacity = grown;
    }
    pool->owner[number] = serial;
    pool->code[number] = out->dict_count;
    out->list[out->dict_count] = number;
    *code = out->dict_count++;
    return true;
}

/* Strings repeat: the table of the whole pool is asked only for those not met lately. */
static bool code_of_text(const struct gathering *gathering, uint32_t column, uint32_t i,
                         uint32_t serial, struct gathered_column *out, uint32_t *capacity)
{
    struct text_pool *pool = &gathering->pools->texts;
    uint64_t hash = hash_at(gathering, column, i);
    struct recent_text *recent = &gathering->pools->recent[hash % RECENT_TEXTS];
    uint32_t number;

    if (recent->hash != hash || recent->serial != serial) {
        number = text_pool_find(pool, hash);
        if (number == TEXT_POOL_NONE)
            number = text_pool_add(pool, hash, text_at(gathering, column, i));
        if (!code_of(pool, serial, number, out, capacity, &recent->code))
            return false;
        recent->hash = hash;
        recent->serial = serial;
    }
    out->numbers[i] = recent->code;
    return true;
}

static bool gather_codes(const struct gathering *gathering, uint32_t column,
                         struct gathered_column *out)
{
    const uint64_t *hashes = gathering->words[(size_t)column * WORDS_MAX + 1];
    uint32_t serial = ++gathering->pools->column_serial, capacity = 0;

    out->class = CLASS_CODES;
    for (uint32_t i = 0; i < gathering->row_count; i++)
        if (i > 0 && hashes[i] == hashes[i - 1])
            out->numbers[i] = out->numbers[i - 1];
        else if (!code_of_text(gathering, column, i, serial, out, &capacity))
            return false;
    return true;
}

static struct id_pool *pool_of_kind(struct gather_pools *pools, struct slot_kind kind)
{
    for (uint32_t i = 0; i < pools->ids_count; i++)
        if (slot_kind_equal(pools->ids[i].kind, kind))
            return &pools->ids[i];
    if (pools->ids_count == ID_POOLS_MAX)
        return NULL;
    id_pool_init(&pools->ids[pools->ids_count], kind);
    return &pools->ids[pools->ids_count++];
}

static bool gather_ids(const struct gathering *gathering, uint32_t column,
                       struct gathered_column *out)
{
    struct id_pool *pool = pool_of_kind(gathering->pools, out->kind);
    uint64_t *const *words = gathering->words + (size_t)column * WORDS_MAX;
    unsigned word_count = slot_words(out->kind);

    out->class = CLASS_IDS;
    for (uint32_t i = 0; i < gathering->row_count && pool != NULL; i++) {
        uint64_t id[WORDS_MAX];
        uint32_t number;

        for (unsigned word = 0; word < word_count; word++)
            id[word] = words[word][i];
        number = id_pool_add(pool, (const uint8_t *)id);
        if (number == ID_NONE)
            return false;
        out->numbers[i] = number;
    }
    return pool != NULL;
}

static bool gather_numbers(const struct gathering *gathering, uint32_t column,
                           struct gathered_column *out)
{
    const uint64_t *values = gathering->words[(size_t)column * WORDS_MAX];
    uint32_t count = gathering->row_count;

    out->class = CLASS_NUMBERS;
    if (out->kind.type == SLOT_DECIMAL) {
        out->class = CLASS_DECIMALS;
        out->scales = spare_take((count + 1) * sizeof(*out->scales));
        if (out->scales == NULL)
            return false;
        for (uint32_t i = 0; i < count; i++) {
            out->numbers[i] = (int64_t)decimal_mantissa(values[i]);
            out->scales[i] = decimal_scale(values[i]);
        }
    } else if (out->kind.type == SLOT_STAMP) {
        for (uint32_t i = 0; i < count; i++)
            out->numbers[i] =
                (int64_t)(values[i] - (uint64_t)gathering->facts[gathering->order[i]].time_ns);
    } else {
        memcpy(out->numbers, values, count * sizeof(*values));
    }
    return true;
}

static bool gather_column(const struct gathering *gathering, uint32_t column,
                          struct gathered_column *out)
{
    out->kind = kind_of(gathering, column);
    if (out->kind.type == SLOT_TEXT &&
        (gathering->family == NULL || is_mostly_distinct(gathering, column)))
        return gather_texts(gathering, column, out);
    out->numbers = spare_take((gathering->row_count + 1) * sizeof(*out->numbers));
    if (out->numbers == NULL)
        return false;
    if (out->kind.type == SLOT_TEXT)
        return gather_codes(gathering, column, out);
    return slot_id_size(out->kind) > 0 ? gather_ids(gathering, column, out)
                                       : gather_numbers(gathering, column, out);
}

static bool reserve_words(struct gather_pools *pools, size_t count)
{
    if (count <= pools->word_capacity)
        return true;
    spare_give(pools->words);
    pools->words = spare_take(count * sizeof(*pools->words));
    pools->word_capacity = pools->words == NULL ? 0 : count;
    return pools->words != NULL;
}

/* One array per word of each column, in one piece of memory. */
static bool allocate_words(struct gathering *gathering)
{
    size_t slots = (size_t)gathering->column_count * WORDS_MAX;
    uint64_t **next;

    for (uint32_t c = 0; c < gathering->column_count; c++)
        gathering->word_count += slot_words(kind_of(gathering, c));
    gathering->words = calloc(2 * slots + 1, sizeof(*gathering->words));
    if (gathering->words == NULL ||
        !reserve_words(gathering->pools, (size_t)gathering->word_count * gathering->row_count + 1))
        return false;
    gathering->outputs = next = gathering->words + slots;
    for (uint32_t c = 0; c < gathering->column_count; c++)
        for (unsigned word = 0; word < slot_words(kind_of(gathering, c)); word++) {
            *next = gathering->pools->words +
                    (size_t)(next - gathering->outputs) * gathering->row_count;
            gathering->words[(size_t)c * WORDS_MAX + word] = *next++;
        }
    return true;
}

static bool gather(struct gathering *gathering, struct gathered *out)
{
    bool fine = gathering->family == NULL || allocate_words(gathering);

    out->columns = calloc(gathering->column_count + 1, sizeof(*out->columns));
    fine = fine && out->columns != NULL;
    if (fine && gathering->family != NULL)
        fine = transpose(gathering);
    for (uint32_t c = 0; c < gathering->column_count && fine; c++)
        fine = gather_column(gathering, c, &out->columns[c]);
    free(gathering->words);
    return fine;
}

bool gather_family(struct gathered *out, const struct shaped_rows *rows, uint32_t family,
                   const struct slice *blobs, const struct row_facts *facts,
                   struct gather_pools *pools)
{
    bool as_text = family == rows->set.family_count;
    struct gathering gathering = {
        .rows = rows,
        .order = rows->order + rows->family_start[family],
        .row_count = (uint32_t)(rows->family_start[family + 1] - rows->family_start[family]),
        .family = as_text ? NULL : &rows->set.families[family],
        .blobs = blobs,
        .facts = facts,
        .pools = pools,
    };

    gathering.slot_count = as_text ? 1 : gathering.family->slot_count;
    gathering.column_count =
        gathering.slot_count + (as_text ? 1u : gathering.family->computed_count);
    *out = (struct gathered){.row_count = gathering.row_count,
                             .column_count = gathering.column_count};
    return gather(&gathering, out);
}

void gathered_release(struct gathered *gathered)
{
    for (uint32_t i = 0; gathered->columns != NULL && i < gathered->column_count; i++) {
        spare_give(gathered->columns[i].numbers);
        spare_give(gathered->columns[i].scales);
        spare_give(gathered->columns[i].texts);
        free(gathered->columns[i].list);
    }
    free(gathered->columns);
    *gathered = (struct gathered){0};
}

void gather_pools_init(struct gather_pools *pools)
{
    *pools = (struct gather_pools){0};
    text_pool_init(&pools->texts);
}

void gather_pools_release(struct gather_pools *pools)
{
    text_pool_release(&pools->texts);
    spare_give(pools->words);
    for (uint32_t i = 0; i < pools->ids_count; i++)
        id_pool_release(&pools->ids[i]);
    *pools = (struct gather_pools){0};
}
