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

/* Per format: which fields are one slot. */
struct field_sampler {
    uint64_t *seen; /* hashes of (format, field, text); 0: free */
    uint32_t *total, *distinct; /* [format * FIELDS_TRACKED + field] */
    uint8_t *whole;
    uint32_t filled;
};

static bool sampler_init(struct field_sampler *sampler, uint32_t format_count)
{
    size_t pairs = (size_t)FIELDS_TRACKED * (format_count + 1);

    *sampler = (struct field_sampler){0};
    sampler->seen = calloc(SAMPLE_PLACES, sizeof(*sampler->seen));
    sampler->total = calloc(pairs, sizeof(*sampler->total));
    sampler->distinct = calloc(pairs, sizeof(*sampler->distinct));
    sampler->whole = calloc(pairs, sizeof(*sampler->whole));
    return sampler->seen != NULL && sampler->total != NULL && sampler->distinct != NULL &&
           sampler->whole != NULL;
}

static void sampler_release(struct field_sampler *sampler)
{
    free(sampler->seen);
    free(sampler->total);
    free(sampler->distinct);
    free(sampler->whole);
}

/* A value of a field: where the pair is counted, and its hash together with the text. */
struct field_value {
    uint64_t hash;
    uint32_t pair;
};

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
                       const struct segment_row *row)
{
    struct event_field room[EVENT_FIELDS_MAX];
    struct field_value values[EVENT_FIELDS_MAX];
    const struct event_field *fields = segment_row_fields(content, row, room);
    uint32_t count = 0;

    for (uint32_t i = 0; i < row->event->field_count; i++)
        if (hash_field(row->event, &fields[i], &values[count]))
            __builtin_prefetch(&sampler->seen[seen_at(values[count++].hash)]);
    for (uint32_t i = 0; i < count; i++)
        sample_value(sampler, &values[i]);
}

static void prefetch_line(struct slice bytes)
{
    for (size_t i = 0; i < bytes.len && i < PREFETCH_LINE_SIZE; i += 64)
        __builtin_prefetch(bytes.data + i);
}

static void sample_rows(struct field_sampler *sampler, const struct segment_content *content)
{
    uint64_t stride = content->row_count / SAMPLE_ROWS + 1;
    size_t pairs = (size_t)FIELDS_TRACKED * content->format_count;

    for (uint64_t row = 0; row < content->row_count; row += stride) {
        uint64_t left = content->row_count - row;
        const struct segment_row *at = &content->rows[row];

        if (left > 4 * stride)
            __builtin_prefetch(at[4 * stride].event);
        if (left > 2 * stride)
            prefetch_line(at[2 * stride].event->bytes);
        sample_row(sampler, content, at);
    }
    for (size_t pair = 0; pair < pairs; pair++)
        sampler->whole[pair] = sampler->total[pair] >= WHOLE_SAMPLES_MIN &&
                               sampler->distinct[pair] * WHOLE_REPEAT_MIN <= sampler->total[pair];
}

static bool reserve_values(struct shaped_rows *rows, size_t extra)
{
    size_t capacity = rows->value_capacity;
    uint64_t *grown;

    if (rows->value_count + extra <= capacity)
        return true;
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
        *out++ = COMPUTED_REF | shape->fields[i].source;
        *out++ = text_hash(text.data, text.len);
    }
    rows->value_count = (size_t)(out - rows->values);
}

enum {
    WINDOW_ROWS = 16384,
    KNOWN_LISTS = 1024,
    PREFETCH_EVENT = 32, /* rows ahead */
    PREFETCH_ROW = 16,
    PREFETCH_LINE = 8,
};

/* What reading takes of a row: a copy, so that all of a window stand together. */
struct window_row {
    const char *data;
    int64_t time_ns;
    uint64_t packed;
    uint32_t len; /* UINT32_MAX: too long to be foreseen */
    uint16_t format, field_count;
};
static_assert(EVENT_FIELDS_MAX <= UINT16_MAX, "a count of fields takes two bytes");
static_assert(WINDOW_ROWS <= UINT16_MAX + 1, "an index takes two bytes");

/* A list of fields as the rows number it, and as the tree does. */
struct known_list {
    uint64_t list;
    uint32_t format; /* UINT32_MAX: none yet */
    uint32_t number;
};

/* What it takes to read one row after the other.
 *
 * Rows are read window by window, and inside a window source by source: the rows of a source were
 * written one after the other, look alike, and take the same paths through the tree. In order of time
 * they lie anywhere in memory, and the processor foresees neither what is read next nor where a line
 * branches off: that cost a fifth of the time of this pass. */
