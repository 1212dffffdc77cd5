/* store/segment_block_fields.c -- columns of the fields of events.
 *
 * A field of a family is a slot, a run of gaps and slots, or a computed text. Where all sections of
 * the block keep it as codes, the column is a dictionary; where its type is a number and the slot a
 * number, it is read without going through text. */
#include "store/segment_block.h"

#include "store/column_build.h"
#include "store/field_number.h"
#include "store/segment_few.h"
#include "store/segment_fields.h"

static enum status no_memory(struct error *err)
{
    return error_set(err, STATUS_NO_MEMORY, "the columns of a block need too much memory");
}

/* Where a field is in one section. */
struct place {
    bool found;
    uint32_t index;  /* in the family's fields */
    uint32_t column; /* UINT32_MAX: a run, or different from template to template */
    uint8_t type, unit;
    struct field_number number; /* of a run: how its slots make a number, if they do */
};

static bool look_for_one_slot(const struct segment *segment, const struct segment_family *family,
                              uint32_t index)
{
    const struct segment_field *field = &family->fields[index];
    uint32_t gap = field->begin_gap;

    if (field->end_gap != gap + 1u)
        return false;
    for (uint32_t i = 0; i < family->template_count; i++) {
        const struct segment_template *template = &segment->templates[family->first_template + i];
        uint32_t len = template->gap_ends[gap] - (gap > 0 ? template->gap_ends[gap - 1] : 0);

        const uint32_t *offsets = template->field_offsets + (size_t)2 * index;

        if (offsets[0] != len || offsets[1] != 0)
            return false;
    }
    return true;
}

/* Is the field exactly one slot in every template of the family? Threads that ask at once find the
 * same. */
static bool is_one_slot(const struct segment *segment, const struct segment_family *family,
                        uint32_t index)
{
    atomic_uchar *known = &family->fields[index].one_slot;
    unsigned char answer = atomic_load_explicit(known, memory_order_relaxed);

    if (answer == ONE_SLOT_UNKNOWN) {
        answer = look_for_one_slot(segment, family, index) ? ONE_SLOT_YES : ONE_SLOT_NO;
        atomic_store_explicit(known, answer, memory_order_relaxed);
    }
    return answer == ONE_SLOT_YES;
}

/* A duration that is more than a slot, but not more than numbers. */
static struct field_number number_of_run(const struct segment *segment,
                                         const struct segment_family *family, uint32_t index)
{
    const struct segment_field *field = &family->fields[index];
    struct field_number number =
        field_number_begin(field->begin_gap, field->end_gap, field->type, field->unit);
    struct number_slot slots[FIELD_NUMBER_SLOTS_MAX];

    for (uint32_t i = 0; i < family->template_count && number.form != FIELD_NUMBER_NONE; i++) {
        const struct segment_template *template = &segment->templates[family->first_template + i];
        const uint32_t *offsets = template->field_offsets + (size_t)2 * index;
        const struct field_cut cut = {template->literals, template->gap_ends, offsets[0],
                                      offsets[1]};

        field_number_join(&number, &cut);
    }
    for (uint32_t i = 0; i < number.slot_count && number.form != FIELD_NUMBER_NONE; i++) {
        const struct segment_column *column = &family->columns[field->begin_gap + i];
        static const int64_t some;
        bool fits = (column->class == CLASS_NUMBERS || column->class == CLASS_DECIMALS) &&
                    field_number_takes(&number, column->kind);

        slots[i] = (struct number_slot){fits ? &some : NULL,
                                        column->class == CLASS_DECIMALS ? &some : NULL};
    }
    if (!field_number_fits(&number, slots))
        number.form = FIELD_NUMBER_NONE;
    return number;
}

static struct place find_place(const struct segment *segment, const struct segment_family *family,
                               field_id field)
{
    struct place place = {.column = UINT32_MAX};
    uint16_t first = UINT16_MAX;

    for (uint32_t i = 0; i < family->field_count; i++) {
        const struct segment_field *candidate = &family->fields[i];

        if (candidate->field != field || candidate->place >= first)
            continue;
        first = candidate->place;
        place = (struct place){.found = true,
                               .index = i,
                               .column = UINT32_MAX,
                               .type = candidate->type,
                               .unit = candidate->unit};
    }
    if (!place.found)
        return place;
    if (family->fields[place.index].computed || is_one_slot(segment, family, place.index))
        place.column = family->fields[place.index].begin_gap;
    else
        place.number = number_of_run(segment, family, place.index);
    return place;
}

