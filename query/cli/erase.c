/* query/cli/erase.c -- `dendro erase`: count, ask, order, wait for the receipt. */
#include "base/io.h"
#include "query/cli/command.h"
#include "query/cli/query.h"
#include "query/cli/request.h"
#include "query/kept_filter.h"
#include "query/lexer.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { TEXT_SIZE_MAX = 1 << 20, ANSWER_SIZE_MAX = 64 << 20, POLL_MS = 500 };

struct erase_settings {
    struct client_options client; /* must stay the first */
    const char *tenant, *where;
    bool yes, list, no_wait, json;
};

static const struct option rows[] = {
    {.type = OPTION_GROUP, .help = "What"},
    {.name = "tenant",
     .type = OPTION_TEXT,
     .offset = offsetof(struct erase_settings, tenant),
     .value_name = "NAME",
     .help = "all rows of this tenant"},
    {.name = "where",
     .type = OPTION_TEXT,
     .offset = offsetof(struct erase_settings, where),
     .value_name = "FILTER",
     .help = "all rows that pass this filter (no pipes, no _time; --since and --until bound it)"},
    {.type = OPTION_GROUP, .help = "How"},
    {.name = "list",
     .type = OPTION_BOOL,
     .offset = offsetof(struct erase_settings, list),
     .help = "show all erasures and their state, and erase nothing"},
    {.name = "yes",
     .type = OPTION_BOOL,
     .offset = offsetof(struct erase_settings, yes),
     .help = "do not ask"},
    {.name = "no-wait",
     .type = OPTION_BOOL,
     .offset = offsetof(struct erase_settings, no_wait),
     .help = "end when the rows are invisible; their bytes are removed behind it"},
    {.name = "json",
     .type = OPTION_BOOL,
     .offset = offsetof(struct erase_settings, json),
     .help = "print receipts as JSON"},
};

static const struct command_line line = {
    .program = "dendro erase",
    .usage = "--tenant NAME | --where FILTER | --list",
    .summary = "Erase rows for good: invisible to every query at once, then removed from segments, "
               "dictionaries and the WAL. Leaves a receipt. Cannot be undone.",
    .footer = "\nExit status: 0 done, 1 nothing to erase, or the answer was no, 2 error,\n"
              "3 rows may be left: see the receipt.\n",
    .rows = rows,
    .row_count = COUNT_OF(rows),
    .settings_size = sizeof(struct erase_settings),
};

/* ---- receipts ---- */

static const char *text_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text == NULL ? "" : text;
}

