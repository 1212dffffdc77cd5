/* collector/formats/log_pattern.c -- a value ends where the literal behind it begins; one between
 * quotes ends at the quote that the server's escaping leaves bare. */
#include "collector/formats/log_pattern.h"

#include "collector/formats/request_line.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

#include <stdio.h>

struct value_name {
    struct slice name;
    enum log_value value;
};

static const struct value_name nginx_names[] = {
    {SLICE_INIT("remote_addr"), LOG_CLIENT},
    {SLICE_INIT("realip_remote_addr"), LOG_SKIPPED},
    {SLICE_INIT("http_x_forwarded_for"), LOG_FORWARDED},
    {SLICE_INIT("proxy_add_x_forwarded_for"), LOG_FORWARDED},
    {SLICE_INIT("remote_user"), LOG_USER},
    {SLICE_INIT("time_local"), LOG_TIME_CLF},
    {SLICE_INIT("time_iso8601"), LOG_TIME_ISO},
    {SLICE_INIT("msec"), LOG_TIME_EPOCH},
    {SLICE_INIT("request"), LOG_REQUEST},
    {SLICE_INIT("request_method"), LOG_METHOD},
    {SLICE_INIT("request_uri"), LOG_TARGET},
    {SLICE_INIT("uri"), LOG_TARGET},
    {SLICE_INIT("status"), LOG_STATUS},
    {SLICE_INIT("body_bytes_sent"), LOG_BYTES},
    {SLICE_INIT("bytes_sent"), LOG_BYTES},
    {SLICE_INIT("request_length"), LOG_BYTES_IN},
    {SLICE_INIT("http_referer"), LOG_REFERER},
    {SLICE_INIT("http_user_agent"), LOG_AGENT},
    {SLICE_INIT("request_time"), LOG_DURATION_S},
    {SLICE_INIT("upstream_addr"), LOG_UPSTREAM},
    {SLICE_INIT("upstream_response_time"), LOG_UPSTREAM_DURATION},
    {SLICE_INIT("upstream_status"), LOG_UPSTREAM_STATUS},
    {SLICE_INIT("upstream_cache_status"), LOG_CACHE},
    {SLICE_INIT("request_id"), LOG_REQUEST_ID},
    {SLICE_INIT("http_x_request_id"), LOG_REQUEST_ID},
    {SLICE_INIT("host"), LOG_SERVER},
    {SLICE_INIT("http_host"), LOG_SERVER},
    {SLICE_INIT("server_name"), LOG_SERVER},
    {SLICE_INIT("pid"), LOG_PID},
};

static const struct value_name apache_letters[] = {
    {SLICE_INIT("h"), LOG_CLIENT},      {SLICE_INIT("a"), LOG_CLIENT},
    {SLICE_INIT("u"), LOG_USER},        {SLICE_INIT("t"), LOG_TIME_CLF},
    {SLICE_INIT("r"), LOG_REQUEST},     {SLICE_INIT("m"), LOG_METHOD},
    {SLICE_INIT("U"), LOG_TARGET},      {SLICE_INIT("s"), LOG_STATUS},
    {SLICE_INIT("b"), LOG_BYTES},       {SLICE_INIT("B"), LOG_BYTES},
    {SLICE_INIT("O"), LOG_BYTES},       {SLICE_INIT("I"), LOG_BYTES_IN},
    {SLICE_INIT("D"), LOG_DURATION_US}, {SLICE_INIT("T"), LOG_DURATION_S},
    {SLICE_INIT("v"), LOG_SERVER},      {SLICE_INIT("V"), LOG_SERVER},
    {SLICE_INIT("P"), LOG_PID},         {SLICE_INIT("L"), LOG_REQUEST_ID},
};

static const struct value_name apache_headers[] = {
    {SLICE_INIT("referer"), LOG_REFERER},
    {SLICE_INIT("user-agent"), LOG_AGENT},
    {SLICE_INIT("x-forwarded-for"), LOG_FORWARDED},
    {SLICE_INIT("x-request-id"), LOG_REQUEST_ID},
};

static enum log_value value_of(const struct value_name *names, size_t count, struct slice name)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal(names[i].name, name))
            return names[i].value;
    return LOG_SKIPPED;
}

