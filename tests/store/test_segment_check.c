/* tests/store/test_segment_check.c -- the check at seal has teeth: a file that is whole, but holds
 * other rows than it should, stops the commit.
 *
 * One segment is written from true rows. Then, fault by fault, one row is changed as an encoder with that
 * fault would change it, and the same rows are written again, with a disk that hands out the first file
 * when the second is read back. A disk that reads badly is found out, too, if not by one read. */
#include "tests/store/segment_rows.h"
#include "tests/support/sim_io.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { KINDS = 12, ROWS = 1200, CHANGED = 640 /* a row that is in the middle of everything */ };

static struct io_file_ops swapping_ops;
static int (*true_open)(struct io *io, const char *path, int flags);

static int open_first(struct io *io, const char *path, int flags)
{
    return true_open(io, flags == IO_READ && strcmp(path, "/second.seg") == 0 ? "/first.seg" : path,
                     flags);
}

/* Own bytes for the changed row, so that they may be changed. */
static char *own_bytes(struct segment_rows *rows, size_t room)
{
    struct event *event = &rows->events[CHANGED];
    char *bytes = arena_new(&rows->arena, char, event->bytes.len + room);

    assert_non_null(bytes);
    memcpy(bytes, event->bytes.data, event->bytes.len);
    event->bytes.data = bytes;
    return bytes;
}

static void change_nothing(struct segment_rows *rows)
{
    (void)own_bytes(rows, 0);
}

static void change_digit(struct segment_rows *rows)
{
    char *bytes = own_bytes(rows, 0);

    for (size_t i = rows->events[CHANGED].bytes.len; i-- > 0;)
        if (bytes[i] >= '1' && bytes[i] <= '9') {
            bytes[i]--;
            return;
        }
    fail_msg("no digit in the line");
}

static void change_letter(struct segment_rows *rows)
{
    char *bytes = own_bytes(rows, 0);

    for (size_t i = 0; i < rows->events[CHANGED].bytes.len; i++)
        if (bytes[i] >= 'a' && bytes[i] <= 'z') {
            bytes[i] ^= 0x20;
            return;
        }
    fail_msg("no letter in the line");
}

/* As if a number had lost its leading zero, or a text its first byte. */
static void lose_byte(struct segment_rows *rows)
{
    struct event *event = &rows->events[CHANGED];
    char *bytes = own_bytes(rows, 0);
    size_t at = event->bytes.len / 2;

    memmove(bytes + at, bytes + at + 1, event->bytes.len - at - 1);
    event->bytes.len--;
}

static void lose_last_byte(struct segment_rows *rows)
{
    rows->events[CHANGED].bytes.len--;
}

static void gain_byte(struct segment_rows *rows)
{
    own_bytes(rows, 1)[rows->events[CHANGED].bytes.len++] = ' ';
}

static void swap_lines(struct segment_rows *rows)
{
    struct event *event = &rows->events[CHANGED], *other = event + 1;
    struct slice bytes = event->bytes;

    assert_false(slice_equal(bytes, other->bytes));
    event->bytes = other->bytes;
    other->bytes = bytes;
    event->field_count = other->field_count = 0;
}

static void change_time(struct segment_rows *rows)
{
    rows->events[CHANGED].time_ns++;
}

static void change_order_time(struct segment_rows *rows)
{
    rows->rows[CHANGED].order_time_ns++;
}

static void change_sequence(struct segment_rows *rows)
{
    rows->rows[ROWS - 1].sequence++;
}

static void change_offset(struct segment_rows *rows)
{
    rows->events[CHANGED].offset++;
}

static void change_source(struct segment_rows *rows)
{
    rows->events[CHANGED].source = (rows->events[CHANGED].source + 1) % SEGMENT_SOURCES;
}

static void change_level(struct segment_rows *rows)
{
    rows->events[CHANGED].level ^= 1;
}

static void change_flags(struct segment_rows *rows)
{
    rows->events[CHANGED].flags ^= EVENT_TIME_GUESSED;
}

static void drop_row(struct segment_rows *rows)
{
    rows->content.row_count--;
}

