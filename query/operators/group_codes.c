/* query/operators/group_codes.c -- key columns to codes. Dictionaries are used as they are;
 * numbers and texts are numbered as they come by a table of the view's size. Time buckets without
 * a zone are plain divisions, and none at all if the block lies within one bucket. */
#include "query/operators/group_codes.h"

#include "base/hash.h"
#include "base/time_stamp.h"
#include "store/value.h"

#include <math.h>
#include <stdio.h>

/* Buckets of whole weeks begin on a Monday: 1970-01-05 was one. */
#define FIRST_MONDAY_NS (4 * NS_PER_DAY)
/* Distinct time buckets of one view that are counted instead of looked up. */
enum { DENSE_BUCKETS_MAX = 65536 };

/* Numbers distinct cells as they come. */
struct numbering {
    uint32_t *slots; /* code + 1, 0: free; a power of two of them */
    uint32_t slot_count;
    struct cell *cells; /* of each code */
    uint32_t count;
    uint32_t *codes; /* of each selected row: the caller's to fill */
};

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_TOO_LARGE,
                     "a group key needs more memory than the query may use: group by fewer values");
}

static enum status numbering_init(struct numbering *numbering, struct view *view,
                                  struct error *err)
{
    uint32_t slots = 16, count_max = view_selected_count(view);
    struct arena *arena = view_arena(view);

    while (slots < count_max * 2)
        slots *= 2;
    *numbering = (struct numbering){.slot_count = slots};
    numbering->slots = arena_new(arena, uint32_t, slots);
    numbering->cells = arena_new(arena, struct cell, count_max + 1);
    numbering->codes = arena_new(arena, uint32_t, count_max + 1);
    return numbering->slots == NULL || numbering->cells == NULL || numbering->codes == NULL
               ? no_memory(err)
               : STATUS_OK;
}

static struct key_codes key_codes_of(const struct numbering *numbering)
{
    return (struct key_codes){
        .codes = numbering->codes, .count = numbering->count, .cells = numbering->cells};
}

static uint64_t cell_hash(const struct cell *cell)
{
    switch (cell->kind) {
    case CELL_TEXT:
        return hash64(cell->text.data, cell->text.len);
    case CELL_INT:
        return hash64(&cell->whole, sizeof(cell->whole));
    case CELL_FLOAT:
        return hash64(&cell->fraction, sizeof(cell->fraction));
    default:
        return 1;
    }
}

static uint32_t number_cell(struct numbering *numbering, const struct cell *cell)
{
    uint32_t mask = numbering->slot_count - 1, at = (uint32_t)cell_hash(cell) & mask;

    while (numbering->slots[at] != 0) {
        uint32_t code = numbering->slots[at] - 1;

        if (numbering->cells[code].kind == cell->kind && cell_equal(&numbering->cells[code], cell))
            return code;
        at = (at + 1) & mask;
    }
    numbering->cells[numbering->count] = *cell;
    numbering->slots[at] = ++numbering->count;
    return numbering->count - 1;
}

static enum status constant(struct view *view, struct cell cell, struct key_codes *out,
                            struct error *err)
{
    struct cell *cells = arena_new(view_arena(view), struct cell, 1);

    if (cells == NULL)
        return no_memory(err);
    cells[0] = cell;
    *out = (struct key_codes){.count = 1, .cells = cells};
    return STATUS_OK;
}

/* ---- buckets of single values ---- */

static struct cell number_bucket(const struct group_key *key, const struct cell *cell)
{
    double step = key->step.number, value, low;
    enum value_type type = (enum value_type)cell->type;

    if (!cell_number(cell, &value))
        return cell_null();
    low = floor(value / step) * step;
    if (step == floor(step) && fabs(low) < 9e15)
        return cell_int((int64_t)low, type == VALUE_TEXT || type == VALUE_FLOAT ? VALUE_INT : type);
    return cell_float(low, type == VALUE_TEXT || type == VALUE_INT ? VALUE_FLOAT : type);
}

/* "10.1.2.0/24"; what is no IPv4 address has no subnet. */
static struct cell subnet_bucket(const struct group_key *key, const struct cell *cell,
                                 struct arena *arena)
{
    char text[24];
    uint32_t address, mask;
    int len;

    if (cell->kind != CELL_TEXT || !ipv4_of_text(cell->text, &address))
        return cell_null();
    mask = key->prefix_bits == 0 ? 0 : UINT32_MAX << (32 - key->prefix_bits);
    address &= mask;
    len = snprintf(text, sizeof(text), "%u.%u.%u.%u/%u", address >> 24, address >> 16 & 255,
                   address >> 8 & 255, address & 255, key->prefix_bits);
    return cell_text(arena_copy(arena, (struct slice){text, (size_t)len}), VALUE_TEXT);
}

