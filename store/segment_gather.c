/* store/segment_gather.c -- turn rows into columns.
 *
 * Row by row the values stand together; column by column they are wanted. Chunk by chunk they are
 * transposed: numbers to their columns at once, hashes of strings and bytes of ids to scratch, from
 * where they become codes and numbers before they leave the cache. Lines are not touched but for
 * strings that are new. */
#include "store/segment_gather.h"

#include "base/spare.h"
#include "store/block_impl.h"
#include "store/text_hash.h"

#include <stdlib.h>

enum {
    SAMPLE_MAX = GATHER_CHUNK_ROWS, /* values looked at to choose between dictionary and text */
    SAMPLE_PLACES = 2 * SAMPLE_MAX,
    SMALL_COLUMN_ROWS = 64, /* a dictionary, unless its strings are long */
    SMALL_TEXT_MEAN_MAX = 256,
    LIST_FIRST = 64,
    WORDS_MAX = HEX_BYTES_MAX / 8, /* of a column */
    TILE_ROWS = 32,      /* their values, those of the next ones and some lines of each column stay
                            in the nearest cache */
    LINE_SIZE = 64,
    PREFETCH_CODES = 16, /* strings of which the place in a large table is fetched ahead */
    LARGE_TABLE = 1024,
};
#define WORD_FIXED UINT32_MAX

static_assert((int)GATHER_CHUNK_ROWS <= (int)ID_BATCH_MAX, "ids are added chunk by chunk");
static_assert((int)GATHER_CHUNK_ROWS <= (int)BLOCK_ROWS_MAX, "a sample fits into columns");

/* Memory for `size` bytes, what it held is lost; false: there is none. A place even for none (a family
 * without slots): to count on from NULL is undefined. */
static bool make_room(struct gather_room *room, size_t size)
{
    if (size <= room->size && room->memory != NULL)
        return true;
    spare_give(room->memory);
    room->memory = spare_take(size);
    room->size = room->memory == NULL ? 0 : size;
    return room->memory != NULL;
}

static void give_room(struct gather_room *room)
{
    spare_give(room->memory);
    *room = (struct gather_room){0};
}

/* ---- words of templates ---- */

static struct slot_kind kind_of(const struct gathering *gathering, uint32_t column)
{
    if (gathering->family != NULL && column < gathering->slot_count)
        return gathering->family->kinds[column];
    return (struct slot_kind){SLOT_TEXT, TEXT_FREE};
}

/* Words of a column that are transposed: of a string its hash only. */
static unsigned column_words(struct slot_kind kind)
{
    return kind.type == SLOT_TEXT ? 1 : slot_words(kind);
}

/* Words of a column in the values of a row: of a computed field they are the hash only. */
static unsigned value_words(const struct gathering *gathering, uint32_t column)
{
    return column < gathering->slot_count ? slot_words(kind_of(gathering, column)) : 1;
}

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
        struct slot_kind kind = gathering->family->kinds[c];

        if (slot == FAMILY_NO_SLOT) {
            struct slice word = member->columns[c].word;

            *out++ = (struct word_source){WORD_FIXED, text_hash(word.data, word.len)};
            continue;
        }
        for (unsigned word = 0; word < column_words(kind); word++)
            *out++ = (struct word_source){before[slot] + word + (kind.type == SLOT_TEXT), 0};
    }
    for (uint32_t c = gathering->slot_count; c < gathering->out->column_count; c++)
        *out++ = (struct word_source){at++, 0};
}

static const struct word_map *map_of(struct gathering *gathering, uint32_t number)
{
    struct word_map *map = &gathering->maps[number % GATHER_MAPS];

    if (map->template != number)
        map_words(gathering, number, map);
    return map;
}

/* ---- rows to columns ---- */

/* Rows that are transposed together, and the values of each. */
struct tile {
    uint32_t count, asked; /* `asked`: rows whose values are on their way */
    bool one_template;
    uint32_t templates[TILE_ROWS];
    const uint64_t *values[TILE_ROWS];
};

