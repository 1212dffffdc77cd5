/* store/shaped_rows.c -- first pass over the rows of a segment. */
#include "store/shaped_rows.h"

#include "base/spare.h"
#include "store/kernels/kernels.h"
#include "store/text_hash.h"

#include <stdlib.h>

enum {
    SAMPLE_ROWS = 8192,      /* looked at to decide which fields are one slot */
    SAMPLE_PLACES = 1 << 16,
    SAMPLE_FILL_MAX = SAMPLE_PLACES / 2,
    WHOLE_SAMPLES_MIN = 16,
    WHOLE_REPEAT_MIN = 4,    /* one slot if a value occurs so often, on average */
    PREFETCH_LINE_SIZE = 256,
    FIELDS_TRACKED = 4096,   /* (format, field) pairs by number below this; others are not whole */
};

/* A value of a field: where the pair is counted, and its hash together with the text. */
struct field_value {
    uint64_t hash;
    uint32_t pair;
};

/* Per format: which fields are one slot. */
struct field_sampler {
    uint64_t *seen; /* hashes of (format, field, text); 0: free */
    uint32_t *total, *distinct; /* [format * FIELDS_TRACKED + field] */
    uint8_t *whole;
    uint32_t filled, field_end; /* of `seen`; behind the fields that were met */
    struct event_field room[EVENT_FIELDS_MAX]; /* of the row at hand, as its values are */
    struct field_value values[EVENT_FIELDS_MAX];
};

static bool sampler_init(struct field_sampler *sampler, uint32_t format_count)
{
    size_t pairs = (size_t)FIELDS_TRACKED * (format_count + 1);

    sampler->filled = sampler->field_end = 0;
    sampler->seen = spare_take(SAMPLE_PLACES * sizeof(*sampler->seen));
    sampler->total = calloc(pairs, sizeof(*sampler->total));
    sampler->distinct = calloc(pairs, sizeof(*sampler->distinct));
    sampler->whole = calloc(pairs, sizeof(*sampler->whole));
    if (sampler->seen == NULL || sampler->total == NULL || sampler->distinct == NULL ||
        sampler->whole == NULL)
        return false;
    memset(sampler->seen, 0, SAMPLE_PLACES * sizeof(*sampler->seen));
    return true;
}

static void sampler_release(struct field_sampler *sampler)
{
    spare_give(sampler->seen);
    free(sampler->total);
    free(sampler->distinct);
    free(sampler->whole);
}

static uint32_t seen_at(uint64_t hash)
{
    return (uint32_t)hash % SAMPLE_PLACES;
}

/* False: the field is no part of the line, or not tracked. */
static bool hash_field(const struct event *event, const struct event_field *field,
                       struct field_value *out)
{
    struct slice text;

    if (field->text.data != NULL || field->field >= FIELDS_TRACKED ||
        field->start > event->bytes.len || field->len > event->bytes.len - field->start)
        return false;
    text = slice_sub(event->bytes, field->start, field->len);
    out->pair = event->format * FIELDS_TRACKED + field->field;
    out->hash =
        text_hash_fold(text_hash(text.data, text.len), 2 * (uint64_t)out->pair + 1) | 1;
    return true;
}

static void sample_value(struct field_sampler *sampler, const struct field_value *value)
{
    uint32_t place = seen_at(value->hash);

    sampler->total[value->pair]++;
    for (; sampler->seen[place] != 0; place = (place + 1) % SAMPLE_PLACES)
        if (sampler->seen[place] == value->hash)
            return;
    sampler->distinct[value->pair]++;
    if (sampler->filled < SAMPLE_FILL_MAX) {
        sampler->seen[place] = value->hash;
        sampler->filled++;
    }
}

/* What is read lies apart, row by row and value by value: it is asked for before it is wanted. */
static void sample_row(struct field_sampler *sampler, const struct segment_content *content,
                       const struct row_facts *row)
{
    struct event event = segment_row_event(content, row, sampler->room);
    struct field_value *values = sampler->values;
    uint32_t count = 0;

    for (uint32_t i = 0; i < event.field_count; i++) {
        const struct event_field *field = &event.fields[i];

        if (!hash_field(&event, field, &values[count]))
            continue;
        __builtin_prefetch(&sampler->seen[seen_at(values[count++].hash)]);
        if (field->field >= sampler->field_end)
            sampler->field_end = field->field + 1;
    }
    for (uint32_t i = 0; i < count; i++)
        sample_value(sampler, &values[i]);
}