static struct cell bucket_of(const struct group_key *key, const struct cell *cell,
                             struct arena *arena)
{
    switch (key->bucket) {
    case BUCKET_NUMBER:
        return number_bucket(key, cell);
    case BUCKET_SUBNET:
        return subnet_bucket(key, cell, arena);
    case BUCKET_NONE:
    case BUCKET_TIME:
        break;
    }
    return *cell;
}

/* ---- columns ---- */

/* Codes of the dictionary, and one more for rows without the field. */
static enum status dict_codes(const struct keyed_rows *keyed, const struct column *column,
                              struct key_codes *out, struct error *err)
{
    struct arena *arena = view_arena(keyed->view);
    uint32_t count = view_selected_count(keyed->view), none = column->dict_count;
    uint32_t *codes = arena_new(arena, uint32_t, count + 1);
    struct cell *cells = arena_new(arena, struct cell, (size_t)none + 1);

    if (codes == NULL || cells == NULL)
        return no_memory(err);
    for (uint32_t code = 0; code < none; code++) {
        struct cell cell = cell_text(column->dict[code], column_type(column));

        cells[code] = bucket_of(keyed->key, &cell, arena);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t code = column->codes[keyed->rows[i]];

        codes[i] = code == COLUMN_NO_CODE ? none : code;
    }
    *out = (struct key_codes){.codes = codes, .count = none + 1, .cells = cells};
    return STATUS_OK;
}

/* A dictionary of a whole segment may be far larger than the view: number the codes that occur. */
static enum status sparse_dict_codes(const struct keyed_rows *keyed, const struct column *column,
                                     struct key_codes *out, struct error *err)
{
    uint32_t count = view_selected_count(keyed->view);
    struct numbering numbering;
    enum status status = numbering_init(&numbering, keyed->view, err);

    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < count; i++) {
        struct cell code = cell_int(column->codes[keyed->rows[i]], VALUE_INT);

        numbering.codes[i] = number_cell(&numbering, &code);
    }
    for (uint32_t i = 0; i < numbering.count; i++) {
        uint32_t code = (uint32_t)numbering.cells[i].whole;
        struct cell cell = code == COLUMN_NO_CODE
                               ? cell_null()
                               : cell_text(column->dict[code], column_type(column));

        numbering.cells[i] = bucket_of(keyed->key, &cell, view_arena(keyed->view));
    }
    *out = key_codes_of(&numbering);
    return STATUS_OK;
}

static enum status value_codes(const struct keyed_rows *keyed, const struct column *column,
                               struct key_codes *out, struct error *err)
{
    uint32_t count = view_selected_count(keyed->view);
    struct numbering numbering;
    enum status status = numbering_init(&numbering, keyed->view, err);

    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < count; i++) {
        struct cell cell = cell_of(column, keyed->rows[i]);

        if (keyed->key->bucket != BUCKET_NONE)
            cell = bucket_of(keyed->key, &cell, view_arena(keyed->view));
        numbering.codes[i] = number_cell(&numbering, &cell);
    }
    *out = key_codes_of(&numbering);
    return STATUS_OK;
}

/* ---- time ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t time_step(const struct group_key *key)
{
    return (int64_t)key->step.number;
}

int64_t time_bucket_anchor(const struct group_key *key)
{
    return key->offset_ns + (time_step(key) % (7 * NS_PER_DAY) == 0 ? FIRST_MONDAY_NS : 0);
}

/* Begin of the bucket that holds `time_ns`, by UTC. */
static int64_t bucket_begin(const struct group_key *key, int64_t time_ns)
{
    int64_t step_ns = time_step(key), anchor_ns = time_bucket_anchor(key);

    return floor_div(time_ns - anchor_ns, step_ns) * step_ns + anchor_ns;
}

/* The same by the clock of the zone, and the begin of the next one. */
static int64_t zone_bucket(const struct group_key *key, const struct zone *zone, int64_t time_ns,
                           int64_t *next_ns)
{
    int64_t offset_ns =
        zone_offset_at(zone, floor_div(time_ns, NS_PER_SECOND), NULL) * NS_PER_SECOND;
    int64_t begin_ns = bucket_begin(key, time_ns + offset_ns), step_ns = time_step(key);
    int64_t begin_utc_ns, next_utc_ns;

    if (step_ns < NS_PER_DAY) { /* hours that occur twice stay apart */
        *next_ns = begin_ns + step_ns - offset_ns;
        return begin_ns - offset_ns;
    }
    begin_utc_ns = zone_to_utc(zone, begin_ns);
    next_utc_ns = zone_to_utc(zone, begin_ns + step_ns);
    *next_ns = next_utc_ns;
    return begin_utc_ns;
}