/* Rows of the family: `count` from `first` on, every `stride`th. */
struct row_range {
    uint32_t first, stride, count;
};

/* The tile from row `at` of the range on; empty at its end. */
static void open_tile(const struct gathering *gathering, const struct row_range *range, uint32_t at,
                      struct tile *tile)
{
    const struct shaped_rows *rows = gathering->rows;
    uint32_t left = range->count - at;

    tile->count = left < TILE_ROWS ? left : TILE_ROWS;
    tile->asked = 0;
    tile->one_template = true;
    for (uint32_t i = 0; i < tile->count; i++) {
        const struct shaped_row *row = &gathering->shaped[range->first + (at + i) * range->stride];

        tile->templates[i] = row->template;
        tile->values[i] = shaped_row_values(rows, row);
        tile->one_template = tile->one_template && tile->templates[i] == tile->templates[0];
    }
}

/* Ask for the values of `count` more rows, a few at a time between other work: those of a whole tile at
 * once would wait for each other. A row begins anywhere in a line. */
static inline void ask_ahead(const struct gathering *gathering, struct tile *tile, uint32_t count)
{
    uint32_t left = tile->count - tile->asked, end = tile->asked + (count < left ? count : left);

    for (; tile->asked < end; tile->asked++) {
        uintptr_t values = (uintptr_t)tile->values[tile->asked];
        uintptr_t end_of_row = values + gathering->row_words * sizeof(uint64_t);

        for (uintptr_t line = values & ~(uintptr_t)(LINE_SIZE - 1); line < end_of_row;
             line += LINE_SIZE)
            __builtin_prefetch((const void *)line);
    }
}

/* All words of one row to their columns. */
static inline void transpose_row(const struct gathering *gathering, const uint64_t *values,
                                 uint32_t to, const struct word_map *map)
{
    for (uint32_t word = 0; word < gathering->word_count; word++) {
        const struct word_source *source = &map->sources[word];

        if (gathering->outputs[word] != NULL)
            gathering->outputs[word][to] =
                source->place == WORD_FIXED ? source->fixed : values[source->place];
    }
}

static void transpose_rows(struct gathering *gathering, const struct tile *tile, uint32_t to,
                           struct tile *next)
{
    for (uint32_t i = 0; i < tile->count; i++) {
        transpose_row(gathering, tile->values[i], to + i, map_of(gathering, tile->templates[i]));
        ask_ahead(gathering, next, 1);
    }
}

/* One word of rows that all have one template. */
static inline void transpose_word(const struct tile *tile, const struct word_source *source,
                                  uint64_t *out)
{
    uint32_t place = source->place;
    uint64_t fixed = source->fixed;

    if (place == WORD_FIXED)
        for (uint32_t i = 0; i < tile->count; i++)
            out[i] = fixed;
    else
        for (uint32_t i = 0; i < tile->count; i++)
            out[i] = tile->values[i][place];
}

/* All words of such rows: column by column. */
static void transpose_columns(struct gathering *gathering, const struct tile *tile, uint32_t to,
                              struct tile *next)
{
    const struct word_map *map = map_of(gathering, tile->templates[0]);
    uint32_t share = TILE_ROWS / (gathering->word_count + 1) + 1;

    for (uint32_t word = 0; word < gathering->word_count; word++) {
        if (gathering->outputs[word] != NULL)
            transpose_word(tile, &map->sources[word], gathering->outputs[word] + to);
        ask_ahead(gathering, next, share);
    }
}

/* While one tile is transposed the values of the next one arrive. */
static void transpose(struct gathering *gathering, const struct row_range *range)
{
    struct tile tiles[2], *tile = &tiles[0], *next = &tiles[1], *done;

    open_tile(gathering, range, 0, tile);
    ask_ahead(gathering, tile, tile->count);
    for (uint32_t at = 0; tile->count > 0; at += done->count) {
        open_tile(gathering, range, at + tile->count, next);
        if (tile->one_template)
            transpose_columns(gathering, tile, at, next);
        else
            transpose_rows(gathering, tile, at, next);
        done = tile;
        tile = next;
        next = done;
    }
}

