/* query/cli/live.c -- CONNECT -> EVENTS -> (break) -> wait -> CONNECT with the cursor. */
#include "query/cli/live.h"

#include "base/io.h"
#include "base/time_stamp.h"
#include "query/cli/request.h"
#include "query/cli/sse.h"
#include "query/cli/terminal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_S_MIN = 1, RETRY_S_MAX = 15, SHOWN_SIZE_MAX = 1 << 20 };

struct live_run {
    const struct live *live;
    struct sse sse;
    bool enough;                   /* `rows` said so */
    bool ended;                    /* the server did */
    bool any;                      /* an event or comment has arrived over this connection */
    char started[STAMP_TEXT_SIZE]; /* when we came: where to go on without a cursor */
};

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text == NULL ? "?" : text;
}

static long long number_of(const json_t *object, const char *name)
{
    return (long long)json_integer_value(json_object_get(object, name));
}

/* What did not come, in a sentence. */
static void say_event(struct slice name, const json_t *object)
{
    struct buf text = buf_empty(SHOWN_SIZE_MAX), shown = buf_empty(SHOWN_SIZE_MAX);

    if (slice_is(name, "gap"))
        buf_printf(&text, "missed: bytes %lld to %lld of %s on %s never arrived (%s)",
                   number_of(object, "from"), number_of(object, "to"), text_of(object, "source"),
                   text_of(object, "host"), text_of(object, "reason"));
    else if (slice_is(name, "lost"))
        buf_printf(&text, "missed: %s", text_of(object, "reason"));
    else if (slice_is(name, "rate"))
        buf_printf(&text, "missed: %lld of %lld lines of the last second",
                   number_of(object, "seen") - number_of(object, "sent"),
                   number_of(object, "seen"));
    else if (slice_is(name, "end"))
        buf_printf(&text, "the server ended the tail: %s", text_of(object, "reason"));
    terminal_escape(&shown, buf_slice(&text));
    if (shown.len > 0)
        command_say("%.*s", SLICE_ARG(buf_slice(&shown)));
    buf_release(&text);
    buf_release(&shown);
}

static bool on_event(void *user, struct slice name, struct slice data)
{
    struct live_run *run = user;
    json_t *object = json_loadb(data.data, data.len, JSON_ALLOW_NUL, NULL);
    struct columns columns;

    if (slice_is(name, "rows") && columns_of(object, &columns))
        run->enough = !run->live->rows(run->live->user, &columns);
    else if (object != NULL)
        say_event(name, object);
    run->ended =
        slice_is(name, "end") && json_object_get(object, "code") != NULL; /* else: restart */
    json_decref(object);
    return !run->enough && !run->ended;
}

static bool on_body(void *user, struct slice piece)
{
    struct live_run *run = user;

    run->any = true;
    return sse_feed(&run->sse, piece);
}

/* One connection, from the cursor if there is one. */
static enum status connect_once(struct live_run *run)
{
    const struct live *live = run->live;
    struct request request;
    enum status status;

    request_init(&request, live->client, "/dendro/v1/tail");
    request_add(&request, "query", live->query);
    if (live->fields.len > 0)
        request_add(&request, "fields", live->fields);
    if (run->sse.id.len > 0)
        request_add(&request, "cursor", buf_slice(&run->sse.id));
    else if (live->from != NULL)
        request_add(&request, "from", slice_of(live->from));
    else if (run->started[0] != '\0')
        request_add(&request, "from", slice_of(run->started));
    request.text = live->own_text ? live->query : (struct slice){0};
    request.streams = true;
    request.get = true;
    request.on_body = on_body;
    request.user = run;
    sse_restart(&run->sse);
    run->any = false;
    status = request_run(&request, NULL);
    request_release(&request);
    return status;
}

/* Nobody reads what we print any more: then there is nothing to wait for. A write would notice only
 * with the next line, which may never come. poll(2): the writing end of a pipe without readers has
 * POLLERR, whatever was asked for. */
static void *watch_reader(void *unused)
{
    struct pollfd out = {.fd = STDOUT_FILENO};

    (void)unused;
    while (poll(&out, 1, -1) < 0 && errno == EINTR)
        ;
    if ((out.revents & (POLLERR | POLLHUP)) != 0)
        _exit(DENDRO_FOUND);
    return NULL;
}

/* Without it a closed pipe is noticed with the next line. */
static void start_watching(void)
{
    struct stat info;
    pthread_t thread;

    if (fstat(STDOUT_FILENO, &info) == 0 && (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode)) &&
        pthread_create(&thread, NULL, watch_reader, NULL) == 0)
        (void)pthread_detach(thread);
}

int live_run(const struct live *live)
{
    struct live_run run = {.live = live};
    unsigned wait_s = RETRY_S_MIN;
    bool connected = live->cursor.len > 0; /* else a first failure is final */
    enum status status;

    start_watching();
    run.sse = sse_empty(on_event, &run);
    buf_append_slice(&run.sse.id, live->cursor);
    for (;;) {
        int64_t now_ns = io_wall_ns(io_system());

        status = connect_once(&run);
        if (!connected && run.any)
            run.started[stamp_print(now_ns, 9, run.started)] = '\0';
        connected |= run.any;
        if (run.enough || run.ended || status == STATUS_INVALID || !connected || run.sse.failed)
            break;
        wait_s = run.any ? RETRY_S_MIN : wait_s * 2 > RETRY_S_MAX ? RETRY_S_MAX : wait_s * 2;
        if (status == STATUS_AGAIN) /* and it said why */
            command_say("the server cannot go on now; trying again in %u s", wait_s);
        else
            command_say("the connection is gone; going on where it broke in %u s", wait_s);
        (void)nanosleep(&(struct timespec){.tv_sec = wait_s}, NULL);
    }
    sse_release(&run.sse);
    return run.enough ? DENDRO_FOUND : DENDRO_ERROR;
}
