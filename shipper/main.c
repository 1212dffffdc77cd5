/* shipper/main.c -- dendro-shipper: wires the shipper to a loop, a socket and signals. */
#include "base/diag.h"
#include "shipper/control.h"
#include "shipper/limits.h"
#include "shipper/options.h"
#include "shipper/saved_status.h"
#include "shipper/shipper.h"
#include "shipper/transport_tcp.h"
#include "shipper/watcher.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { OPTIONS_MEMORY_MAX = 8 * 1024 * 1024, ANSWER_SIZE_MAX = 32 * 1024 * 1024 };

struct program {
    uv_loop_t loop;
    uv_timer_t timer;
    uv_poll_t watch;
    uv_prepare_t prepare;
    uv_signal_t terminate, interrupt;
    struct io *io;
    struct shipper *shipper;
    struct transport_tcp *transport;
    struct watcher *watcher; /* NULL: polling only */
    struct control *control;
    bool started; /* timer, prepare and signals are in the loop */
};

static void stop_loop(struct program *program)
{
    shipper_stop(program->shipper);
    uv_stop(&program->loop);
}

static void keep_directory(void *user, const char *path)
{
    struct program *program = user;

    watcher_keep(program->watcher, path);
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer; /* what is due is done in on_prepare(), before the loop waits */
}

/* Before the loop waits for events: do what is due, and say how long it may wait. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct program *program = prepare->data;
    int64_t due = shipper_step(program->shipper);
    int64_t wait_ms = (due - io_mono_ns(program->io) + MILLISECOND_NS - 1) / MILLISECOND_NS;

    if (program->watcher != NULL) {
        watcher_begin(program->watcher);
        if (shipper_directories(program->shipper, keep_directory, program))
            watcher_end(program->watcher);
    }
    uv_update_time(&program->loop);
    (void)uv_timer_start(&program->timer, on_timer, wait_ms > 0 ? (uint64_t)wait_ms : 0, 0);
}

static void on_watch(uv_poll_t *poll, int code, int events)
{
    struct program *program = poll->data;

    (void)code;
    (void)events;
    watcher_read(program->watcher);
}

static void on_changed(void *user, const char *directory)
{
    struct program *program = user;
    char path[GLOB_SIZE_MAX];

    if (directory == NULL) {
        shipper_hint(program->shipper, NULL);
        return;
    }
    (void)snprintf(path, sizeof(path), "%s/x", directory); /* any file in it */
    shipper_hint(program->shipper, path);
}

static void on_trouble(void *user, const char *why)
{
    struct program *program = user;

    shipper_note_watch_trouble(program->shipper, why);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    stop_loop(handle->data);
}

static void start_handles(struct program *program, const struct shipper_settings *settings)
{
    const struct watcher_handler handler = {on_changed, on_trouble, program};

    (void)uv_timer_init(&program->loop, &program->timer);
    (void)uv_prepare_init(&program->loop, &program->prepare);
    (void)uv_signal_init(&program->loop, &program->terminate);
    (void)uv_signal_init(&program->loop, &program->interrupt);
    program->prepare.data = program->terminate.data = program->interrupt.data = program;
    program->started = true;
    (void)uv_prepare_start(&program->prepare, on_prepare);
    (void)uv_signal_start(&program->terminate, on_signal, SIGTERM);
    (void)uv_signal_start(&program->interrupt, on_signal, SIGINT);
    if (settings->use_inotify)
        program->watcher = watcher_new(&handler);
    if (program->watcher != NULL) {
        (void)uv_poll_init(&program->loop, &program->watch, watcher_fd(program->watcher));
        program->watch.data = program;
        (void)uv_poll_start(&program->watch, UV_READABLE, on_watch);
    }
}

static void close_handle(uv_handle_t *handle, void *unused)
{
    (void)unused;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void end(struct program *program)
{
    if (program->started) /* it steps the shipper, which goes now */
        (void)uv_prepare_stop(&program->prepare);
    if (program->watcher != NULL)
        (void)uv_poll_stop(&program->watch);
    control_free(program->control);
    shipper_free(program->shipper);
    transport_tcp_free(program->transport);
    (void)uv_run(&program->loop, UV_RUN_NOWAIT);
    uv_walk(&program->loop, close_handle, NULL);
    (void)uv_run(&program->loop, UV_RUN_DEFAULT);
    watcher_free(program->watcher);
    (void)uv_loop_close(&program->loop);
}

static enum status run(struct io *io, const struct shipper_settings *settings, struct error *err)
{
    static struct program program;
    enum status status;

    program.io = io;
    (void)umask(027);
    (void)signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&program.loop) != 0)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the event loop");
    status = transport_tcp_new(&program.loop, &settings->collector, &program.transport, err);
    if (status == STATUS_OK)
        status =
            shipper_new(io, settings, transport_tcp_base(program.transport), &program.shipper, err);
    if (status != STATUS_OK) {
        end(&program);
        return status;
    }
    if (control_new(&program.loop, settings->state, program.shipper, &program.control, err) !=
        STATUS_OK)
        diag_warn("%s", err->message); /* works without */
    start_handles(&program, settings);
    if (settings->source_count == 0)
        diag_warn("no source is given, so no file is followed: name some with --source, or under "
                  "\"sources\" in the file");
    diag_info("follows %u pattern%s, sends to %s:%u", settings->source_count,
              settings->source_count == 1 ? "" : "s", settings->collector.host,
              settings->collector.port);
    (void)uv_run(&program.loop, UV_RUN_DEFAULT);
    end(&program);
    return STATUS_OK;
}

static enum status ask(const struct shipper_options *options, struct error *err)
{
    struct buf question = buf_empty(GLOB_SIZE_MAX + 16), answer = buf_empty(ANSWER_SIZE_MAX);
    enum status status;

    if (options->command == COMMAND_STATUS)
        buf_append_text(&question, "status");
    else
        buf_printf(&question, "explain %s", options->argument);
    buf_append_byte(&question, '\0');
    status = buf_check(&question, "the path", err);
    if (status == STATUS_OK)
        status = control_ask(options->settings.state, question.data, &answer, err);
    if (status == STATUS_NOT_FOUND && options->command == COMMAND_STATUS)
        status = saved_status(io_system(), options->settings.state, &answer, err);
    if (status == STATUS_OK &&
        (fwrite(answer.data, 1, answer.len, stdout) != answer.len || fflush(stdout) != 0))
        status = error_set(err, STATUS_IO, "cannot write to stdout");
    buf_release(&question);
    buf_release(&answer);
    return status;
}

int main(int argc, char **argv)
{
    struct arena arena = arena_empty(OPTIONS_MEMORY_MAX);
    struct shipper_options options;
    struct error err = {0};
    int code = CLI_EXIT_OK;
    enum status status;

    diag_init("dendro-shipper", DIAG_INFO);
    status = shipper_options_read(io_system(), (struct cli_words){argc, argv}, &arena, &options,
                                  &err);
    if (status == STATUS_OK && !options.check) {
        status = options.command == COMMAND_RUN ? run(io_system(), &options.settings, &err)
                                                : ask(&options, &err);
        code = status == STATUS_OK ? CLI_EXIT_OK : CLI_EXIT_ERROR;
    } else if (status != STATUS_OK && status != STATUS_END) {
        code = CLI_EXIT_USAGE;
    }
    if (code == CLI_EXIT_ERROR && options.command == COMMAND_RUN)
        diag_error("%s", err.message);
    else if (code != CLI_EXIT_OK) /* to the person who typed: without time and level */
        (void)fprintf(stderr, "dendro-shipper: %s\n", err.message);
    arena_release(&arena);
    return code;
}
