/* tests/fuzz/fuzz_formats.c -- any bytes as an event of any format: spans lie inside the event,
 * computed texts are bounded, derived fields too. Byte 0 chooses the format, byte 1 the settings.
 */
#include "collector/derive.h"
#include "collector/format.h"
#include "collector/formats/json_fields.h"
#include "collector/formats/scan.h"
#include "collector/fingerprint.h"
#include "collector/statement_shape.h"
#include "store/field_order.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes that one computed text may have beyond those of the event. */
enum { COMPUTED_SIZE_MAX = DERIVE_TEXT_SIZE_MAX };

static field_id get_name(void *user, struct slice name)
{
    (void)user;
    return FIELD_ID_WELL_KNOWN_COUNT + (field_id)(name.len % 64);
}

static const struct slice prefixes[] = {
    SLICE_INIT("%m [%p] %q%u@%d "), SLICE_INIT("%t %a:%i %-10c %e "), SLICE_INIT("<%n|%r|%h|%Q>")};
static const struct slice log_formats[] = {
    SLICE_INIT("$msec \"$request\" $status $upstream_response_time"),
    SLICE_INIT("%h %t \\\"%r\\\" %>s %b %{ms}T")};

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

static void check(const struct parsed_event *parsed, struct slice event)
{
    assert(parsed->field_count <= PARSED_FIELDS_MAX);
    assert(parsed->level < LEVEL_COUNT);
    for (uint32_t i = 0; i < parsed->field_count; i++) {
        const struct event_field *field = &parsed->fields[i];

        if (field->text.data != NULL) {
            volatile char last = field->text.data[field->text.len - 1]; /* readable */

            (void)last;
            assert(field->text.len <= event.len + COMPUTED_SIZE_MAX);
            continue;
        }
        assert(field->len > 0 && field->start <= event.len);
        assert(field->len <= event.len - field->start);
        assert(i == 0 || parsed->fields[i - 1].start <= field->start);
    }
}

static void ask_lines(const struct format *format, const struct format_context *context,
                      struct slice event)
{
    size_t at = 0;

    while (format->line_kind != NULL && at <= event.len) {
        struct slice line = slice_from(event, at);
        enum line_kind kind;

        line = slice_first(line, slice_find_byte(line, '\n'));
        kind = format->line_kind(context, slice_first(event, at == 0 ? 0 : at - 1), line);
        assert(kind == LINE_STARTS || kind == LINE_CONTINUES || kind == LINE_UNKNOWN);
        at += line.len + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct derive_rules *rules;
    static struct url_scratch *scratch;
    static struct name_cache cache;
    static struct statement_shapes statements;
    struct format_settings settings = {.path = SLICE_INIT("/log/celery_q_1.log")};
    struct field_names names = {.get = get_name};
    struct arena arena = arena_empty(8 << 20);
    struct parsed_event *parsed = malloc(sizeof(*parsed));
    struct error err = {0};
    field_id extra[EXTRA_COUNT];
    uint64_t state = 0;
    const struct format *format;
    struct slice event;
    struct format_context context;
    char *copy;

    if (size < 2 || parsed == NULL) {
        free(parsed);
        return 0;
    }
    if (rules == NULL && derive_rules_new(NULL, &rules, &err) != STATUS_OK)
        abort();
    if (scratch == NULL)
        scratch = url_scratch_new();
    format = formats[data[0] % format_count];
    settings.line_prefix = data[1] & 1 ? prefixes[data[1] >> 2 & 1] : (struct slice){NULL, 0};
    settings.log_format = data[1] & 2 ? log_formats[data[1] >> 2 & 1] : (struct slice){NULL, 0};
    copy = malloc(size - 2 + 1); /* exact bounds for the sanitizer */
    if (copy == NULL)
        abort();
    memcpy(copy, data + 2, size - 2);
    event = slice_make(copy, size - 2);
    extra_fields_resolve(&names, extra);
    context = (struct format_context){.settings = &settings,
                                      .names = &names,
                                      .extra = extra,
                                      .cache = &cache,
                                      .statements = &statements,
                                      .receive_ns = INT64_C(1775125000000000000),
                                      .arena = &arena,
                                      .open_state = &state};
    if (format->compile == NULL ||
        format->compile(&settings, &arena, &context.compiled, &err) == STATUS_OK) {
        assert(format->detect(event) <= (format->score_max == 0 ? 100 : format->score_max));
        assert(format->detect(event) == 0 || format_may_begin(format, event));
        ask_lines(format, &context, event);
        parsed_reset(parsed);
        if (format->parse(&context, event, parsed) == STATUS_OK) {
            derive_apply(rules, scratch, NULL, &context, event, parsed);
            sort_fields(parsed);
            check(parsed, event);
        }
    }
    free(copy);
    free(parsed);
    arena_release(&arena);
    return 0;
}