static void prefetch_line(const struct row_facts *row)
{
    for (size_t i = 0; i < row->size && i < PREFETCH_LINE_SIZE; i += 64)
        __builtin_prefetch(row->bytes + i);
}

static void choose_whole(struct field_sampler *sampler, uint32_t format_count)
{
    for (uint32_t format = 0; format < format_count; format++)
        for (uint32_t field = 0; field < sampler->field_end; field++) {
            size_t pair = (size_t)format * FIELDS_TRACKED + field;

            sampler->whole[pair] =
                sampler->total[pair] >= WHOLE_SAMPLES_MIN &&
                sampler->distinct[pair] * WHOLE_REPEAT_MIN <= sampler->total[pair];
        }
}

static void sample_rows(struct field_sampler *sampler, const struct segment_content *content)
{
    uint64_t stride = content->row_count / SAMPLE_ROWS + 1;

    for (uint64_t row = 0; row < content->row_count; row += stride) {
        uint64_t left = content->row_count - row;
        const uint32_t *at = &content->order[row];

        if (left > 4 * stride)
            __builtin_prefetch(&content->facts[at[4 * stride]]);
        if (left > 2 * stride) {
            prefetch_line(&content->facts[at[2 * stride]]);
            if (content->ask_fields != NULL)
                content->ask_fields(content->fields_user, content->facts[at[2 * stride]].place);
        }
        sample_row(sampler, content, &content->facts[at[0]]);
    }
    choose_whole(sampler, content->format_count);
}

static bool reserve_values(struct shaped_rows *rows, size_t extra)
{
    size_t capacity = rows->value_capacity;
    uint64_t *grown;

    if (rows->value_count + extra <= capacity)
        return true;
    if (rows->value_count + extra > UINT32_MAX) /* 32 GiB: shaped_row.first_value is no longer one */
        return false;
    capacity = capacity == 0 ? 1 << 16 : capacity * 2;
    grown = spare_grow(rows->values, rows->value_count * sizeof(*grown), capacity * sizeof(*grown));
    if (grown == NULL)
        return false;
    rows->values = grown;
    rows->value_capacity = capacity;
    return true;
}

/* While the line is at hand: what later passes need of it goes into the words of its values. */
static void keep_values(struct shaped_rows *rows, const struct line_shape *shape,
                        const struct event *event)
{
    uint64_t *out = rows->values + rows->value_count;

    for (uint32_t i = 0; i < shape->slot_count; i++) {
        const struct shape_slot *slot = &shape->slots[i];
        struct slice text = {event->bytes.data + slot->start, slot->len};

        if (slot->kind.type == SLOT_TEXT) {
            *out++ = text_ref(slot->start, slot->len);
            *out++ = text_hash(text.data, text.len);
        } else if (slot_id_size(slot->kind) > 0) {
            uint64_t id[HEX_BYTES_MAX / 8] = {0};
            unsigned words = slot_words(slot->kind);

            slot_id_read(slot->kind, text, (uint8_t *)id);
            memcpy(out, id, words * sizeof(*out));
            out += words;
        } else {
            *out++ = slot->value;
        }
    }
    for (uint32_t i = 0; i < shape->field_count; i++) {
        struct slice text = event->fields[shape->fields[i].source].text;

        if (!shape->fields[i].computed)
            continue;
        *out++ = text_hash(text.data, text.len);
    }
    rows->value_count = (size_t)(out - rows->values);
}

enum {
    KNOWN_LISTS = 1024,
    PREFETCH_LINE = 8, /* rows ahead */
};

/* A list of fields as the rows number it, and as the tree does. */
struct known_list {
    uint64_t list;
    uint32_t format; /* UINT32_MAX: none yet */
    uint32_t number;
};

/* What it takes to read one row after the other. */
struct shape_reader {
    struct line_shape shape;
    struct shape_tree tree;
    struct known_list known[KNOWN_LISTS]; /* by hash: those that were met last */
    struct event_field room[EVENT_FIELDS_MAX];
};

/* The row with its fields in the open. */
static struct event open_event(const struct shaped_rows *rows, struct shape_reader *reader,
                               uint32_t row)
{
    return segment_row_event(rows->content, &rows->content->facts[row], reader->room);
}

static uint32_t list_of(struct shape_reader *reader, const struct event *event)
{
    return event->field_count > SHAPE_FIELDS_MAX ? FIELD_LIST_NONE
                                                 : shape_tree_list(&reader->tree, event);
}