/* Numbers are transposed to row `at` of their columns, other words to scratch. With `texts` only hashes of
 * strings are. */
static void point_outputs(struct gathering *gathering, uint32_t at, bool texts)
{
    uint64_t *scratch = gathering->scratch.memory, **out = gathering->outputs;

    for (uint32_t c = 0; c < gathering->out->column_count; c++) {
        const struct gathered_column *column = &gathering->out->columns[c];
        bool is_number = column->kind.type != SLOT_TEXT && slot_id_size(column->kind) == 0;

        if (is_number) {
            *out++ = texts ? NULL : (uint64_t *)column->numbers + at;
            continue;
        }
        for (unsigned word = 0; word < column_words(column->kind); word++) {
            *out++ = texts && column->kind.type != SLOT_TEXT ? NULL : scratch;
            scratch += GATHER_CHUNK_ROWS;
        }
    }
}

/* ---- strings ---- */

/* Of computed field `number` of the template of row `i` of the family. */
static struct slice computed_text(const struct gathering *gathering, uint32_t i, uint32_t number)
{
    const struct segment_content *content = gathering->rows->content;
    const struct template *raw = gathering->rows->table.templates[gathering->shaped[i].template];
    struct event_field room[EVENT_FIELDS_MAX];
    uint32_t source = template_computed_field(raw, number)->source;

    return segment_row_event(content, &content->facts[gathering->order[i]], room)
        .fields[source]
        .text;
}

/* Of row `i` of the family. */
static struct slice text_at(struct gathering *gathering, uint32_t column, uint32_t i)
{
    const struct shaped_rows *rows = gathering->rows;
    const struct shaped_row *row = &gathering->shaped[i];
    uint32_t place;

    if (gathering->family == NULL)
        return column == 1
                   ? gathering->blobs[i]
                   : slice_make(row->bytes, rows->content->facts[gathering->order[i]].size);
    if (column >= gathering->slot_count)
        return computed_text(gathering, i, column - gathering->slot_count);
    place = map_of(gathering, row->template)->sources[gathering->first_words[column]].place;
    if (place == WORD_FIXED)
        return rows->set.members[row->template].columns[column].word;
    return text_of_ref(row->bytes, shaped_row_values(rows, row)[place - 1]); /* before the hash */
}

/* A small column becomes a dictionary, unless its strings are long. */
static bool is_long(struct gathering *gathering, uint32_t column)
{
    uint32_t count = gathering->out->row_count;
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < count; i++)
        bytes += text_at(gathering, column, i).len;
    return bytes > (uint64_t)SMALL_TEXT_MEAN_MAX * count;
}

/* Are most values new? Then a dictionary would only be a second copy. */
static bool is_mostly_distinct(const uint64_t *hashes, uint32_t count)
{
    uint32_t seen[SAMPLE_PLACES]; /* halves of hashes; a power of two of them is used */
    uint32_t places = SAMPLE_PLACES, distinct = 0;

    while (places / 2 > 2 * count)
        places /= 2;
    memset(seen, 0, places * sizeof(seen[0]));
    for (uint32_t i = 0; i < count; i++) {
        uint32_t mark = (uint32_t)hashes[i] | 1, place = (uint32_t)(hashes[i] >> 32) & (places - 1);

        while (seen[place] != 0 && seen[place] != mark)
            place = (place + 1) & (places - 1);
        distinct += seen[place] == 0;
        seen[place] = mark;
    }
    return distinct * 10 > count * 9;
}

static void gather_texts(struct gathering *gathering, uint32_t column,
                         const struct row_range *range, struct slice *out)
{
    for (uint32_t i = 0; i < range->count; i++)
        out[i] = text_at(gathering, column, range->first + i);
}

