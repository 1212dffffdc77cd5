/* store/engine_gather.c -- turn rows into columns.
 *
 * Row by row the values stand together; column by column they are wanted. The transposition goes by
 * chunks of rows that stay in the processor's cache while all columns are picked from them. */
#include "store/engine_gather.h"

#include "base/hash.h"

#include <stdlib.h>

enum {
    CHUNK_ROWS = 512,
    SAMPLE_MAX = 512,       /* values looked at to choose between dictionary and text */
    SAMPLE_PLACES = 2048,
    SMALL_COLUMN_ROWS = 64, /* a dictionary, unless its strings are long */
    SMALL_TEXT_MEAN_MAX = 256,
};

#define COMPUTED_REF ((uint64_t)1 << 63) /* | index of the event's field */
#define WORD_REF     ((uint64_t)1 << 62) /* a word of the template: looked up again */

/* One family being gathered. */
struct gathering {
    const struct shaped_rows *rows;
    const uint32_t *order;  /* rows of the family */
    uint32_t row_count, slot_count, column_count;
    const struct family *family; /* NULL: kept as text */
    uint64_t **values;      /* [column][row] */
    const struct event **events;
    const struct slice *blobs;
    struct gather_pools *pools;
};

static const struct family_member *member_of(const struct gathering *gathering, uint32_t row)
{
    return &gathering->rows->set.members[gathering->rows->templates[row]];
}

/* Values of rows [from, to) of all slots. */
static void transpose(struct gathering *gathering, uint32_t from, uint32_t to)
{
    const struct shaped_rows *rows = gathering->rows;

    for (uint32_t i = from; i < to; i++) {
        uint32_t row = gathering->order[i];
        const uint64_t *values = shaped_row_values(rows, row);
        const struct column_source *sources = member_of(gathering, row)->columns;

        if (sources == NULL) {
            for (uint32_t c = 0; c < gathering->slot_count; c++)
                gathering->values[c][i] = values[c];
            continue;
        }
        for (uint32_t c = 0; c < gathering->slot_count; c++)
            gathering->values[c][i] =
                sources[c].slot == FAMILY_NO_SLOT ? WORD_REF : values[sources[c].slot];
    }
}

static void transpose_all(struct gathering *gathering)
{
    for (uint32_t i = 0; i < gathering->row_count; i++)
        gathering->events[i] = gathering->rows->content->rows[gathering->order[i]].event;
    if (gathering->family == NULL) {
        for (uint32_t i = 0; i < gathering->row_count; i++)
            gathering->values[0][i] = text_ref(0, (uint32_t)gathering->events[i]->bytes.len);
        return;
    }
    for (uint32_t from = 0; from < gathering->row_count; from += CHUNK_ROWS) {
        uint32_t to = from + CHUNK_ROWS;

        transpose(gathering, from, to < gathering->row_count ? to : gathering->row_count);
    }
}

/* Columns of computed fields: which field of the event each row takes. */
static void refer_computed(struct gathering *gathering)
{
    const struct family *family = gathering->family;
    uint32_t column = gathering->slot_count;

    for (uint32_t k = 0; family != NULL && k < family->field_count; k++) {
        if (!family->fields[k].computed)
            continue;
        for (uint32_t i = 0; i < gathering->row_count; i++) {
            uint32_t row = gathering->order[i];
            const struct template *raw =
                gathering->rows->table.templates[gathering->rows->templates[row]];

            gathering->values[column][i] = COMPUTED_REF | raw->fields[k].source;
        }
        column++;
    }
}

static struct slice text_at(const struct gathering *gathering, uint32_t column, uint32_t i)
{
    uint64_t ref = gathering->values[column][i];

    if (gathering->family == NULL && column == 1)
        return gathering->blobs[i];
    if ((ref & COMPUTED_REF) != 0)
        return gathering->events[i]->fields[ref & UINT16_MAX].text;
    if ((ref & WORD_REF) != 0)
        return member_of(gathering, gathering->order[i])->columns[column].word;
    return text_of_ref(gathering->events[i]->bytes, ref);
}

/* Are most values new? Then a dictionary would only be a second copy. */
static bool is_mostly_distinct(const struct gathering *gathering, uint32_t column)
{
    uint64_t seen[SAMPLE_PLACES] = {0};
    uint32_t stride = gathering->row_count / SAMPLE_MAX + 1, total = 0, distinct = 0;
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < gathering->row_count; i += stride) {
        struct slice text = text_at(gathering, column, i);
        uint64_t hash = hash64(text.data, text.len) | 1;
        uint32_t place = (uint32_t)(hash >> 32) % SAMPLE_PLACES;

        while (seen[place] != 0 && seen[place] != hash)
            place = (place + 1) % SAMPLE_PLACES;
        distinct += seen[place] == 0;
        seen[place] = hash;
        total++;
        bytes += text.len;
    }
    if (gathering->row_count < SMALL_COLUMN_ROWS)
        return bytes > (uint64_t)SMALL_TEXT_MEAN_MAX * total;
    return distinct * 10 > total * 9;
}