/* The number of the row's list of fields; where they are is in tree.spans then. */
static uint32_t take_list(const struct shaped_rows *rows, struct shape_reader *reader, uint32_t row)
{
    const struct segment_content *content = rows->content;
    uint16_t format = content->facts[row].format;
    struct known_list *known;
    struct event event;
    uint64_t list;

    if (content->spans == NULL) {
        event = open_event(rows, reader, row);
        shape_tree_set_spans(&reader->tree, &event);
        return list_of(reader, &event);
    }
    list = content->spans(content->fields_user, content->facts[row].place, &reader->tree.spans);
    known = &reader->known[text_hash_fold(list ^ format, 0x9e3779b97f4a7c15u) % KNOWN_LISTS];
    if (known->list != list || known->format != format) {
        event = open_event(rows, reader, row);
        *known = (struct known_list){list, format, list_of(reader, &event)};
    }
    return known->number;
}

/* A row that the tree does not know, the long way; then the tree knows its template. */
static uint32_t read_unforeseen(struct shaped_rows *rows, struct shape_reader *reader, uint32_t row,
                                const struct field_sampler *sampler)
{
    struct event event = open_event(rows, reader, row);
    struct shape_rules rules = {sampler->whole + (size_t)event.format * FIELDS_TRACKED,
                                FIELDS_TRACKED};
    uint32_t number;

    if (!shape_read(&reader->shape, &event, &rules))
        return TEMPLATE_NONE;
    number = template_table_get(&rows->table, &reader->shape, event.bytes, event.format);
    if (number == TEMPLATE_NONE)
        return TEMPLATE_NONE;
    keep_values(rows, &reader->shape, &event);
    shape_tree_add(&reader->tree, &reader->shape, &event, number);
    return number;
}

static bool read_row(struct shaped_rows *rows, struct shape_reader *reader,
                     const struct field_sampler *sampler, uint32_t row)
{
    const struct row_facts *facts = &rows->content->facts[row];
    struct shape_line line = {.bytes = {facts->bytes, facts->size}, .time_ns = facts->time_ns};
    struct shaped_row *out = &rows->rows[row];
    uint32_t value_count, number;

    if (!reserve_values(rows, ROW_WORDS_MAX))
        return false;
    *out = (struct shaped_row){.bytes = facts->bytes, .first_value = (uint32_t)rows->value_count};
    line.list = take_list(rows, reader, row);
    number = shape_tree_match(&reader->tree, &line, rows->values + rows->value_count, &value_count);
    if (number != TEMPLATE_NONE)
        rows->value_count += value_count;
    else
        number = read_unforeseen(rows, reader, row, sampler);
    out->template = number;
    return true;
}

/* The rows as they stand in the content: those of a source look alike, take the same paths through the
 * tree, and were written one after the other. In order of time they lie anywhere in memory, and the
 * processor foresees neither what is read next nor where a line branches off. */
static bool read_rows(struct shaped_rows *rows, struct shape_reader *reader,
                      const struct field_sampler *sampler)
{
    uint32_t count = (uint32_t)rows->content->row_count;
    bool fine = true;

    for (uint32_t row = 0; row < count && fine; row++) {
        if (count - row > PREFETCH_LINE)
            prefetch_line(&rows->content->facts[row + PREFETCH_LINE]);
        fine = read_row(rows, reader, sampler, row);
    }
    return fine;
}

/* Number the templates as they come in the order of time: what is written does not depend on the order
 * of reading. */
static bool number_templates(struct shaped_rows *rows)
{
    uint32_t *numbers = malloc(((size_t)rows->table.count + 1) * sizeof(*numbers)), count = 0;
    bool fine;

    if (numbers == NULL)
        return false;
    memset(numbers, 0xff, rows->table.count * sizeof(*numbers));
    for (uint64_t i = 0; i < rows->content->row_count; i++) {
        uint32_t *template = &rows->rows[rows->content->order[i]].template;

        if (*template == TEMPLATE_NONE)
            continue;
        if (numbers[*template] == TEMPLATE_NONE)
            numbers[*template] = count++;
        *template = numbers[*template];
    }
    fine = template_table_renumber(&rows->table, numbers);
    free(numbers);
    return fine;
}