/* A string that the column has not had: row `i` of the family. */
static bool add_code(struct gathering *gathering, uint32_t column, uint32_t i,
                     struct code_place *place, uint64_t hash)
{
    struct gathered_column *out = &gathering->out->columns[column];
    uint32_t number = text_pool_find(&gathering->texts, hash), count = out->dict_count;

    if (number == TEXT_POOL_NONE)
        number = text_pool_add(&gathering->texts, hash, text_at(gathering, column, i));
    if (number == TEXT_POOL_NONE)
        return false;
    if (count == 0 || (count >= LIST_FIRST && (count & (count - 1)) == 0)) {
        uint32_t *list =
            realloc(out->list, (count == 0 ? LIST_FIRST : (size_t)count * 2) * sizeof(*list));

        if (list == NULL)
            return false;
        out->list = list;
    }
    out->list[out->dict_count++] = number;
    return code_table_put(&gathering->codes[column], place, hash);
}

static bool gather_codes(struct gathering *gathering, uint32_t column,
                         const struct row_range *range, int64_t *out)
{
    const uint64_t *hashes = gathering->outputs[gathering->first_words[column]];
    struct code_table *codes = &gathering->codes[column];
    bool is_large = codes->capacity >= LARGE_TABLE;
    int64_t code = 0;

    for (uint32_t i = 0; i < range->count; i++) {
        struct code_place *place;

        if (is_large && i + PREFETCH_CODES < range->count)
            code_table_prefetch(codes, hashes[i + PREFETCH_CODES]);
        if (i == 0 || hashes[i] != hashes[i - 1]) {
            place = code_table_find(codes, hashes[i]);
            code = place->code == 0 ? codes->count : place->code - 1;
            if (place->code == 0 &&
                !add_code(gathering, column, range->first + i, place, hashes[i]))
                return false;
        }
        out[i] = code;
    }
    return true;
}

/* ---- ids and numbers ---- */

static struct id_pool *pool_of_kind(struct gathering *gathering, struct slot_kind kind)
{
    for (uint32_t i = 0; i < gathering->ids_count; i++)
        if (slot_kind_equal(gathering->ids[i].kind, kind))
            return &gathering->ids[i];
    if (gathering->ids_count == ID_POOLS_MAX)
        return NULL;
    id_pool_init(&gathering->ids[gathering->ids_count], kind);
    return &gathering->ids[gathering->ids_count++];
}

static bool gather_ids(struct gathering *gathering, uint32_t column, uint32_t count, int64_t *out)
{
    struct id_pool *pool = pool_of_kind(gathering, gathering->out->columns[column].kind);
    const uint64_t *words[WORDS_MAX];
    unsigned word_count = slot_words(gathering->out->columns[column].kind);

    for (unsigned word = 0; word < word_count; word++)
        words[word] = gathering->outputs[gathering->first_words[column] + word];
    return pool != NULL && id_pool_add(pool, words, count, out);
}

static void split_decimals(int64_t *numbers, int64_t *scales, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t value = (uint64_t)numbers[i];

        numbers[i] = (int64_t)decimal_mantissa(value);
        scales[i] = decimal_scale(value);
    }
}

static void subtract_times(int64_t *numbers, const int64_t *times, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = (int64_t)((uint64_t)numbers[i] - (uint64_t)times[i]);
}

/* What was transposed becomes row `at` and the following of the column. */
static bool gather_column(struct gathering *gathering, uint32_t column,
                          const struct row_range *range, uint32_t at, const int64_t *times)
{
    const struct gathered_column *out = &gathering->out->columns[column];

    switch ((enum column_class)out->class) {
    case CLASS_TEXTS:
        gather_texts(gathering, column, range, out->texts + at);
        return true;
    case CLASS_CODES:
        return gather_codes(gathering, column, range, out->numbers + at);
    case CLASS_IDS:
        return gather_ids(gathering, column, range->count, out->numbers + at);
    case CLASS_DECIMALS:
        split_decimals(out->numbers + at, out->scales + at, range->count);
        return true;
    case CLASS_NUMBERS:
        if (out->kind.type == SLOT_STAMP)
            subtract_times(out->numbers + at, times, range->count);
        return true;
    case CLASS_COUNT:
        break;
    }
    return false;
}