uint32_t segment_dict_column(const struct segment *segment, const struct segment_family *family,
                             field_id field)
{
    struct place place = find_place(segment, family, field);

    if (family->as_text || place.column == UINT32_MAX || place.type != FIELD_TEXT ||
        family->columns[place.column].class != CLASS_CODES)
        return UINT32_MAX;
    return place.column;
}

bool segment_field_slot(const struct segment *segment, const struct segment_family *family,
                        field_id field, struct field_slot *out)
{
    struct place place = find_place(segment, family, field);

    *out = (struct field_slot){place.column, place.type, place.unit};
    return place.found && place.column != UINT32_MAX;
}

/* What is being put together. */
struct making {
    struct segment_block *block;
    field_id field;
    const struct place *places; /* per section */
    struct error *err;
};

/* ---- dictionaries ---- */

static bool all_codes(const struct making *making)
{
    for (uint32_t k = 0; k < making->block->entry->section_count; k++) {
        const struct segment_family *family = segment_family_of(making->block, k);
        const struct place *place = &making->places[k];

        if (family->as_text ||
            (place->found && (place->column == UINT32_MAX ||
                              family->columns[place->column].class != CLASS_CODES)))
            return false;
    }
    return true;
}

/* A dictionary of its own for each section, one behind the other. */
struct dict_making {
    uint32_t *codes; /* of the block's rows */
    struct slice *dict;
    uint32_t count;
};

/* Strings of the section that the column will have at most. */
static uint32_t dict_room(const struct making *making, uint32_t section)
{
    const struct segment_family *family = segment_family_of(making->block, section);

    return making->places[section].found
               ? family->columns[making->places[section].column].dict_count
               : 0;
}

/* Of a few selected rows only their own strings; the other rows have none. */
static enum status add_few_codes(const struct making *making, uint32_t section,
                                 struct segment_few *few, struct dict_making *out)
{
    const struct segment_section *entry = &making->block->entry->sections[section];
    const struct segment_values *values;
    enum status status;

    memset(out->codes + entry->first_row, 0xff, entry->row_count * sizeof(*out->codes));
    if (few->count == 0)
        return STATUS_OK;
    status = segment_few_values(making->block, section, few, making->places[section].column,
                                &values, making->err);
    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < few->count; i++) {
        out->dict[out->count] = values->dict[values->codes[i]];
        out->codes[entry->first_row + few->rows[i]] = out->count++;
    }
    return STATUS_OK;
}

static enum status add_codes(const struct making *making, uint32_t section,
                             struct dict_making *out)
{
    struct segment_block *block = making->block;
    const struct segment_section *entry = &block->entry->sections[section];
    uint32_t count = dict_room(making, section);
    const struct segment_values *values;
    struct segment_few *few = NULL;
    enum status status = segment_few_get(block, section, &few, making->err);

    if (status == STATUS_OK && few != NULL && few->count <= count)
        return add_few_codes(making, section, few, out);
    if (status == STATUS_OK)
        status = segment_block_printable(block, section, making->places[section].column, &values,
                                         making->err);
    if (status != STATUS_OK)
        return status;
    memcpy(out->dict + out->count, values->dict, count * sizeof(*out->dict));
    for (uint32_t i = 0; i < entry->row_count; i++)
        out->codes[entry->first_row + i] = out->count + values->codes[i];
    out->count += count;
    return STATUS_OK;
}

static enum status dict_column(const struct making *making, unsigned type, struct column *out)
{
    struct segment_block *block = making->block;
    struct dict_making made = {
        .codes = arena_take(&block->base.arena, sizeof(*made.codes), _Alignof(uint32_t),
                            (size_t)block->base.row_count + 1)};
    uint32_t room = 0;
    enum status status = STATUS_OK;

    for (uint32_t k = 0; k < block->entry->section_count; k++)
        room += dict_room(making, k);
    made.dict = arena_take(&block->base.arena, sizeof(*made.dict), _Alignof(struct slice),
                           (size_t)room + 1);
    if (made.codes == NULL || made.dict == NULL)
        return no_memory(making->err);
    for (uint32_t k = 0; k < block->entry->section_count && status == STATUS_OK; k++) {
        const struct segment_section *section = &block->entry->sections[k];

        if (making->places[k].found)
            status = add_codes(making, k, &made);
        else
            memset(made.codes + section->first_row, 0xff,
                   section->row_count * sizeof(*made.codes));
    }
    *out = (struct column){.kind = COLUMN_DICT,
                           .type = (enum field_type)type,
                           .codes = made.codes,
                           .dict = made.dict,
                           .dict_count = made.count};
    return status;
}

/* ---- texts ---- */