static enum status add_step(struct log_pattern *out, enum log_value value, struct slice literal,
                            struct error *err)
{
    if (out->step_count == PATTERN_STEPS_MAX)
        return error_set(err, STATUS_TOO_LARGE, "log format: more than %d parts",
                         PATTERN_STEPS_MAX);
    if (value == LOG_LITERAL && literal.len == 0)
        return STATUS_OK;
    out->steps[out->step_count++] = (struct log_step){value, literal};
    return STATUS_OK;
}

static enum status compile_nginx(struct slice text, struct log_pattern *out, struct error *err)
{
    struct slice rest = text;

    out->step_count = 0;
    while (rest.len > 0) {
        size_t dollar = find_byte(rest, '$');
        enum status status = add_step(out, LOG_LITERAL, slice_first(rest, dollar), err);
        bool brace;
        size_t len = 0;

        if (status != STATUS_OK)
            return status;
        rest = slice_from(rest, dollar == SIZE_MAX ? dollar : dollar + 1);
        if (dollar == SIZE_MAX)
            break;
        brace = take_byte(&rest, '{');
        while (len < rest.len && (is_lower(rest.data[len]) || is_digit(rest.data[len]) ||
                                  is_upper(rest.data[len]) || rest.data[len] == '_'))
            len++;
        if (len == 0)
            return error_set(err, STATUS_INVALID, "log_format: byte %zu: no name behind $",
                             text.len - rest.len);
        status = add_step(out, value_of(nginx_names, COUNT_OF(nginx_names), slice_first(rest, len)),
                          slice_first(rest, 0), err);
        if (status != STATUS_OK)
            return status;
        rest = slice_from(rest, len);
        if (brace)
            (void)take_byte(&rest, '}');
    }
    return STATUS_OK;
}

/* `%{argument}letter`: headers by their name, %{ms}T and its like by unit, %{...}t is not read. */
static enum log_value apache_argument(struct slice argument, char letter)
{
    if (letter == 'i')
        for (size_t i = 0; i < COUNT_OF(apache_headers); i++)
            if (slice_equal_fold(apache_headers[i].name, argument))
                return apache_headers[i].value;
    if (letter == 'T')
        return slice_is(argument, "ms")   ? LOG_DURATION_MS
               : slice_is(argument, "us") ? LOG_DURATION_US
                                          : LOG_DURATION_S;
    return LOG_SKIPPED;
}

/* Behind a percent sign. */
static enum status add_directive(struct slice *rest, struct slice text, struct log_pattern *out,
                                 struct error *err)
{
    size_t at = text.len - rest->len;
    struct slice argument = slice_first(*rest, 0);
    enum log_value value;

    while (rest->len > 0 && (rest->data[0] == '>' || rest->data[0] == '<' || rest->data[0] == '!' ||
                             rest->data[0] == ',' || is_digit(rest->data[0])))
        *rest = slice_from(*rest, 1); /* %>s, %400,501{...}i */
    if (take_byte(rest, '{') && !cut(rest, '}', &argument))
        return error_set(err, STATUS_INVALID, "LogFormat: byte %zu: no } behind %%{", at);
    if (rest->len == 0)
        return error_set(err, STATUS_INVALID, "LogFormat: byte %zu: %% at the end", at);
    if (rest->data[0] == '%') {
        struct slice percent = slice_first(*rest, 1);

        *rest = slice_from(*rest, 1);
        return add_step(out, LOG_LITERAL, percent, err);
    }
    value = argument.len > 0
                ? apache_argument(argument, rest->data[0])
                : value_of(apache_letters, COUNT_OF(apache_letters), slice_first(*rest, 1));
    *rest = slice_from(*rest, 1);
    if (value != LOG_TIME_CLF)
        return add_step(out, value, slice_first(*rest, 0), err);
    /* %t prints its own brackets. */
    if (add_step(out, LOG_LITERAL, SLICE_LITERAL("["), err) != STATUS_OK ||
        add_step(out, value, slice_first(*rest, 0), err) != STATUS_OK)
        return STATUS_TOO_LARGE;
    return add_step(out, LOG_LITERAL, SLICE_LITERAL("]"), err);
}

static enum status compile_apache(struct slice text, struct log_pattern *out, struct error *err)
{
    struct slice rest = text;