bool gather_rows(struct gathering *gathering, uint32_t first, uint32_t count, const int64_t *times)
{
    struct row_range range;

    for (uint32_t at = 0; at < count; at += range.count) {
        uint32_t left = count - at;

        range = (struct row_range){first + at, 1,
                                   left < GATHER_CHUNK_ROWS ? left : (uint32_t)GATHER_CHUNK_ROWS};
        if (gathering->family != NULL) {
            point_outputs(gathering, at, false);
            transpose(gathering, &range);
        }
        for (uint32_t c = 0; c < gathering->out->column_count; c++)
            if (!gather_column(gathering, c, &range, at, times + at))
                return false;
    }
    return true;
}

/* ---- a family ---- */

/* Words that a row of a column takes in memory. */
static unsigned words_of_row(struct slot_kind kind)
{
    return kind.type == SLOT_TEXT ? sizeof(struct slice) / sizeof(uint64_t)
                                  : 1 + (kind.type == SLOT_DECIMAL);
}

static bool reserve_columns(struct gathering *gathering, uint32_t count)
{
    struct code_table *codes;

    if (count <= gathering->column_room)
        return true;
    codes = realloc(gathering->codes, count * sizeof(*codes));
    if (codes == NULL)
        return false;
    memset(codes + gathering->column_room, 0, (count - gathering->column_room) * sizeof(*codes));
    gathering->codes = codes;
    gathering->column_room = count;
    return true;
}

/* Arrays of the columns, one behind the other; for strings as if they were kept as such. */
static bool place_columns(struct gathering *gathering)
{
    struct gathered *out = gathering->out;
    size_t rows = out->row_count < BLOCK_ROWS_MAX ? out->row_count : (size_t)BLOCK_ROWS_MAX;
    size_t words = 0;
    int64_t *next;

    for (uint32_t c = 0; c < out->column_count; c++)
        words += words_of_row(kind_of(gathering, c));
    if (!make_room(&gathering->columns, words * rows * sizeof(*next) + 1))
        return false;
    next = gathering->columns.memory;
    for (uint32_t c = 0; c < out->column_count; c++) {
        struct gathered_column *column = &out->columns[c];

        column->kind = kind_of(gathering, c);
        column->numbers = next;
        column->scales = column->kind.type == SLOT_DECIMAL ? next + rows : NULL;
        column->texts = column->kind.type == SLOT_TEXT ? (struct slice *)next : NULL;
        next += words_of_row(column->kind) * rows;
    }
    return true;
}

static bool place_words(struct gathering *gathering)
{
    uint32_t columns = gathering->out->column_count, words = 0;
    struct word_source *sources;

    gathering->row_words = 0;
    for (uint32_t c = 0; c < columns; c++) {
        words += column_words(kind_of(gathering, c));
        gathering->row_words += value_words(gathering, c);
    }
    gathering->word_count = words;
    if (!make_room(&gathering->words, words * sizeof(*gathering->outputs) +
                                          columns * sizeof(*gathering->first_words)) ||
        !make_room(&gathering->scratch, (size_t)words * GATHER_CHUNK_ROWS * sizeof(uint64_t)) ||
        !make_room(&gathering->sources, (size_t)words * GATHER_MAPS * sizeof(*sources)))
        return false;
    gathering->outputs = gathering->words.memory;
    gathering->first_words = (uint32_t *)(gathering->outputs + words);
    sources = gathering->sources.memory;
    for (uint32_t c = 0, word = 0; c < columns; c++) {
        gathering->first_words[c] = word;
        word += column_words(kind_of(gathering, c));
    }
    for (uint32_t i = 0; i < GATHER_MAPS; i++)
        gathering->maps[i] = (struct word_map){TEMPLATE_NONE, sources + (size_t)i * words};
    return true;
}