/* Texts of a run, written into one buffer of the arena per section. */
static enum status add_runs(const struct making *making, uint32_t section,
                            struct field_values *values)
{
    struct segment_block *block = making->block;
    const struct segment_section *entry = &block->entry->sections[section];
    const struct place *place = &making->places[section];
    struct buf text = buf_empty(BLOCK_ARENA_SIZE_MAX);
    struct segment_lines lines;
    enum status status = segment_lines_open(block, section, &lines, making->err);

    for (uint32_t i = 0; i < entry->row_count && status == STATUS_OK; i++) {
        uint32_t row = entry->first_row + i;
        struct slice copy = SLICE_LITERAL("");
        struct line_part part;

        if (!bit_get(block->base.selected, row))
            continue;
        part = segment_lines_field(&lines, row, place->index);
        buf_reset(&text);
        if (!segment_lines_append(&lines, row, &part, &text))
            status = no_memory(making->err);
        if (status == STATUS_OK && text.len > 0)
            copy = arena_copy(&block->base.arena, buf_slice(&text));
        if (copy.data == NULL)
            status = no_memory(making->err);
        field_values_set(values, row, copy, place->type, place->unit);
    }
    buf_release(&text);
    return status;
}

static enum status add_slots(const struct making *making, uint32_t section,
                             struct field_values *out)
{
    struct segment_block *block = making->block;
    const struct segment_section *entry = &block->entry->sections[section];
    const struct place *place = &making->places[section];
    const struct segment_column *column =
        &segment_family_of(block, section)->columns[place->column];
    const struct segment_values *values;
    enum status status =
        segment_block_printable(block, section, place->column, &values, making->err);

    for (uint32_t i = 0; i < entry->row_count && status == STATUS_OK; i++) {
        char scratch[SLOT_WRITE_MAX];
        struct slice text;

        if (!bit_get(block->base.selected, entry->first_row + i))
            continue;
        text = segment_value_text(block, column, values, i, scratch);
        if (text.data == scratch) {
            text = arena_copy(&block->base.arena, text);
            if (text.data == NULL)
                return no_memory(making->err);
        }
        field_values_set(out, entry->first_row + i, text, place->type, place->unit);
    }
    return status;
}

/* Rows kept as text: the first field of that name in the event. */
static enum status add_blobs(const struct making *making, uint32_t section,
                             struct field_values *out)
{
    struct segment_block *block = making->block;
    const struct segment *segment = block->segment;
    const struct segment_section *entry = &block->entry->sections[section];
    const struct segment_values *lines, *blobs;
    uint32_t blob_column = segment_family_of(block, section)->slot_count;
    enum status status = segment_block_values(block, section, 0, &lines, making->err);

    if (status == STATUS_OK)
        status = segment_block_values(block, section, blob_column, &blobs, making->err);
    for (uint32_t i = 0; i < entry->row_count && status == STATUS_OK; i++) {
        struct slice rest = blobs->texts[i];
        struct event_field field;

        while (rest.len > 0) {
            if (!segment_field_take(&rest, lines->texts[i].len, segment->field_count, &field))
                return segment_corrupt(segment, "fields of a line", making->err);
            if (segment->fields[field.field] != making->field)
                continue;
            field_values_set(out, entry->first_row + i,
                             field.text.data != NULL
                                 ? field.text
                                 : slice_sub(lines->texts[i], field.start, field.len),
                             field.type, field.unit);
        }
    }
    return status;
}

static enum status text_column(const struct making *making, bool as_text, struct column *out)
{
    struct segment_block *block = making->block;
    struct field_values values;
    enum status status =
        field_values_init(&values, &block->base.arena, block->base.row_count, making->err);

    for (uint32_t k = 0; k < block->entry->section_count && status == STATUS_OK; k++) {
        if (segment_family_of(block, k)->as_text)
            status = add_blobs(making, k, &values);
        else if (making->places[k].found)
            status = making->places[k].column == UINT32_MAX ? add_runs(making, k, &values)
                                                            : add_slots(making, k, &values);
    }
    return status == STATUS_OK
               ? column_of_values(&block->base.arena, &values, as_text, out, making->err)
               : status;
}

/* ---- numbers ---- */

struct numbers {
    int64_t *ints;
    double *floats;
    uint64_t *present;
    bool fraction;
};

static void put_value(struct numbers *out, uint32_t row, const struct value *value)
{
    bit_set(out->present, row);
    out->ints[row] = value->whole;
    out->floats[row] = value->fraction;
    out->fraction = out->fraction || value->is_float;
}

/* Rows of a section of which not all may have a value. */
static void clear_numbers(const struct segment_section *section, struct numbers *out)
{
    memset(out->ints + section->first_row, 0, section->row_count * sizeof(*out->ints));
    memset(out->floats + section->first_row, 0, section->row_count * sizeof(*out->floats));
}

