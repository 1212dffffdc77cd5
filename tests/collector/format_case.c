/* tests/collector/format_case.c -- run one case and show what differs. */
#include "format_case.h"

#include "base/time_stamp.h"
#include "store/field_order.h"

#include <stdio.h>
#include <stdlib.h>

enum { OTHER_NAMES_MAX = 512, CASE_TEXT_SIZE = 4096 };

static char *other_names[OTHER_NAMES_MAX];
static field_id other_count;

static field_id get_name(void *user, struct slice name)
{
    (void)user;
    for (field_id i = 0; i < FIELD_ID_WELL_KNOWN_COUNT; i++)
        if (slice_is(name, well_known_field_names[i]))
            return i;
    for (field_id i = 0; i < other_count; i++)
        if (slice_is(name, other_names[i]))
            return FIELD_ID_WELL_KNOWN_COUNT + i;
    if (other_count == OTHER_NAMES_MAX)
        return UINT32_MAX;
    other_names[other_count] = strndup(name.len > 0 ? name.data : "", name.len);
    return FIELD_ID_WELL_KNOWN_COUNT + other_count++;
}

const struct field_names *case_names(void)
{
    static const struct field_names names = {.get = get_name};

    return &names;
}

struct slice case_field_name(field_id field)
{
    return slice_of(field < FIELD_ID_WELL_KNOWN_COUNT
                        ? well_known_field_names[field]
                        : other_names[field - FIELD_ID_WELL_KNOWN_COUNT]);
}

const char *case_field_text(const struct event_field *field, struct slice event)
{
    static const char *const units[] = {
        [UNIT_NONE] = " own",       [UNIT_NANOSECONDS] = " ns", [UNIT_MICROSECONDS] = " us",
        [UNIT_MILLISECONDS] = " ms", [UNIT_SECONDS] = " s",      [UNIT_MINUTES] = " min",
        [UNIT_BYTES] = " B",
    };
    static char text[CASE_TEXT_SIZE];
    bool computed = field->text.data != NULL;
    struct slice value = computed ? field->text : slice_sub(event, field->start, field->len);
    struct slice name = case_field_name(field->field);
    bool has_unit = field->type == FIELD_DURATION || field->type == FIELD_BYTES;

    (void)snprintf(text, sizeof(text), "%s%.*s=%.*s%s", computed ? "~" : "", SLICE_ARG(name),
                   SLICE_ARG(value), has_unit ? units[field->unit] : "");
    return text;
}

/* As the collector adds them to an event. */
static void sort_fields(struct parsed_event *parsed)
{
    struct event_field sorted[PARSED_FIELDS_MAX];
    uint8_t places[PARSED_FIELDS_MAX];

    field_order_find(parsed->fields, parsed->field_count, places);
    for (uint32_t i = 0; i < parsed->field_count; i++)
        sorted[i] = parsed->fields[places[i]];
    memcpy(parsed->fields, sorted, parsed->field_count * sizeof(sorted[0]));
}

static void check_fields(const struct format_case *c, const struct parsed_event *parsed,
                         struct slice event)
{
    uint32_t expected = 0;

    while (expected < CASE_FIELDS_MAX && c->fields[expected] != NULL)
        expected++;
    for (uint32_t i = 0; i < parsed->field_count; i++) {
        const char *text = case_field_text(&parsed->fields[i], event);
        bool found = false;

        for (uint32_t j = 0; j < expected && !found; j++)
            found = strcmp(c->fields[j], text) == 0;
        if (!found)
            fail_msg("%s: not expected: %s", c->name, text);
    }
    for (uint32_t j = 0; j < expected; j++) {
        bool found = false;

        for (uint32_t i = 0; i < parsed->field_count && !found; i++)
            found = strcmp(c->fields[j], case_field_text(&parsed->fields[i], event)) == 0;
        if (!found)
            fail_msg("%s: missing: %s", c->name, c->fields[j]);
    }
    assert_int_equal(parsed->field_count, expected);
}

static void check_time(const struct format_case *c, const struct parsed_event *parsed)
{
    char text[STAMP_TEXT_SIZE];

    assert_int_equal(parsed->has_time, c->time != NULL);
    if (c->time == NULL)
        return;
    (void)stamp_print(parsed->time_ns, 6, text);
    assert_string_equal(text, c->time);
}

static void check_case(const struct format *format, const struct format_case *c,
                       const struct derive_rules *rules)
{
    struct slice event = slice_of(c->event);
    struct arena arena = arena_empty(1 << 20);
    struct url_scratch *scratch = url_scratch_new();
    struct parsed_event *parsed = malloc(sizeof(*parsed));
    struct error err = {0};
    const struct format *detected;
    field_id extra[EXTRA_COUNT];
    uint64_t state = 0;
    struct format_context context = {
        .settings = &c->settings,
        .names = case_names(),
        .extra = extra,
        .receive_ns = INT64_C(1775125000) * NS_PER_SECOND, /* 2026-04-02T10:16:40Z */
        .arena = &arena,
        .open_state = &state,
    };
    enum status status;

    print_message("  %s\n", c->name);
    assert_non_null(parsed);
    extra_fields_resolve(case_names(), extra);
    if (format->compile != NULL && format->compile(&c->settings, &arena, &context.compiled, &err) !=
                                       STATUS_OK)
        fail_msg("%s: %s", c->name, err.message);
    parsed_reset(parsed);
    status = format->parse(&context, event, parsed);
    assert_int_equal(status, c->refused ? STATUS_INVALID : STATUS_OK);
    if (!c->refused) {
        if (rules != NULL)
            derive_apply(rules, scratch, NULL, &context, event, parsed);
        sort_fields(parsed);
        check_fields(c, parsed, event);
        check_time(c, parsed);
        assert_int_equal(parsed->level, c->level);
        for (uint32_t j = 0; j < format_count; j++) {
            unsigned score = formats[j]->detect(event);

            assert_true(score == 0 || format_may_begin(formats[j], event));
            assert_true(score <= (formats[j]->score_max == 0 ? 100 : formats[j]->score_max));
        }
        detected = format_detect(slice_first(event, slice_find_byte(event, '\n')),
                                 c->settings.path, 50);
        if (!c->detected_as_other && detected != format)
            fail_msg("%s: detected as %s", c->name, detected == NULL ? "none" : detected->name);
    }
    free(parsed);
    url_scratch_free(scratch);
    arena_release(&arena);
}

void check_cases(const struct format *format, const struct format_case *cases, size_t count,
                 const struct derive_rules *rules)
{
    for (size_t i = 0; i < count; i++)
        check_case(format, &cases[i], rules);
}
