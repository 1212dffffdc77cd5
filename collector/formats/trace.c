/* collector/formats/trace.c -- traces are recognised line by line, without looking ahead: what a
 * line is depends on the event so far and its own first bytes. */
#include "collector/formats/trace.h"

#include "collector/formats/scan.h"

enum {
    EXCEPTION_TYPE_LEN_MAX = 200,
    /* A trace shows itself near the start of its event; looking further would make an event of n
     * lines cost n searches of all its bytes. */
    TRACE_SEARCH_SIZE_MAX = 4096,
};

static const struct slice traceback = SLICE_INIT("Traceback (most recent call last):");

/* `Type` or `Type: text` at column 0, the type a dotted name. */
static bool take_exception_type(struct slice line, struct slice *type)
{
    size_t len = 0;

    while (len < line.len && len < EXCEPTION_TYPE_LEN_MAX &&
           (is_upper(line.data[len]) || is_lower(line.data[len]) || is_digit(line.data[len]) ||
            line.data[len] == '.' || line.data[len] == '_' || line.data[len] == '$'))
        len++;
    if (len < 3 || is_digit(line.data[0]) || line.data[0] == '.')
        return false;
    if (len < line.len && line.data[len] != ':' && line.data[len] != '[')
        return false;
    *type = slice_first(line, len);
    return true;
}

/* A class name: with its package, or by its last word. */
static bool is_java_class(struct slice type)
{
    return find_byte(type, '.') != SIZE_MAX || ends_with(type, "Exception") ||
           ends_with(type, "Error");
}

/* Text that stands between the blocks of a chained traceback. */
static bool is_python_link(struct slice line)
{
    return starts_with(line, "During handling of the above exception") ||
           starts_with(line, "The above exception was the direct cause");
}

static bool is_indented(struct slice line)
{
    return line.len > 0 && (line.data[0] == ' ' || line.data[0] == '\t');
}

bool trace_continues_python(struct slice open, struct slice line)
{
    if (open.len == 0)
        return false;
    if (line.len == 0 || is_indented(line) || slice_starts(line, traceback) || is_python_link(line))
        return true;
    /* Within a trace everything without a prefix belongs to it: the exception line, and the
     * lines of its message (DETAIL:, LINE 1:, ^). */
    return slice_find(slice_first(open, TRACE_SEARCH_SIZE_MAX), traceback) != SIZE_MAX;
}

bool trace_continues_java(struct slice open, struct slice line)
{
    struct slice type;

    if (open.len == 0)
        return false;
    if (line.len == 0 || is_indented(line) || starts_with(line, "Caused by:") ||
        starts_with(line, "Wrapped by:") || starts_with(line, "Suppressed:") ||
        starts_with(line, "... ") || starts_with(line, "Exception in thread"))
        return true;
    if (find_literal(slice_first(open, TRACE_SEARCH_SIZE_MAX), "\n\tat ") != SIZE_MAX)
        return true; /* lines of a message further down */
    return take_exception_type(line, &type) && is_java_class(type);
}

/* Where the last block of tracebacks begins; SIZE_MAX if there is none. */
static size_t last_traceback(struct slice event)
{
    size_t last = SIZE_MAX;
    size_t from = 0;

    for (;;) {
        size_t at = slice_find(slice_from(event, from), traceback);

        if (at == SIZE_MAX)
            return last;
        last = from + at;
        from = last + traceback.len;
    }
}

bool trace_python_exception(struct slice event, struct slice *type)
{
    size_t at = last_traceback(event);
    struct slice rest;

    if (at == SIZE_MAX)
        return false;
    (void)first_line(slice_from(event, at), &rest);
    while (rest.len > 0) {
        struct slice line = first_line(rest, &rest);

        if (starts_with(line, "  | ")) /* the gutter of an exception group */
            line = slice_from(line, 4);
        if (line.len > 0 && !is_indented(line))
            return take_exception_type(line, type);
    }
    return false;
}

bool trace_java_exception(struct slice event, struct slice *type)
{
    struct slice rest;

    (void)first_line(event, &rest);
    while (rest.len > 0) {
        struct slice line = first_line(rest, &rest);

        (void)take_literal(&line, "Exception in thread \"main\" ");
        if (line.len > 0 && !is_indented(line) && take_exception_type(line, type) &&
            is_java_class(*type))
            return true;
    }
    return false;
}