/* Rows [first, first + count) are all there. */
static void set_range(uint64_t *bits, uint32_t first, uint32_t count)
{
    for (; count > 0 && first % 64 != 0; first++, count--)
        bit_set(bits, first);
    for (; count >= 64; first += 64, count -= 64)
        bits[first / 64] = UINT64_MAX;
    for (; count > 0; first++, count--)
        bit_set(bits, first);
}

/* The same for a whole section of plain numbers; false: one of them needs more care. */
static bool add_plain(const struct place *place, const struct segment_values *values, bool is_int,
                      uint32_t first, uint32_t count, struct numbers *out)
{
    bool whole = place->type == FIELD_DURATION || place->type == FIELD_BYTES;
    int64_t scale = whole ? unit_scale(place->unit) : 1;
    bool fine = whole || is_int;

    for (uint32_t i = 0; i < count && fine; i++) {
        struct value value;

        if (is_int) {
            fine = !__builtin_mul_overflow(values->numbers[i], scale, &out->ints[first + i]);
        } else {
            fine = slot_decimal_value(values->numbers[i], values->scales[i], place->type,
                                        place->unit, &value);
            out->ints[first + i] = fine ? value.whole : 0;
        }
        out->floats[first + i] = (double)out->ints[first + i];
    }
    if (fine)
        set_range(out->present, first, count);
    return fine;
}

static enum status add_numbers(const struct making *making, uint32_t section, struct numbers *out)
{
    struct segment_block *block = making->block;
    const struct segment_section *entry = &block->entry->sections[section];
    const struct place *place = &making->places[section];
    const struct segment_column *column =
        &segment_family_of(block, section)->columns[place->column];
    bool is_int = column->kind.type == SLOT_INT, is_decimal = column->class == CLASS_DECIMALS;
    const struct segment_values *values;
    enum status status =
        segment_block_printable(block, section, place->column, &values, making->err);

    if (status == STATUS_OK && (is_int || is_decimal) &&
        add_plain(place, values, is_int, entry->first_row, entry->row_count, out))
        return STATUS_OK;
    clear_numbers(entry, out);
    for (uint32_t i = 0; i < entry->row_count && status == STATUS_OK; i++) {
        char scratch[SLOT_WRITE_MAX];
        struct value value;
        bool fine = (is_int && slot_int_value(values->numbers[i], place->type, place->unit,
                                              &value)) ||
                    (is_decimal &&
                     slot_decimal_value(values->numbers[i], values->scales[i], place->type,
                                        place->unit, &value)) ||
                    value_of_text(segment_value_text(block, column, values, i, scratch),
                                  place->type, place->unit, &value);

        if (fine)
            put_value(out, entry->first_row + i, &value);
    }
    return status;
}

/* A run whose slots make a number; texts only where they do not. */
static enum status add_run_numbers(const struct making *making, uint32_t section,
                                   struct numbers *out)
{
    struct segment_block *block = making->block;
    const struct segment_section *entry = &block->entry->sections[section];
    const struct place *place = &making->places[section];
    struct number_slot slots[FIELD_NUMBER_SLOTS_MAX];
    struct buf text = buf_empty(BLOCK_ARENA_SIZE_MAX);
    enum status status = STATUS_OK;
    bool loaded = false;

    clear_numbers(entry, out);
    for (uint32_t i = 0; i < place->number.slot_count && status == STATUS_OK; i++) {
        const struct segment_values *values;

        status = segment_block_values(block, section, place->number.first_slot + i, &values,
                                      making->err);
        if (status == STATUS_OK)
            slots[i] = (struct number_slot){values->numbers, values->scales};
    }
    for (uint32_t i = 0; i < entry->row_count && status == STATUS_OK; i++) {
        uint32_t row = entry->first_row + i;
        struct line_part part;
        struct value value = {0};

        if (field_number_whole(&place->number, slots, i, &value.whole)) {
            value.fraction = (double)value.whole;
            put_value(out, row, &value);
            continue;
        }
        if (!loaded)
            status = segment_block_load(block, section, making->err);
        loaded = true;
        if (status != STATUS_OK)
            break;
        part = segment_field_part(block, section, block->templates[row], place->index);
        buf_reset(&text);
        if (!segment_append_part(block, section, row, &part, &text))
            status = no_memory(making->err);
        if (status == STATUS_OK &&
            value_of_text(buf_slice(&text), place->type, place->unit, &value))
            put_value(out, row, &value);
    }
    buf_release(&text);
    return status;
}