static bool gather_texts(const struct gathering *gathering, uint32_t column,
                         struct gathered_column *out)
{
    out->class = CLASS_TEXTS;
    out->texts = malloc((gathering->row_count + 1) * sizeof(*out->texts));
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

static bool gather_codes(const struct gathering *gathering, uint32_t column,
                         struct gathered_column *out)
{
    struct text_pool *pool = &gathering->pools->texts;
    uint32_t serial = ++gathering->pools->column_serial, capacity = 0;
    struct slice last = {NULL, 0};

    out->class = CLASS_CODES;
    for (uint32_t i = 0; i < gathering->row_count; i++) {
        struct slice text = text_at(gathering, column, i);

        if (i > 0 && slice_equal(text, last)) {
            out->numbers[i] = out->numbers[i - 1];
            continue;
        }
        last = text;
        if (!code_of(pool, serial, text_pool_add(pool, text), out, &capacity, &out->numbers[i]))
            return false;
    }
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
    uint8_t id[HEX_BYTES_MAX];

    out->class = CLASS_IDS;
    for (uint32_t i = 0; i < gathering->row_count && pool != NULL; i++) {
        uint32_t number;

        slot_id_read(out->kind, text_at(gathering, column, i), id);
        number = id_pool_add(pool, id);
        if (number == ID_NONE)
            return false;
        out->numbers[i] = number;
    }
    return pool != NULL;
}

static bool gather_numbers(const struct gathering *gathering, uint32_t column,
                           struct gathered_column *out)
{
    const uint64_t *values = gathering->values[column];
    uint32_t count = gathering->row_count;

    out->class = CLASS_NUMBERS;
    if (out->kind.type == SLOT_DECIMAL) {
        out->class = CLASS_DECIMALS;
        out->scales = malloc((count + 1) * sizeof(*out->scales));
        if (out->scales == NULL)
            return false;
        for (uint32_t i = 0; i < count; i++) {
            out->numbers[i] = (int64_t)decimal_mantissa(values[i]);
            out->scales[i] = decimal_scale(values[i]);
        }
    } else if (out->kind.type == SLOT_STAMP) {
        for (uint32_t i = 0; i < count; i++)
            out->numbers[i] = (int64_t)(values[i] - (uint64_t)gathering->events[i]->time_ns);
    } else {
        memcpy(out->numbers, values, count * sizeof(*values));
    }
    return true;
}

static bool gather_column(const struct gathering *gathering, uint32_t column,
                          struct gathered_column *out)
{
    out->kind = (struct slot_kind){SLOT_TEXT, TEXT_FREE};
    if (gathering->family != NULL && column < gathering->slot_count)
        out->kind = gathering->family->kinds[column];
    if (out->kind.type == SLOT_TEXT &&
        (gathering->family == NULL || is_mostly_distinct(gathering, column)))
        return gather_texts(gathering, column, out);
    out->numbers = malloc((gathering->row_count + 1) * sizeof(*out->numbers));
    if (out->numbers == NULL)
        return false;
    if (out->kind.type == SLOT_TEXT)
        return gather_codes(gathering, column, out);
    return slot_id_size(out->kind) > 0 ? gather_ids(gathering, column, out)
                                       : gather_numbers(gathering, column, out);
}

static bool gather(struct gathering *gathering, struct gathered *out)
{
    uint64_t *all;

    gathering->values = calloc(gathering->column_count + 1, sizeof(*gathering->values));
    gathering->events = malloc((gathering->row_count + 1) * sizeof(*gathering->events));
    all = malloc(((size_t)gathering->column_count * gathering->row_count + 1) * sizeof(*all));
    out->columns = calloc(gathering->column_count + 1, sizeof(*out->columns));
    if (gathering->values != NULL && gathering->events != NULL && all != NULL &&
        out->columns != NULL) {
        bool fine = true;

        for (uint32_t c = 0; c < gathering->column_count; c++)
            gathering->values[c] = all + (size_t)c * gathering->row_count;
        transpose_all(gathering);
        refer_computed(gathering);
        for (uint32_t c = 0; c < gathering->column_count && fine; c++)
            fine = gather_column(gathering, c, &out->columns[c]);
        free(all);
        free(gathering->values);
        free(gathering->events);
        return fine;
    }
    free(all);
    free(gathering->values);
    free(gathering->events);
    return false;
}

bool gather_family(struct gathered *out, const struct shaped_rows *rows, uint32_t family,
                   const struct slice *blobs, struct gather_pools *pools)
{
    bool as_text = family == rows->set.family_count;
    struct gathering gathering = {
        .rows = rows,
        .order = rows->order + rows->family_start[family],
        .row_count = (uint32_t)(rows->family_start[family + 1] - rows->family_start[family]),
        .family = as_text ? NULL : &rows->set.families[family],
        .blobs = blobs,
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
        free(gathered->columns[i].numbers);
        free(gathered->columns[i].scales);
        free(gathered->columns[i].texts);
        free(gathered->columns[i].list);
    }
    free(gathered->columns);
    *gathered = (struct gathered){0};
}

void gather_pools_release(struct gather_pools *pools)
{
    text_pool_release(&pools->texts);
    for (uint32_t i = 0; i < pools->ids_count; i++)
        id_pool_release(&pools->ids[i]);
    *pools = (struct gather_pools){0};
}
