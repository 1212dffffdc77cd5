/* store/pattern.c -- templates as text: walk the gaps, jump over fields, name the slots. */
#include "store/pattern.h"

#include "base/hash.h"

#include <stdlib.h>

/* What a value of each type is shown as. Types that only tell how a number is written are one. */
static const char *const placeholders[SLOT_TYPE_COUNT] = {
    [SLOT_TEXT] = "<*>",      [SLOT_INT] = "<num>", [SLOT_PADDED] = "<num>",
    [SLOT_DECIMAL] = "<num>", [SLOT_IPV4] = "<ip>", [SLOT_UUID] = "<uuid>",
    [SLOT_HEX] = "<hex>",     [SLOT_STAMP] = "<time>",
};

/* Fields of prose. */
static const char *const shown_fields[] = {"message", "msg"};

enum { PATTERNS_PER_BLOCK_MAX = 1 << 17 /* those of a segment, and one per row kept as text */ };

/* Is the field written out rather than named? */
static bool is_shown(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(shown_fields); i++)
        if (slice_is(name, shown_fields[i]))
            return true;
    return false;
}

static bool lies_in_gaps(const struct pattern_source *source, const struct pattern_field *field)
{
    return field->begin_gap <= field->end_gap && field->end_gap <= source->slot_count &&
           field->begin_offset <= source->gaps[field->begin_gap].len &&
           field->end_offset <= source->gaps[field->end_gap].len &&
           (field->begin_gap < field->end_gap || field->begin_offset < field->end_offset);
}

/* The next field to be named that begins at (gap, from) or behind it. */
static const struct pattern_field *next_field(const struct pattern_source *source, uint32_t *at,
                                              uint32_t gap, uint32_t from)
{
    for (; *at < source->field_count; ++*at) {
        const struct pattern_field *field = &source->fields[*at];
        bool behind = field->begin_gap > gap ||
                      (field->begin_gap == gap && field->begin_offset >= from);

        if (behind && lies_in_gaps(source, field) && !is_shown(field->name))
            return field;
    }
    return NULL;
}

bool pattern_write(const struct pattern_source *source, struct buf *out)
{
    uint32_t gap = 0, from = 0, at = 0;
    bool ok = true;

    while (ok) {
        const struct pattern_field *field = next_field(source, &at, gap, from);
        struct slice literal = slice_from(source->gaps[gap], from);

        if (field != NULL && field->begin_gap == gap) {
            ok = buf_append_slice(out, slice_first(literal, field->begin_offset - from)) &&
                 buf_append_byte(out, '<') && buf_append_slice(out, field->name) &&
                 buf_append_byte(out, '>');
            gap = field->end_gap;
            from = field->end_offset;
            continue;
        }
        ok = buf_append_slice(out, literal);
        if (gap == source->slot_count)
            break;
        ok = ok && buf_append_text(out, placeholders[source->kinds[gap].type]);
        gap++;
        from = 0;
    }
    return ok;
}

bool pattern_make(const struct pattern_source *source, struct slice format, struct buf *scratch,
                  struct pattern *out)
{
    struct slice whole;
    size_t cut;

    buf_reset(scratch);
    if (!pattern_write(source, scratch))
        return false;
    whole = buf_slice(scratch);
    out->id = hash64_seed(whole.data, whole.len, hash64(format.data, format.len));
    out->id += out->id == 0;
    cut = whole.len < PATTERN_SIZE_MAX ? whole.len : PATTERN_SIZE_MAX;
    while (cut < whole.len && cut > 0 && ((unsigned char)whole.data[cut] & 0xc0) == 0x80)
        cut--; /* not inside a character */
    out->format = format;
    out->text = slice_first(whole, cut);
    return true;
}

void pattern_id_print(uint64_t id, char *out)
{
    for (int i = 0; i < PATTERN_ID_SIZE; i++)
        out[i] = "0123456789abcdef"[(id >> (60 - 4 * i)) & 15];
}

/* ---- columns ---- */

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "the patterns of a block need too much memory");
}

enum status pattern_column_init(struct pattern_column *column, struct arena *arena,
                                uint32_t row_count, struct error *err)
{
    *column = (struct pattern_column){.arena = arena,
                                      .index = map_empty(PATTERNS_PER_BLOCK_MAX),
                                      .scratch = buf_empty(PATTERN_TEXT_BUF_MAX),
                                      .codes = arena_new(arena, uint32_t, (size_t)row_count + 1)};
    if (column->codes == NULL)
        return no_memory(err);
    memset(column->codes, 0xff, row_count * sizeof(*column->codes));
    return STATUS_OK;
}

void pattern_column_release(struct pattern_column *column)
{
    map_release(&column->index);
    buf_release(&column->scratch);
    free(column->shape);
    column->shape = NULL;
}