/* Of all rows: only a sample of the fields is compared. */
static void change_fields(struct segment_rows *rows)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        struct event *event = &rows->events[i];
        struct event_field *fields =
            arena_new(&rows->arena, struct event_field, event->field_count + 1u);

        assert_non_null(fields);
        memcpy(fields, event->fields, event->field_count * sizeof(*fields));
        for (uint32_t k = 0; k < event->field_count; k++)
            if (fields[k].text.data == NULL && fields[k].len > 0)
                fields[k].len--;
        event->fields = fields;
    }
}

static void change_types_of(struct event *event)
{
    struct event_field *fields = (struct event_field *)(uintptr_t)event->fields;

    for (uint32_t k = 0; k < event->field_count; k++)
        fields[k].type = fields[k].type == FIELD_TEXT ? FIELD_INT : FIELD_TEXT;
}

static void change_types(struct segment_rows *rows)
{
    for (uint32_t i = 0; i < ROWS; i++)
        change_types_of(&rows->events[i]);
}

/* Rows of the other formats, which share the block, stay as they are. */
static void change_types_of_first(struct segment_rows *rows)
{
    for (uint32_t i = 0; i < ROWS; i++)
        if (rows->events[i].format == rows->events[0].format)
            change_types_of(&rows->events[i]);
}

static void change_types_of_last(struct segment_rows *rows)
{
    uint32_t last = ROWS - 1;

    while (last > 0 && rows->events[last].format == rows->events[0].format)
        last--;
    for (uint32_t i = 0; i < ROWS; i++)
        if (rows->events[i].format == rows->events[last].format)
            change_types_of(&rows->events[i]);
}

/* The line and the shape stay: nothing but the comparison of fields can find it. */
static void change_computed(struct segment_rows *rows)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        struct event_field *fields = (struct event_field *)(uintptr_t)rows->events[i].fields;

        for (uint32_t k = 0; k < rows->events[i].field_count; k++)
            if (fields[k].text.len > 0)
                fields[k].text = SLICE_LITERAL("group/two");
    }
}

static const struct fault {
    const char *name;
    void (*make)(struct segment_rows *rows);
    enum status status;
    bool with_faults; /* only among damaged lines, which have computed fields */
} faults[] = {
    {"none", change_nothing, STATUS_OK, false},
    {"another digit", change_digit, STATUS_CORRUPT, false},
    {"a letter in the other case", change_letter, STATUS_CORRUPT, false},
    {"a byte less", lose_byte, STATUS_CORRUPT, false},
    {"the last byte less", lose_last_byte, STATUS_CORRUPT, false},
    {"a byte more", gain_byte, STATUS_CORRUPT, false},
    {"two lines swapped", swap_lines, STATUS_CORRUPT, false},
    {"time", change_time, STATUS_CORRUPT, false},
    {"order time", change_order_time, STATUS_CORRUPT, false},
    {"sequence", change_sequence, STATUS_CORRUPT, false},
    {"offset", change_offset, STATUS_CORRUPT, false},
    {"source", change_source, STATUS_CORRUPT, false},
    {"level", change_level, STATUS_CORRUPT, false},
    {"flags", change_flags, STATUS_CORRUPT, false},
    {"a row less", drop_row, STATUS_CORRUPT, false},
    {"fields one byte shorter", change_fields, STATUS_CORRUPT, false},
    {"types of fields", change_types, STATUS_CORRUPT, false},
    {"types of fields of a format", change_types_of_first, STATUS_CORRUPT, false},
    {"types of fields of another format", change_types_of_last, STATUS_CORRUPT, false},
    {"computed fields", change_computed, STATUS_CORRUPT, true},
};

/* The file of the true rows, on a disk that hands it out for every other one. */
static struct io *write_first(struct sim_io *sim, const struct segment_rows_options *options)
{
    struct io *io = sim_io_table(sim);
    struct segment_rows rows;
    struct segment_summary summary;
    struct error err = {0};

    segment_rows_init(&rows, options);
    assert_int_equal(segment_write(io, "/first.seg", &rows.content, &summary, &err), STATUS_OK);
    segment_rows_release(&rows);
    true_open = io->file->open;
    swapping_ops = *io->file;
    swapping_ops.open = open_first;
    io->file = &swapping_ops;
    return io;
}