static enum column_class class_of(struct gathering *gathering, uint32_t column, uint32_t sampled)
{
    struct slot_kind kind = kind_of(gathering, column);

    if (kind.type != SLOT_TEXT)
        return slot_id_size(kind) > 0          ? CLASS_IDS
               : kind.type == SLOT_DECIMAL ? CLASS_DECIMALS
                                           : CLASS_NUMBERS;
    if (gathering->family == NULL)
        return CLASS_TEXTS;
    if (gathering->out->row_count < SMALL_COLUMN_ROWS)
        return is_long(gathering, column) ? CLASS_TEXTS : CLASS_CODES;
    return is_mostly_distinct(gathering->outputs[gathering->first_words[column]], sampled)
               ? CLASS_TEXTS
               : CLASS_CODES;
}

/* By a sample that is spread over all rows. */
static bool choose_classes(struct gathering *gathering)
{
    struct gathered *out = gathering->out;
    uint32_t stride = out->row_count / SAMPLE_MAX + 1;
    struct row_range sample = {0, stride, (out->row_count + stride - 1) / stride};
    bool fine = true;

    if (gathering->family != NULL) {
        point_outputs(gathering, 0, true);
        transpose(gathering, &sample);
    }
    for (uint32_t c = 0; c < out->column_count && fine; c++) {
        struct gathered_column *column = &out->columns[c];

        column->class = (uint8_t)class_of(gathering, c, sample.count);
        if (column->class != CLASS_TEXTS)
            column->texts = NULL;
        fine = column->class != CLASS_CODES || code_table_reset(&gathering->codes[c]);
    }
    return fine;
}

bool gather_begin(struct gathering *gathering, uint32_t family, struct gathered *out)
{
    const struct shaped_rows *rows = gathering->rows;
    bool as_text = family == rows->set.family_count;

    gathering->out = out;
    gathering->family = as_text ? NULL : &rows->set.families[family];
    gathering->order = rows->order + rows->family_start[family];
    gathering->shaped = rows->rows + rows->family_start[family];
    gathering->slot_count = as_text ? 1 : gathering->family->slot_count;
    *out = (struct gathered){
        .row_count = (uint32_t)(rows->family_start[family + 1] - rows->family_start[family]),
        .column_count = gathering->slot_count + (as_text ? 1u : gathering->family->computed_count)};
    out->columns = calloc((size_t)out->column_count + 1, sizeof(*out->columns));
    return out->columns != NULL && reserve_columns(gathering, out->column_count) &&
           place_columns(gathering) && place_words(gathering) && choose_classes(gathering);
}

void gather_end(struct gathering *gathering)
{
    for (uint32_t c = 0; c < gathering->out->column_count; c++) {
        struct gathered_column *column = &gathering->out->columns[c];

        column->numbers = column->scales = NULL;
        column->texts = NULL;
    }
    gathering->out = NULL;
}

void gathered_release(struct gathered *gathered)
{
    for (uint32_t i = 0; gathered->columns != NULL && i < gathered->column_count; i++)
        free(gathered->columns[i].list);
    free(gathered->columns);
    *gathered = (struct gathered){0};
}

void gathering_init(struct gathering *gathering, const struct shaped_rows *rows)
{
    *gathering = (struct gathering){.rows = rows};
    text_pool_init(&gathering->texts);
}

void gathering_release(struct gathering *gathering)
{
    text_pool_release(&gathering->texts);
    for (uint32_t i = 0; i < gathering->ids_count; i++)
        id_pool_release(&gathering->ids[i]);
    for (uint32_t c = 0; c < gathering->column_room; c++)
        code_table_release(&gathering->codes[c]);
    free(gathering->codes);
    give_room(&gathering->columns);
    give_room(&gathering->scratch);
    give_room(&gathering->sources);
    give_room(&gathering->words);
    *gathering = (struct gathering){0};
}