static struct pattern *new_pattern(struct pattern_column *column)
{
    if (column->count == column->capacity) {
        uint32_t capacity = column->capacity == 0 ? 64 : column->capacity * 2;
        struct pattern *grown = arena_new(column->arena, struct pattern, capacity);

        if (grown == NULL)
            return NULL;
        if (column->count > 0)
            memcpy(grown, column->patterns, column->count * sizeof(*grown));
        column->patterns = grown;
        column->capacity = capacity;
    }
    return &column->patterns[column->count];
}

enum status pattern_column_code(struct pattern_column *column, const struct pattern *pattern,
                                bool keep, uint32_t *out, struct error *err)
{
    struct slice key = {(const char *)&pattern->id, sizeof(pattern->id)};
    uint32_t code = map_get(&column->index, key);
    struct pattern *kept;

    if (code != MAP_NONE) {
        *out = code;
        return STATUS_OK;
    }
    kept = new_pattern(column);
    key = arena_copy(column->arena, key);
    if (kept == NULL || key.data == NULL || !map_put(&column->index, key, column->count))
        return no_memory(err);
    *kept = *pattern;
    if (!keep && pattern->text.len > 0) {
        kept->text = arena_copy(column->arena, pattern->text);
        if (kept->text.data == NULL)
            return no_memory(err);
    }
    *out = column->count++;
    return STATUS_OK;
}

/* The shape of a line as a template; false: it has none. The arrays are the caller's. */
static bool describe_line(struct pattern_column *column, const struct event *event,
                          struct slice *gaps, struct slot_kind *kinds,
                          struct pattern_field *fields, struct pattern_source *out)
{
    static const struct shape_rules no_rules = {NULL, 0};
    const struct line_shape *shape = column->shape;
    uint32_t line_len = (uint32_t)event->bytes.len;

    if (!shape_read(column->shape, event, &no_rules))
        return false;
    *out = (struct pattern_source){
        .slot_count = shape->slot_count, .gaps = gaps, .kinds = kinds, .fields = fields};
    for (uint32_t gap = 0; gap <= shape->slot_count; gap++) {
        uint32_t start = shape_gap_start(shape, gap);

        gaps[gap] = slice_sub(event->bytes, start, shape_gap_end(shape, gap, line_len) - start);
        if (gap < shape->slot_count)
            kinds[gap] = shape->slots[gap].kind;
    }
    for (uint32_t i = 0; i < shape->field_count; i++) {
        const struct shape_field *field = &shape->fields[i];

        if (!field->computed)
            fields[out->field_count++] = (struct pattern_field){
                column->field_name(column->user, field->field), field->begin_gap,
                field->begin_offset, field->end_gap, field->end_offset};
    }
    return true;
}

enum status pattern_column_line(struct pattern_column *column, uint32_t row,
                                const struct event *event, struct slice format, struct error *err)
{
    static const struct slice nothing[2];
    static const struct slot_kind any = {SLOT_TEXT, TEXT_FREE};
    struct slice gaps[SHAPE_SLOTS_MAX + 1];
    struct slot_kind kinds[SHAPE_SLOTS_MAX];
    struct pattern_field fields[SHAPE_FIELDS_MAX];
    struct pattern_source source;
    struct pattern pattern;

    if (column->shape == NULL)
        column->shape = malloc(sizeof(*column->shape));
    if (column->shape == NULL)
        return no_memory(err);
    if (!describe_line(column, event, gaps, kinds, fields, &source))
        source = (struct pattern_source){.slot_count = 1, .gaps = nothing, .kinds = &any};
    if (!pattern_make(&source, format, &column->scratch, &pattern))
        return no_memory(err);
    return pattern_column_code(column, &pattern, false, &column->codes[row], err);
}

enum status pattern_column_finish(struct pattern_column *column, field_id field,
                                  struct column *out, struct error *err)
{
    struct slice *dict = arena_new(column->arena, struct slice, (size_t)column->count + 1);
    char *ids = arena_alloc(column->arena, PATTERN_ID_SIZE, 1, (size_t)column->count + 1);

    if (dict == NULL || ids == NULL)
        return no_memory(err);
    for (uint32_t i = 0; i < column->count; i++) {
        char *id = ids + (size_t)i * PATTERN_ID_SIZE;

        pattern_id_print(column->patterns[i].id, id);
        dict[i] = field == FIELD_ID_TEMPLATE ? (struct slice){id, PATTERN_ID_SIZE}
                                             : column->patterns[i].text;
        if (dict[i].data == NULL)
            dict[i] = SLICE_LITERAL("");
    }
    *out = (struct column){.kind = COLUMN_DICT,
                           .type = FIELD_TEXT,
                           .codes = column->codes,
                           .dict = dict,
                           .dict_count = column->count};
    return STATUS_OK;
}