struct shape_reader {
    struct line_shape shape;
    struct shape_tree tree;
    struct known_list known[KNOWN_LISTS]; /* by hash: those that were met last */
    struct event_field room[EVENT_FIELDS_MAX];
    uint32_t *next;                        /* by source: the place of its next row in `order` */
    uint64_t first;                        /* row of the window */
    struct window_row window[WINDOW_ROWS]; /* its rows in their order */
    uint32_t source[WINDOW_ROWS];
    uint16_t order[WINDOW_ROWS];           /* by source: indexes in `window` */
};

/* The event of a row of the window with its fields in the open. */
static struct event open_event(const struct shaped_rows *rows, struct shape_reader *reader,
                               uint32_t index)
{
    const struct segment_row *row = &rows->content->rows[reader->first + index];
    struct event event = *row->event;

    event.fields = segment_row_fields(rows->content, row, reader->room);
    return event;
}

/* The number of the row's list of fields; where they are is in tree.spans then. */
static uint32_t take_list(const struct shaped_rows *rows, struct shape_reader *reader, uint32_t index)
{
    const struct segment_content *content = rows->content;
    const struct window_row *row = &reader->window[index];
    struct known_list *known;
    struct event event;
    uint64_t list;

    if (row->field_count > SHAPE_FIELDS_MAX)
        return FIELD_LIST_NONE;
    if (content->spans == NULL) {
        event = open_event(rows, reader, index);
        shape_tree_set_spans(&reader->tree, &event);
        return shape_tree_list(&reader->tree, &event);
    }
    list = content->spans(content->fields_user, &(struct segment_row){.packed = row->packed},
                          &reader->tree.spans);
    known = &reader->known[text_hash_fold(list ^ row->format, 0x9e3779b97f4a7c15u) % KNOWN_LISTS];
    if (known->list != list || known->format != row->format) {
        event = open_event(rows, reader, index);
        *known = (struct known_list){list, row->format, shape_tree_list(&reader->tree, &event)};
    }
    return known->number;
}

/* A row that the tree does not know, the long way; then the tree knows its template. */
static uint32_t read_unforeseen(struct shaped_rows *rows, struct shape_reader *reader, uint32_t index,
                                const struct field_sampler *sampler)
{
    struct event event = open_event(rows, reader, index);
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

/* Row `index` of the window. */
static bool read_row(struct shaped_rows *rows, struct shape_reader *reader,
                     const struct field_sampler *sampler, uint32_t index)
{
    const struct window_row *row = &reader->window[index];
    struct shape_line line = {.bytes = {row->data, row->len}, .time_ns = row->time_ns};
    uint32_t value_count, number;

    if (!reserve_values(rows, ROW_WORDS_MAX))
        return false;
    rows->first_value[reader->first + index] = rows->value_count;
    line.list = take_list(rows, reader, index);
    number = shape_tree_match(&reader->tree, &line, rows->values + rows->value_count, &value_count);
    if (number != TEMPLATE_NONE)
        rows->value_count += value_count;
    else
        number = read_unforeseen(rows, reader, index, sampler);
    rows->templates[reader->first + index] = number;
    return true;
}

/* The rows of a window, and how many each source has of them. */
static void fill_window(struct shape_reader *reader, struct shaped_rows *rows, uint32_t count)
{
    const struct segment_row *from = rows->content->rows + reader->first;
    const char **bytes = rows->bytes + reader->first;

    memset(reader->next, 0, rows->content->source_count * sizeof(*reader->next));
    for (uint32_t i = 0; i < count; i++) {
        const struct event *event = from[i].event;

        if (i + PREFETCH_EVENT < count)
            __builtin_prefetch(from[i + PREFETCH_EVENT].event);
        reader->window[i] = (struct window_row){
            .data = event->bytes.data,
            .time_ns = event->time_ns,
            .packed = from[i].packed,
            .len = event->bytes.len < UINT32_MAX ? (uint32_t)event->bytes.len : UINT32_MAX,
            .format = event->format,
            .field_count = (uint16_t)event->field_count};
        bytes[i] = event->bytes.data;
        reader->source[i] = event->source;
        reader->next[event->source]++;
    }
}

/* Their indexes by source, each source's in their order. */
static void order_window(struct shape_reader *reader, uint32_t source_count, uint32_t count)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < source_count; i++) {
        uint32_t next = sum;

        sum += reader->next[i];
        reader->next[i] = next;
    }
    for (uint32_t i = 0; i < count; i++)
        reader->order[reader->next[reader->source[i]]++] = (uint16_t)i;
}