static bool read_shapes(struct shaped_rows *rows, const struct field_sampler *sampler)
{
    struct shape_reader *reader = malloc(sizeof(*reader));
    bool fine;

    if (reader == NULL)
        return false;
    memset(reader->known, 0xff, sizeof(reader->known));
    fine = shape_tree_init(&reader->tree, &rows->table) && read_rows(rows, reader, sampler);
    shape_tree_release(&reader->tree);
    free(reader);
    return fine && number_templates(rows);
}

static uint32_t family_of(const struct shaped_rows *rows, uint32_t template)
{
    uint32_t family = template == TEMPLATE_NONE ? FAMILY_NONE : rows->set.members[template].family;

    return family == FAMILY_NONE ? rows->set.family_count : family;
}

/* Where the rows of each family begin, also in `at`. */
static void place_families(struct shaped_rows *rows, uint64_t *at)
{
    uint32_t families = rows->set.family_count;
    uint64_t sum = 0;

    for (uint32_t family = 0; family < families; family++) {
        rows->family_start[family] = at[family] = sum;
        sum += rows->set.families[family].row_count;
    }
    rows->family_start[families] = at[families] = sum;
    rows->family_start[families + 1] = rows->content->row_count;
}

/* Counting sort by family; rows keep the order of the content inside each. In this order of time they are
 * few steps of each source away from those before them; in that of a family they lie anywhere. */
static bool order_rows(struct shaped_rows *rows)
{
    uint64_t row_count = rows->content->row_count;
    uint64_t *at = calloc((size_t)rows->set.family_count + 1, sizeof(*at));
    struct shaped_row *ordered = spare_take((row_count + 1) * sizeof(*ordered));

    rows->order = spare_take((row_count + 1) * sizeof(*rows->order));
    rows->family_start =
        calloc((size_t)rows->set.family_count + 2, sizeof(*rows->family_start));
    if (rows->order == NULL || rows->family_start == NULL || at == NULL || ordered == NULL) {
        free(at);
        spare_give(ordered);
        return false;
    }
    place_families(rows, at);
    for (uint64_t i = 0; i < row_count; i++) {
        uint32_t row = rows->content->order[i];
        uint64_t to = at[family_of(rows, rows->rows[row].template)]++;

        rows->order[to] = row;
        ordered[to] = rows->rows[row];
    }
    spare_give(rows->rows);
    rows->rows = ordered;
    free(at);
    return true;
}

static bool make(struct shaped_rows *rows, bool plain)
{
    uint64_t count = rows->content->row_count;
    struct field_sampler sampler;
    bool fine;

    rows->rows = spare_take((count + 1) * sizeof(*rows->rows));
    if (rows->rows == NULL)
        return false;
    if (plain) {
        for (uint64_t row = 0; row < count; row++)
            rows->rows[row] = (struct shaped_row){.bytes = rows->content->facts[row].bytes,
                                                  .template = TEMPLATE_NONE};
        return true;
    }
    fine = sampler_init(&sampler, rows->content->format_count);
    if (fine) {
        sample_rows(&sampler, rows->content);
        fine = read_shapes(rows, &sampler);
    }
    sampler_release(&sampler);
    return fine;
}

enum status shaped_rows_make(struct shaped_rows *rows, const struct segment_content *content,
                             bool plain, struct error *err)
{
    enum status status = STATUS_OK;

    *rows = (struct shaped_rows){.content = content};
    template_table_init(&rows->table);
    if (content->row_count > SEGMENT_ROWS_MAX)
        return error_set(err, STATUS_TOO_LARGE, "%llu rows are too many for a segment",
                         (unsigned long long)content->row_count);
    if (!make(rows, plain))
        status = error_set(err, STATUS_NO_MEMORY, "a segment of %llu rows needs too much memory",
                           (unsigned long long)content->row_count);
    if (status == STATUS_OK)
        status = family_set_make(&rows->set, &rows->table, err);
    if (status == STATUS_OK && !order_rows(rows))
        status = error_set(err, STATUS_NO_MEMORY, "a segment of %llu rows needs too much memory",
                           (unsigned long long)content->row_count);
    if (status != STATUS_OK)
        shaped_rows_release(rows);
    return status;
}

void shaped_rows_release(struct shaped_rows *rows)
{
    template_table_release(&rows->table);
    family_set_release(&rows->set);
    spare_give(rows->rows);
    spare_give(rows->values);
    spare_give(rows->order);
    free(rows->family_start);
    *rows = (struct shaped_rows){0};
}