static void print_json(json_t *value)
{
    (void)json_dumpf(value, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    (void)puts("");
}

static void print_receipt(json_t *receipt)
{
    const char *problem = text_of(receipt, "problem");

    (void)printf("erasure %" JSON_INTEGER_FORMAT ": %s, %" JSON_INTEGER_FORMAT
                 " rows and %" JSON_INTEGER_FORMAT " samples, %" JSON_INTEGER_FORMAT
                 " segments; ordered %s by %s",
                 json_integer_value(json_object_get(receipt, "number")), text_of(receipt, "state"),
                 json_integer_value(json_object_get(receipt, "rows")),
                 json_integer_value(json_object_get(receipt, "samples")),
                 json_integer_value(json_object_get(receipt, "segments")),
                 text_of(receipt, "requested"), text_of(receipt, "by"));
    if (*text_of(receipt, "finished") != '\0')
        (void)printf(", finished %s", text_of(receipt, "finished"));
    (void)printf("\n  filter: %s\n", text_of(receipt, "filter"));
    if (*problem != '\0')
        (void)printf("  problem: %s\n", problem);
    if (json_integer_value(json_object_get(receipt, "undecided")) > 0)
        (void)printf("  not complete: the filter could not decide %" JSON_INTEGER_FORMAT
                     " texts (limits of its regex), whose rows stay\n",
                     json_integer_value(json_object_get(receipt, "undecided")));
}

static void print_receipts(const struct erase_settings *settings, json_t *list)
{
    if (settings->json) {
        print_json(list);
        return;
    }
    for (size_t i = 0; i < json_array_size(list); i++)
        print_receipt(json_array_get(list, i));
}

/* The array "erasures" of an answer; NULL: reported. */
static json_t *fetch(struct request *request, json_t **root)
{
    struct buf body = buf_empty(ANSWER_SIZE_MAX);
    json_t *list = NULL;

    *root = NULL;
    if (request_fetch(request, &body) == STATUS_OK) {
        *root = json_loadb(body.data, body.len, 0, NULL);
        list = json_object_get(*root, "erasures");
        if (!json_is_array(list))
            command_say("the server's answer is not a list of erasures");
    }
    buf_release(&body);
    return json_is_array(list) ? list : NULL;
}

static json_t *fetch_list(const struct erase_settings *settings, json_t **root)
{
    struct request request;
    json_t *list;

    request_init(&request, &settings->client, "/dendro/v1/erase");
    request.get = true;
    list = fetch(&request, root);
    request_release(&request);
    return list;
}

static int show_list(const struct erase_settings *settings)
{
    json_t *root, *list = fetch_list(settings, &root);

    if (list != NULL)
        print_receipts(settings, list);
    json_decref(root);
    return list == NULL ? DENDRO_ERROR : DENDRO_FOUND;
}

/* ---- before ---- */

static void put_filter(const struct erase_settings *settings, struct buf *out)
{
    if (settings->where != NULL) {
        buf_append_text(out, settings->where);
        return;
    }
    buf_append_text(out, "tenant:=");
    lexer_quote(out, slice_of(settings->tenant));
}

/* Ours, before a pipe that the user did not write stands behind it; false: reported. */
static bool check_filter(const struct erase_settings *settings)
{
    struct buf text = buf_empty(TEXT_SIZE_MAX);
    struct error err = {0};
    bool fine;

    put_filter(settings, &text);
    fine = kept_filter_check(buf_slice(&text), &err) == STATUS_OK;
    if (!fine)
        command_say("cannot erase by this filter: %s", err.message);
    buf_release(&text);
    return fine;
}

/* Rows that pass now; false: reported. */
static bool count_rows(const struct erase_settings *settings, uint64_t *count)
{
    struct request request;
    struct buf text = buf_empty(TEXT_SIZE_MAX), body = buf_empty(ANSWER_SIZE_MAX);
    struct slice rest;
    bool fine;

    request_init(&request, &settings->client, "/dendro/v1/query");
    put_filter(settings, &text);
    buf_append_text(&text, "\n| stats count() as rows"); /* the newline ends a comment */
    request_add(&request, "query", buf_slice(&text));
    request_add(&request, "format", SLICE_LITERAL("csv"));
    fine = request_fetch(&request, &body) == STATUS_OK;
    rest = buf_slice(&body);
    *count = 0;
    if (fine && slice_find_byte(rest, '\n') != SIZE_MAX) {
        rest = slice_from(rest, slice_find_byte(rest, '\n') + 1);
        for (size_t i = 0; i < rest.len; i++)
            if (rest.data[i] >= '0' && rest.data[i] <= '9')
                *count = *count * 10 + (uint64_t)(rest.data[i] - '0');
    }
    request_release(&request);
    buf_release(&text);
    buf_release(&body);
    return fine;
}

static bool is_sure(uint64_t count)
{
    char answer[16] = "";

    if (isatty(STDIN_FILENO) == 0) {
        command_say("stdin is no terminal: --yes says that you are sure");
        return false;
    }
    (void)fprintf(stderr, "%" PRIu64 " rows will be gone for good. Type yes to erase them: ",
                  count);
    return fgets(answer, sizeof(answer), stdin) != NULL && strcmp(answer, "yes\n") == 0;
}

/* ---- the order ---- */

static json_int_t send_order(const struct erase_settings *settings)
{
    struct request request;
    struct buf text = buf_empty(TEXT_SIZE_MAX);
    const char *user = getenv("USER");
    json_int_t number = 0;
    json_t *root, *list;

    request_init(&request, &settings->client, "/dendro/v1/erase");
    put_filter(settings, &text);
    request_add(&request, "query", buf_slice(&text));
    request_add(&request, "by", slice_of(user == NULL ? "unknown" : user));
    list = fetch(&request, &root);
    if (list != NULL)
        number = json_integer_value(json_object_get(json_array_get(list, 0), "number"));
    json_decref(root);
    request_release(&request);
    buf_release(&text);
    return number;
}

/* The receipt of that number, borrowed from `list`. */
static json_t *find_receipt(json_t *list, json_int_t number)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (json_integer_value(json_object_get(json_array_get(list, i), "number")) == number)
            return json_array_get(list, i);
    return NULL;
}

static int wait_for(const struct erase_settings *settings, json_int_t number)
{
    for (;;) {
        struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
        json_t *root, *list = fetch_list(settings, &root);
        json_t *receipt = find_receipt(list, number);
        const char *state = receipt == NULL ? "" : text_of(receipt, "state");
        bool finished = strcmp(state, "finished") == 0;
        bool stuck = strcmp(state, "blocked") == 0 || strcmp(state, "incomplete") == 0;
        bool over = receipt == NULL || stuck || settings->no_wait || finished;
        bool whole = !stuck &&
                     (!finished || json_integer_value(json_object_get(receipt, "undecided")) == 0);

        if (over && receipt != NULL && settings->json)
            print_json(receipt);
        else if (over && receipt != NULL)
            print_receipt(receipt);
        json_decref(root);
        if (over)
            return receipt == NULL ? DENDRO_ERROR : whole ? DENDRO_FOUND : DENDRO_PARTIAL;
        (void)nanosleep(&pause, NULL);
    }
}

static int erase(const struct erase_settings *settings)
{
    uint64_t count;
    json_int_t number;

    if ((settings->tenant != NULL) == (settings->where != NULL)) {
        command_say("say what to erase: --tenant NAME or --where FILTER");
        return DENDRO_ERROR;
    }
    if (!check_filter(settings))
        return DENDRO_ERROR;
    if (!settings->yes) {
        if (!count_rows(settings, &count))
            return DENDRO_ERROR;
        if (count == 0) {
            command_say("no row passes the filter");
            return DENDRO_NOT_FOUND;
        }
        if (!is_sure(count))
            return DENDRO_NOT_FOUND;
    }
    number = send_order(settings);
    return number == 0 ? DENDRO_ERROR : wait_for(settings, number);
}

static int run(struct cli_target *call)
{
    const struct erase_settings *settings = call->settings;

    return settings->list ? show_list(settings) : erase(settings);
}

const struct command erase_command = {"erase", "erase rows for good, with a receipt", &line, run};