    out->step_count = 0;
    while (rest.len > 0) {
        size_t end = 0;
        enum status status;

        while (end < rest.len && rest.data[end] != '%' && rest.data[end] != '\\')
            end++;
        status = add_step(out, LOG_LITERAL, slice_first(rest, end), err);
        rest = slice_from(rest, end);
        if (status == STATUS_OK && take_byte(&rest, '%'))
            status = add_directive(&rest, text, out, err);
        else if (status == STATUS_OK && take_byte(&rest, '\\') && rest.len > 0) {
            /* \" as it stands in httpd.conf */
            status = add_step(out, LOG_LITERAL, slice_first(rest, 1), err);
            rest = slice_from(rest, 1);
        }
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* What the source sets, NULL if it sets none. */
static enum status compile_setting(struct slice text, struct arena *arena,
                                   enum status (*compile)(struct slice text,
                                                          struct log_pattern *out,
                                                          struct error *err),
                                   const void **out, struct error *err)
{
    struct log_pattern *pattern;
    enum status status;

    *out = NULL;
    if (text.len == 0)
        return STATUS_OK;
    pattern = arena_new(arena, struct log_pattern, 1);
    if (pattern == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for log_format");
    status = compile(text, pattern, err);
    if (status == STATUS_OK)
        *out = pattern;
    return status;
}

enum status log_pattern_compile_nginx(const struct format_settings *settings, struct arena *arena,
                                      const void **out, struct error *err)
{
    return compile_setting(settings->log_format, arena, compile_nginx, out, err);
}

enum status log_pattern_compile_apache(const struct format_settings *settings, struct arena *arena,
                                       const void **out, struct error *err)
{
    return compile_setting(settings->log_format, arena, compile_apache, out, err);
}

/* Cut the lines into values. Two literals in a row are eaten one after the other. */
static bool match(const struct log_pattern *pattern, struct slice line, enum quoting quoting,
                  struct slice values[LOG_VALUE_COUNT])
{
    char before = 0; /* last byte of the literal before the value */

    for (uint32_t i = 0; i < pattern->step_count; i++) {
        const struct log_step *step = &pattern->steps[i];
        const struct log_step *next = i + 1 < pattern->step_count ? step + 1 : NULL;
        struct slice value = line;

        if (step->value == LOG_LITERAL) {
            if (!take_prefix(&line, step->literal))
                return false;
            before = step->literal.data[step->literal.len - 1];
            continue;
        }
        if (next == NULL) {
            line = slice_from(line, line.len);
        } else if (next->value != LOG_LITERAL) {
            return false; /* nothing tells where one ends and the next begins */
        } else if (before == '"' && next->literal.data[0] == '"') {
            struct slice rest = line;

            if (!access_take_quoted(&rest, quoting, 0, &value))
                return false;
            line = slice_from(line, value.len);
        } else {
            size_t end = slice_find(line, next->literal);

            if (end == SIZE_MAX)
                return false;
            value = slice_first(line, end);
            line = slice_from(line, end);
        }
        values[step->value] = value;
    }
    return line.len == 0;
}

static bool add_time(const struct format_context *context,
                     const struct slice values[LOG_VALUE_COUNT], struct parsed_event *out)
{
    static const struct {
        enum log_value value;
        stamp_parser *parser;
    } times[] = {
        {LOG_TIME_EPOCH, stamp_parse_epoch}, /* the most exact one first */
        {LOG_TIME_ISO, stamp_parse_iso},
        {LOG_TIME_CLF, stamp_parse_clf},
    };

    for (size_t i = 0; i < COUNT_OF(times); i++) {
        struct slice text = values[times[i].value];

        if (text.len == 0)
            continue;
        if (!stamp_take(context, times[i].parser, &text, &out->time_ns))
            return false;
        out->has_time = true;
        return true;
    }
    return true;
}

void log_add_upstream_duration(const struct format_context *context, struct slice event,
                               struct slice times, struct parsed_event *out)
{
    uint64_t total_us = 0;
    struct slice rest = times;
    bool fraction;
    char text[32];
    int len;

    if (is_number(times, &fraction)) {
        add_duration(out, context->extra[EXTRA_UPSTREAM_DURATION], UNIT_SECONDS, event, times);
        return;
    }
    while (rest.len > 0) {
        struct slice digits;
        uint64_t value;
        uint64_t scale = 100000;

        if (!take_digits(&rest, &digits)) {
            rest = slice_from(rest, 1);
            continue;
        }
        if (!slice_to_u64(digits, &value) || value > 1000000000)
            return;
        total_us += value * 1000000;
        if (!take_byte(&rest, '.'))
            continue;
        for (; rest.len > 0 && is_digit(rest.data[0]); rest = slice_from(rest, 1), scale /= 10)
            total_us += (uint64_t)(rest.data[0] - '0') * scale;
    }
    if (find_byte(times, '.') == SIZE_MAX)
        return;
    len = snprintf(text, sizeof(text), "%llu.%03llu", (unsigned long long)(total_us / 1000000),
                   (unsigned long long)(total_us % 1000000 / 1000));
    parsed_span(out, context->extra[EXTRA_UPSTREAM_DURATION], FIELD_DURATION, UNIT_SECONDS, event,
                arena_copy(context->arena, slice_make(text, (size_t)len)));
}

static void add_values(const struct format_context *context, struct slice event,
                       const struct slice values[LOG_VALUE_COUNT], struct parsed_event *out)
{
    access_add_client(context, event, values[LOG_CLIENT], values[LOG_FORWARDED], out);
    add_text(out, FIELD_ID_USER, event, values[LOG_USER]);
    request_line_add(context, event, values[LOG_REQUEST], out);
    if (values[LOG_REQUEST].len == 0 && values[LOG_TARGET].len > 0) {
        struct slice path;
        struct slice params;

        request_target_split(values[LOG_TARGET], &path, &params);
        add_text(out, FIELD_ID_METHOD, event, values[LOG_METHOD]);
        add_text(out, FIELD_ID_PATH, event, path);
        add_text(out, context->extra[EXTRA_PARAMS], event, params);
        out->derive_from = DERIVE_PATH;
    }
    add_int(out, FIELD_ID_STATUS, event, values[LOG_STATUS]);
    add_bytes(out, FIELD_ID_BYTES, event, values[LOG_BYTES]);
    add_bytes(out, context->extra[EXTRA_BYTES_IN], event, values[LOG_BYTES_IN]);
    add_text(out, FIELD_ID_REFERER, event, values[LOG_REFERER]);
    add_text(out, FIELD_ID_AGENT, event, values[LOG_AGENT]);
    add_text(out, context->extra[EXTRA_UPSTREAM], event, values[LOG_UPSTREAM]);
    log_add_upstream_duration(context, event, values[LOG_UPSTREAM_DURATION], out);
    add_text(out, context->extra[EXTRA_UPSTREAM_STATUS], event, values[LOG_UPSTREAM_STATUS]);
    add_text(out, context->extra[EXTRA_CACHE], event, values[LOG_CACHE]);
    add_text(out, FIELD_ID_REQUEST_ID, event, values[LOG_REQUEST_ID]);
    add_text(out, context->extra[EXTRA_SERVER], event, values[LOG_SERVER]);
    add_int(out, FIELD_ID_PID, event, values[LOG_PID]);
    if (values[LOG_DURATION_US].len > 0)
        add_duration(out, FIELD_ID_DURATION, UNIT_MICROSECONDS, event, values[LOG_DURATION_US]);
    else if (values[LOG_DURATION_MS].len > 0)
        add_duration(out, FIELD_ID_DURATION, UNIT_MILLISECONDS, event, values[LOG_DURATION_MS]);
    else
        add_duration(out, FIELD_ID_DURATION, UNIT_SECONDS, event, values[LOG_DURATION_S]);
}

enum status log_pattern_parse(const struct log_pattern *pattern,
                              const struct format_context *context, struct slice event,
                              enum quoting quoting, struct parsed_event *out)
{
    struct slice values[LOG_VALUE_COUNT];

    for (unsigned i = 0; i < LOG_VALUE_COUNT; i++)
        values[i] = slice_first(event, 0);
    if (!match(pattern, event, quoting, values) ||
        count_digits(values[LOG_STATUS]) != values[LOG_STATUS].len ||
        !add_time(context, values, out))
        return STATUS_INVALID;
    out->level = (uint8_t)level_of_status(values[LOG_STATUS]);
    add_values(context, event, values, out);
    return STATUS_OK;
}