/* The window from row reader->first on. */
static bool read_window(struct shaped_rows *rows, struct shape_reader *reader,
                        const struct field_sampler *sampler, uint32_t count)
{
    const uint16_t *order = reader->order;

    fill_window(reader, rows, count);
    order_window(reader, rows->content->source_count, count);
    for (uint32_t i = 0; i < count; i++) {
        if (i + PREFETCH_ROW < count)
            __builtin_prefetch(&reader->window[order[i + PREFETCH_ROW]]);
        if (i + PREFETCH_LINE < count) {
            const struct window_row *row = &reader->window[order[i + PREFETCH_LINE]];

            prefetch_line((struct slice){row->data, row->len});
        }
        if (!read_row(rows, reader, sampler, order[i]))
            return false;
    }
    return true;
}

/* Number the templates as they come in the order of the rows: what is written does not depend on the
 * order of reading. */
static bool number_templates(struct shaped_rows *rows)
{
    uint32_t *numbers = malloc(((size_t)rows->table.count + 1) * sizeof(*numbers)), count = 0;
    bool fine;

    if (numbers == NULL)
        return false;
    memset(numbers, 0xff, rows->table.count * sizeof(*numbers));
    for (uint64_t row = 0; row < rows->content->row_count; row++) {
        uint32_t template = rows->templates[row];

        if (template == TEMPLATE_NONE)
            continue;
        if (numbers[template] == TEMPLATE_NONE)
            numbers[template] = count++;
        rows->templates[row] = numbers[template];
    }
    fine = template_table_renumber(&rows->table, numbers);
    free(numbers);
    return fine;
}

static bool read_shapes(struct shaped_rows *rows, const struct field_sampler *sampler)
{
    const struct segment_content *content = rows->content;
    struct shape_reader *reader = malloc(sizeof(*reader));
    bool fine;

    if (reader == NULL)
        return false;
    memset(reader->known, 0xff, sizeof(reader->known));
    reader->next = calloc((size_t)content->source_count + 1, sizeof(*reader->next));
    fine = shape_tree_init(&reader->tree, &rows->table) &&
           reader->next != NULL;
    for (reader->first = 0; reader->first < content->row_count && fine;
         reader->first += WINDOW_ROWS) {
        uint64_t left = content->row_count - reader->first;

        fine = read_window(rows, reader, sampler, left < WINDOW_ROWS ? (uint32_t)left : WINDOW_ROWS);
    }
    shape_tree_release(&reader->tree);
    free(reader->next);
    free(reader);
    return fine && number_templates(rows);
}

static uint32_t family_of(const struct shaped_rows *rows, uint64_t row)
{
    uint32_t template = rows->templates[row];
    uint32_t family = template == TEMPLATE_NONE ? FAMILY_NONE : rows->set.members[template].family;

    return family == FAMILY_NONE ? rows->set.family_count : family;
}

/* Counting sort by family; rows keep their order inside each. */
static bool order_rows(struct shaped_rows *rows)
{
    uint64_t row_count = rows->content->row_count, sum = 0;
    uint32_t groups = rows->set.family_count + 1;
    uint64_t *at;

    rows->order = spare_take((row_count + 1) * sizeof(*rows->order));
    rows->family_start = calloc(groups + 1, sizeof(*rows->family_start));
    at = calloc(groups, sizeof(*at));
    if (rows->order == NULL || rows->family_start == NULL || at == NULL) {
        free(at);
        return false;
    }
    for (uint64_t row = 0; row < row_count; row++)
        at[family_of(rows, row)]++;
    for (uint32_t group = 0; group < groups; group++) {
        uint64_t count = at[group];

        rows->family_start[group] = at[group] = sum;
        sum += count;
    }
    rows->family_start[groups] = sum;
    for (uint64_t row = 0; row < row_count; row++)
        rows->order[at[family_of(rows, row)]++] = (uint32_t)row;
    free(at);
    return true;
}

static bool make(struct shaped_rows *rows, bool plain)
{
    uint64_t count = rows->content->row_count;
    struct field_sampler sampler;
    bool fine;

    rows->templates = spare_take((count + 1) * sizeof(*rows->templates));
    rows->first_value = spare_take((count + 1) * sizeof(*rows->first_value));
    rows->bytes = spare_take((count + 1) * sizeof(*rows->bytes));
    if (rows->templates == NULL || rows->first_value == NULL || rows->bytes == NULL)
        return false;
    if (plain) {
        for (uint64_t row = 0; row < count; row++)
            rows->bytes[row] = rows->content->rows[row].event->bytes.data;
        memset(rows->first_value, 0, count * sizeof(*rows->first_value));
        memset(rows->templates, 0xff, count * sizeof(*rows->templates));
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
    if (content->row_count > UINT32_MAX / 2)
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
    spare_give(rows->templates);
    spare_give(rows->first_value);
    spare_give(rows->values);
    spare_give(rows->bytes);
    spare_give(rows->order);
    free(rows->family_start);
    *rows = (struct shaped_rows){0};
}