static enum status zone_time_codes(const struct keyed_rows *keyed, const struct column *column,
                                   struct key_codes *out, struct error *err)
{
    uint32_t count = view_selected_count(keyed->view), code = 0;
    int64_t begin_ns = 0, next_ns = 0; /* of the last row's bucket */
    struct numbering numbering;
    enum status status = numbering_init(&numbering, keyed->view, err);

    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < count; i++) {
        struct cell cell = cell_of(column, keyed->rows[i]);

        if (cell.kind != CELL_INT) {
            cell = cell_null();
            numbering.codes[i] = number_cell(&numbering, &cell);
            continue;
        }
        if (next_ns == begin_ns || cell.whole < begin_ns || cell.whole >= next_ns) {
            struct cell bucket;

            begin_ns = zone_bucket(keyed->key, keyed->zone, cell.whole, &next_ns);
            bucket = cell_int(begin_ns, VALUE_TIME);
            code = number_cell(&numbering, &bucket);
        }
        numbering.codes[i] = code;
    }
    *out = key_codes_of(&numbering);
    return STATUS_OK;
}

struct cell time_bucket_cell(const struct group_key *key, const struct run *run, int64_t time_ns)
{
    int64_t next_ns;

    return cell_int(run->zone == NULL ? bucket_begin(key, time_ns)
                                      : zone_bucket(key, run->zone, time_ns, &next_ns),
                    VALUE_TIME);
}

static enum status dense_time_codes(const struct keyed_rows *keyed, const struct column *column,
                                    int64_t first_ns, uint32_t bucket_count,
                                    struct key_codes *out, struct error *err)
{
    int64_t step_ns = time_step(keyed->key);
    uint32_t count = view_selected_count(keyed->view);
    uint32_t *codes = arena_new(view_arena(keyed->view), uint32_t, count + 1);

    if (codes == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        codes[i] = (uint32_t)((uint64_t)(column->ints[keyed->rows[i]] - first_ns) /
                              (uint64_t)step_ns);
    *out = (struct key_codes){.codes = codes,
                              .count = bucket_count,
                              .bucket_first_ns = first_ns,
                              .bucket_step_ns = step_ns};
    return STATUS_OK;
}

/* The times of a view's rows lie within those of its block; a computed _time does not. */
static bool times_of_block(struct view *view, int64_t *min_ns, int64_t *max_ns)
{
    if (view->source == NULL || !view->open)
        return false;
    for (uint32_t i = 0; i < view->column_count; i++)
        if (view->columns[i].field == FIELD_ID_TIME)
            return false;
    *min_ns = view->base.time_min_ns;
    *max_ns = view->base.time_max_ns;
    return *max_ns >= *min_ns;
}

static bool times_of_column(const struct keyed_rows *keyed, const struct column *column,
                            int64_t *min_ns, int64_t *max_ns)
{
    uint32_t count = view_selected_count(keyed->view);

    if (column->kind != COLUMN_INT || column->present != NULL || count == 0)
        return false;
    *min_ns = *max_ns = column->ints[keyed->rows[0]];
    for (uint32_t i = 1; i < count; i++) {
        int64_t at = column->ints[keyed->rows[i]];

        *min_ns = at < *min_ns ? at : *min_ns;
        *max_ns = at > *max_ns ? at : *max_ns;
    }
    return true;
}

static enum status time_codes(const struct keyed_rows *keyed, struct key_codes *out,
                              struct error *err)
{
    const struct group_key *key = keyed->key;
    int64_t min_ns, max_ns;
    struct column column;
    enum status status;

    if (keyed->zone == NULL && times_of_block(keyed->view, &min_ns, &max_ns) &&
        bucket_begin(key, min_ns) == bucket_begin(key, max_ns))
        return constant(keyed->view, cell_int(bucket_begin(key, min_ns), VALUE_TIME), out, err);
    status = view_column(keyed->view, keyed->field, false, &column, err);
    if (status != STATUS_OK)
        return status;
    if (column.kind == COLUMN_MISSING)
        return constant(keyed->view, cell_null(), out, err);
    if (keyed->zone == NULL && times_of_column(keyed, &column, &min_ns, &max_ns)) {
        int64_t first_ns = bucket_begin(key, min_ns);
        int64_t buckets = floor_div(max_ns - first_ns, time_step(key)) + 1;

        if (buckets <= DENSE_BUCKETS_MAX)
            return dense_time_codes(keyed, &column, first_ns, (uint32_t)buckets, out, err);
    }
    return zone_time_codes(keyed, &column, out, err);
}

enum status key_codes_make(const struct keyed_rows *keyed, struct key_codes *out,
                           struct error *err)
{
    struct column column;
    enum status status;

    if (keyed->key->bucket == BUCKET_TIME)
        return time_codes(keyed, out, err);
    status = view_column(keyed->view, keyed->field, false, &column, err);
    if (status != STATUS_OK)
        return status;
    if (column.kind == COLUMN_MISSING)
        return constant(keyed->view, cell_null(), out, err);
    if (column.kind == COLUMN_DICT && column.dict_count / 4 > view_selected_count(keyed->view))
        return sparse_dict_codes(keyed, &column, out, err);
    if (column.kind == COLUMN_DICT)
        return dict_codes(keyed, &column, out, err);
    return value_codes(keyed, &column, out, err);
}
