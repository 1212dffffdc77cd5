/* collector/format.c -- the registry of formats, and the small functions that all of them use. */
#include "collector/format.h"

#include "collector/formats/access_line.h"
#include "collector/formats/formats.h"
#include "collector/formats/scan.h"

const char *const extra_field_names[EXTRA_COUNT] = {
    [EXTRA_APP] = "app",
    [EXTRA_BACKEND] = "backend",
    [EXTRA_BYTES_IN] = "bytes_in",
    [EXTRA_CACHE] = "cache",
    [EXTRA_CALLER] = "caller",
    [EXTRA_ERROR_CLASS] = "error_class",
    [EXTRA_EXIT_CODE] = "exit_code",
    [EXTRA_FACILITY] = "facility",
    [EXTRA_FD] = "fd",
    [EXTRA_HITS] = "hits",
    [EXTRA_HOSTNAME] = "hostname",
    [EXTRA_NODE] = "node",
    [EXTRA_OP] = "op",
    [EXTRA_PARAMS] = "params",
    [EXTRA_PEER] = "peer",
    [EXTRA_PROGRAM] = "program",
    [EXTRA_ROLE_CODE] = "role_code",
    [EXTRA_SERVER] = "server",
    [EXTRA_SESSION] = "session",
    [EXTRA_SIGNAL] = "signal",
    [EXTRA_TERMINATION] = "termination",
    [EXTRA_UPSTREAM] = "upstream",
    [EXTRA_UPSTREAM_DURATION] = "upstream_duration",
    [EXTRA_UPSTREAM_STATUS] = "upstream_status",
    [EXTRA_VIEW] = "view",
    [EXTRA_WORKER] = "worker",
    [EXTRA_ZONE] = "zone",
};

void extra_fields_resolve(const struct field_names *names, field_id out[EXTRA_COUNT])
{
    for (unsigned i = 0; i < EXTRA_COUNT; i++)
        out[i] = names->get(names->user, slice_of(extra_field_names[i]));
}

const struct format *format_find(struct slice name)
{
    for (uint32_t i = 0; i < format_count; i++)
        if (slice_is(name, formats[i]->name))
            return formats[i];
    return NULL;
}

enum { PATH_HINT_SCORE = 5 }; /* less than what a sure sign in the line is worth */

/* "nginx" of nginx_access in /var/log/nginx/access.log. */
static bool path_names(struct slice path, const char *format_name)
{
    struct slice system = slice_of(format_name);

    return slice_find(path, slice_first(system, slice_find_byte(system, '_'))) != SIZE_MAX;
}

static unsigned begin_of(struct slice line)
{
    char first = line.len == 0 ? 0 : line.data[0];

    if (is_digit(first))
        return BEGINS_DIGIT;
    if (is_upper(first))
        return BEGINS_UPPER;
    return first == '[' ? BEGINS_BRACKET : first == '{' ? BEGINS_BRACE : BEGINS_OTHER;
}

static bool begins_so(const struct format *format, unsigned begin)
{
    return format->begins == 0 || (format->begins & begin) != 0;
}

bool format_may_begin(const struct format *format, struct slice line)
{
    return begins_so(format, begin_of(line)) &&
           (!format->with_access_time || access_line_detect(line) > 0);
}

/* Could the format be found, as far as its highest score tells? */
static bool could_win(const struct format *format, unsigned best_score, unsigned score_min)
{
    unsigned max = format->score_max == 0 ? 100 : format->score_max;

    return max >= score_min && max + PATH_HINT_SCORE > best_score;
}

const struct format *format_detect(struct slice line, struct slice path, unsigned score_min)
{
    const struct format *best = NULL;
    unsigned best_score = 0, begin = begin_of(line);
    bool has_access_time = access_line_detect(line) > 0;

    for (uint32_t i = 0; i < format_count; i++) {
        unsigned score = 0;

        if (begins_so(formats[i], begin) && (!formats[i]->with_access_time || has_access_time) &&
            could_win(formats[i], best_score, score_min))
            score = formats[i]->detect(line);
        if (score == 0 || score < score_min)
            continue;
        score += path_names(path, formats[i]->name) ? PATH_HINT_SCORE : 0;
        if (score > best_score) {
            best = formats[i];
            best_score = score;
        }
    }
    return best;
}

bool parsed_find(const struct parsed_event *parsed, field_id field, struct slice event,
                 struct slice *out)
{
    for (uint32_t i = parsed->field_count; i > 0; i--) {
        const struct event_field *at = &parsed->fields[i - 1];

        if (at->field != field)
            continue;
        *out = at->text.data != NULL ? at->text : slice_sub(event, at->start, at->len);
        return true;
    }
    return false;
}
