/* query/cli/problem_report.c -- an error body, and a caret under the wrong piece. */
#include "query/cli/problem_report.h"

#include "query/cli/command.h"
#include "query/cli/terminal.h"

#include <jansson.h>
#include <stdio.h>

enum { REPORT_SIZE_MAX = 1 << 20, FOREIGN_BODY_MAX = 300 };

void problem_point(struct buf *out, struct slice query, size_t at, size_t length)
{
    size_t from = at = at < query.len ? at : query.len, to = at;

    while (from > 0 && query.data[from - 1] != '\n')
        from--;
    while (to < query.len && query.data[to] != '\n')
        to++;
    for (size_t i = from; i < to; i++) {
        unsigned char c = (unsigned char)query.data[i];

        buf_append_byte(out, (c < 0x20 && c != '\t') || c == 0x7f ? '.' : (char)c);
    }
    buf_append_byte(out, '\n');
    for (size_t i = from; i < at; i++) /* one column per character: UTF-8 tails take none */
        if (((unsigned char)query.data[i] & 0xc0) != 0x80)
            buf_append_byte(out, query.data[i] == '\t' ? '\t' : ' ');
    buf_append_byte(out, '^');
    for (size_t i = at + 1; i < at + length && i < to; i++)
        if (((unsigned char)query.data[i] & 0xc0) != 0x80)
            buf_append_byte(out, '^');
    buf_append_byte(out, '\n');
}

static void report_error(const json_t *error, struct slice query, struct buf *out)
{
    const char *hint = json_string_value(json_object_get(error, "hint"));
    const json_t *at = json_object_get(error, "at"), *length = json_object_get(error, "length");

    buf_printf(out, "dendro: %s\n", json_string_value(json_object_get(error, "message")));
    if (query.len > 0 && json_is_integer(at))
        problem_point(out, query, (size_t)json_integer_value(at),
                      (size_t)json_integer_value(length));
    if (hint != NULL)
        buf_printf(out, "hint: %s\n", hint);
}

void problem_report(struct slice query, unsigned http_status, struct slice body)
{
    struct buf out = buf_empty(REPORT_SIZE_MAX), shown = buf_empty(REPORT_SIZE_MAX);
    json_t *root = json_loadb(body.data == NULL ? "" : body.data, body.len, 0, NULL);
    const json_t *error = json_object_get(root, "error");

    if (json_is_string(json_object_get(error, "message")))
        report_error(error, query, &out);
    else
        buf_printf(&out, "dendro: the server answered with HTTP status %u: %.*s\n", http_status,
                   SLICE_ARG(slice_first(slice_trim(body), FOREIGN_BODY_MAX)));
    json_decref(root);
    terminal_escape(&shown, buf_slice(&out)); /* it may quote what a stranger logged */
    (void)fwrite(shown.data, 1, shown.len, stderr);
    buf_release(&out);
    buf_release(&shown);
}