static void check_fault(struct io *io, const struct fault *fault,
                        const struct segment_rows_options *options)
{
    struct segment_rows rows;
    struct segment_summary summary;
    struct error err = {0};

    segment_rows_init(&rows, options);
    fault->make(&rows);
    assert_int_equal(segment_write(io, "/second.seg", &rows.content, &summary, &err),
                     fault->status);
    segment_rows_release(&rows);
}

static void check_faults(const struct segment_rows_options *options)
{
    struct sim_io *sim = sim_io_new(1);
    const struct io_file_ops *true_ops = sim_io_table(sim)->file;
    struct io *io = write_first(sim, options);

    for (size_t i = 0; i < COUNT_OF(faults); i++) {
        if (faults[i].with_faults && !options->faults)
            continue;
        print_message("  %s, seed %llu\n", faults[i].name, (unsigned long long)options->seed);
        check_fault(io, &faults[i], options);
    }
    io->file = true_ops;
    sim_io_free(sim);
}

static void test_faults(void **unused)
{
    static const struct segment_rows_options kinds[] = {
        {.seed = 1, .count = ROWS, .first_kind = 0, .kind_count = 1},
        {.seed = 1, .count = ROWS, .first_kind = 0, .kind_count = 2}, /* none is kept as text */
        {.seed = 2, .count = ROWS, .first_kind = 0, .kind_count = KINDS},
        {.seed = 3, .count = ROWS, .first_kind = 0, .kind_count = KINDS, .faults = true},
    };

    (void)unused;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        check_faults(&kinds[i]);
}

/* A disk that does not read well what lies behind the header, where the pages are. */
enum { BAD_BYTE = 1000 };

enum bad_reading { READS_WELL, READS_WRONG, READS_NOTHING };

static struct {
    enum bad_reading whole, pages; /* how the file is read at once, and in parts */
    uint32_t wholes, parts;        /* reads so far */
} reading;
static ssize_t (*true_read_at)(struct io *io, int fd, void *data, size_t len, uint64_t offset);

static ssize_t read_badly(struct io *io, int fd, void *data, size_t len, uint64_t offset)
{
    bool has_header = offset == 0, has_byte = offset <= BAD_BYTE && BAD_BYTE < offset + len;
    enum bad_reading how = has_header ? reading.whole : reading.pages;
    ssize_t got = true_read_at(io, fd, data, len, offset);

    if (!has_byte)
        return got;
    ++*(has_header ? &reading.wholes : &reading.parts);
    if (how == READS_WRONG)
        ((char *)data)[BAD_BYTE - offset] ^= 1;
    return how == READS_NOTHING ? -EIO : got;
}

static void test_reading(void **unused)
{
    static const struct reading_case {
        const char *name;
        enum bad_reading whole, pages;
        enum status status;
        uint32_t parts; /* 4: a page is read twice at most, and the rows are written twice */
    } cases[] = {
        {"at once", READS_WELL, READS_NOTHING, STATUS_OK, 0},
        {"wrong at once: the page is read again", READS_WRONG, READS_WELL, STATUS_OK, 1},
        {"not at once: by pages", READS_NOTHING, READS_WELL, STATUS_OK, 1},
        {"wrong in any case", READS_WRONG, READS_WRONG, STATUS_CORRUPT, 4},
        {"in no case", READS_NOTHING, READS_NOTHING, STATUS_CORRUPT, 4},
    };
    struct sim_io *sim = sim_io_new(1);
    struct io *io = sim_io_table(sim);
    struct io_file_ops reading_ops = *io->file;

    (void)unused;
    true_read_at = reading_ops.read_at;
    reading_ops.read_at = read_badly;
    io->file = &reading_ops;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct segment_rows rows;
        struct segment_summary summary;
        struct error err = {0};

        print_message("  %s\n", cases[i].name);
        reading.whole = cases[i].whole;
        reading.pages = cases[i].pages;
        reading.wholes = reading.parts = 0;
        segment_rows_init(&rows, &(struct segment_rows_options){
                                     .seed = 1, .count = ROWS, .kind_count = KINDS});
        assert_int_equal(segment_write(io, "/read.seg", &rows.content, &summary, &err),
                         cases[i].status);
        assert_int_equal(reading.wholes, cases[i].status == STATUS_OK ? 1 : 2);
        assert_int_equal(reading.parts, cases[i].parts);
        segment_rows_release(&rows);
    }
    sim_io_free(sim);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