/* Each value of a dictionary is read once. */
static enum status add_dict_numbers(const struct making *making, uint32_t section,
                                    struct numbers *out)
{
    struct segment_block *block = making->block;
    const struct segment_section *entry = &block->entry->sections[section];
    const struct place *place = &making->places[section];
    uint32_t count = segment_family_of(block, section)->columns[place->column].dict_count;
    struct value *of_code = arena_new(&block->base.arena, struct value, (size_t)count + 1);
    bool *is_number = arena_new(&block->base.arena, bool, (size_t)count + 1);
    const struct segment_values *values;
    enum status status =
        segment_block_printable(block, section, place->column, &values, making->err);

    if (status == STATUS_OK && (of_code == NULL || is_number == NULL))
        status = no_memory(making->err);
    clear_numbers(entry, out);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
        is_number[i] = value_of_text(values->dict[i], place->type, place->unit, &of_code[i]);
    for (uint32_t i = 0; i < entry->row_count && status == STATUS_OK; i++)
        if (is_number[values->codes[i]])
            put_value(out, entry->first_row + i, &of_code[values->codes[i]]);
    return status;
}

/* Can every section be read without texts of runs or blobs? */
static bool all_slots(const struct making *making)
{
    for (uint32_t k = 0; k < making->block->entry->section_count; k++)
        if (segment_family_of(making->block, k)->as_text ||
            (making->places[k].found && making->places[k].column == UINT32_MAX &&
             making->places[k].number.form == FIELD_NUMBER_NONE))
            return false;
    return true;
}

static enum status number_column(const struct making *making, unsigned type, struct column *out)
{
    struct segment_block *block = making->block;
    uint32_t count = block->base.row_count;
    struct numbers numbers = {
        .ints = arena_take(&block->base.arena, sizeof(int64_t), _Alignof(int64_t), count + 1u),
        .floats = arena_take(&block->base.arena, sizeof(double), _Alignof(double), count + 1u),
        .present = arena_new(&block->base.arena, uint64_t, bit_words(count) + 1),
        .fraction = type == FIELD_FLOAT};
    enum status status = STATUS_OK;

    if (numbers.ints == NULL || numbers.floats == NULL || numbers.present == NULL)
        return no_memory(making->err);
    for (uint32_t k = 0; k < block->entry->section_count && status == STATUS_OK; k++) {
        const struct place *place = &making->places[k];

        if (!place->found)
            clear_numbers(&block->entry->sections[k], &numbers);
        else if (place->column == UINT32_MAX)
            status = add_run_numbers(making, k, &numbers);
        else
            status = segment_family_of(block, k)->columns[place->column].class == CLASS_CODES
                         ? add_dict_numbers(making, k, &numbers)
                         : add_numbers(making, k, &numbers);
    }
    *out = (struct column){
        .kind = numbers.fraction ? COLUMN_FLOAT : COLUMN_INT,
        .type = (enum field_type)type,
        .present = bits_count(numbers.present, count) == count ? NULL : numbers.present,
        .ints = numbers.fraction ? NULL : numbers.ints,
        .floats = numbers.fraction ? numbers.floats : NULL};
    return status;
}

/* The type that stands for all rows: the first numeric one, else that of the first section. */
static bool common_type(const struct making *making, unsigned *type)
{
    bool any = false;

    *type = FIELD_TEXT;
    for (uint32_t k = 0; k < making->block->entry->section_count; k++) {
        if (!making->places[k].found)
            continue;
        if (!any || field_type_is_number(making->places[k].type))
            *type = making->places[k].type;
        any = true;
        if (field_type_is_number(*type))
            break;
    }
    return any;
}

enum status segment_field_column(struct segment_block *block, field_id field, bool as_text,
                                struct column *out, struct error *err)
{
    uint32_t sections = block->entry->section_count;
    struct place *places = arena_new(&block->base.arena, struct place, (size_t)sections + 1);
    struct making making = {block, field, places, err};
    bool texts = false, found;
    unsigned type;

    if (places == NULL)
        return no_memory(err);
    for (uint32_t k = 0; k < sections; k++) {
        places[k] = find_place(block->segment, segment_family_of(block, k), field);
        texts = texts || segment_family_of(block, k)->as_text;
    }
    found = common_type(&making, &type);
    *out = (struct column){.kind = COLUMN_MISSING};
    if (!found && !texts)
        return STATUS_OK;
    if (!as_text && field_type_is_number(type) && all_slots(&making))
        return number_column(&making, type, out);
    if ((as_text || !field_type_is_number(type)) && all_codes(&making))
        return dict_column(&making, type, out);
    return text_column(&making, as_text, out);
}
