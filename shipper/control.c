/* shipper/control.c -- see the header. The server reads a line, writes an answer and closes. */
#include "shipper/control.h"

#include "shipper/shipper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    QUESTION_SIZE_MAX = 4096 + 16,
    ANSWER_SIZE_MAX = 16 * 1024 * 1024,
    RECEIVE_SIZE = 65536,
    CLIENTS_MAX = 4,
    CLIENT_TIMEOUT_S = 10,
};

struct control {
    uv_pipe_t pipe;
    struct shipper *shipper;
    unsigned clients;
    bool closed;
};

struct client {
    uv_pipe_t pipe;
    uv_write_t write;
    struct control *control;
    struct buf answer;
    size_t len;
    char question[QUESTION_SIZE_MAX];
};

/* A path that is cut would be another one, whose file we would remove. */
static enum status socket_path(const char *state, struct sockaddr_un *address, struct error *err)
{
    int len;

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    len = snprintf(address->sun_path, sizeof(address->sun_path), "%s/control", state);
    if (len >= 0 && (size_t)len < sizeof(address->sun_path))
        return STATUS_OK;
    return error_set(err, STATUS_TOO_LARGE,
                     "the state directory %s is too long for a socket in it (at most %zu bytes): "
                     "status and explain cannot be asked",
                     state, sizeof(address->sun_path) - sizeof("/control"));
}

static void control_unref(struct control *control)
{
    if (control->closed && control->clients == 0)
        free(control);
}

static void on_client_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;

    client->control->clients--;
    control_unref(client->control);
    buf_release(&client->answer);
    free(client);
}

static void client_close(struct client *client)
{
    if (!uv_is_closing((uv_handle_t *)&client->pipe))
        uv_close((uv_handle_t *)&client->pipe, on_client_closed);
}

static void on_answered(uv_write_t *request, int code)
{
    (void)code;
    client_close(request->data);
}

static void answer(struct client *client)
{
    struct slice question = slice_make(client->question, client->len);
    size_t end = slice_find_byte(question, '\n'); /* it is there */
    uv_buf_t part;

    if (client->control->closed) {
        client_close(client);
        return;
    }
    client->question[end] = '\0';
    question.len = end;
    if (slice_is(question, "status"))
        shipper_status(client->control->shipper, &client->answer);
    else if (slice_starts(question, SLICE_LITERAL("explain ")))
        shipper_explain(client->control->shipper, client->question + sizeof("explain ") - 1,
                        &client->answer);
    else
        buf_append_text(&client->answer, "unknown question\n");
    part = uv_buf_init(client->answer.data, (unsigned)client->answer.len);
    client->write.data = client;
    if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &part, 1, on_answered) != 0)
        client_close(client);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *chunk)
{
    struct client *client = handle->data;

    (void)suggested;
    *chunk = uv_buf_init(client->question + client->len,
                         (unsigned)(sizeof(client->question) - client->len));
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *chunk)
{
    struct client *client = stream->data;

    (void)chunk;
    if (nread < 0) {
        client_close(client);
        return;
    }
    client->len += (size_t)nread;
    if (memchr(client->question, '\n', client->len) != NULL) {
        (void)uv_read_stop(stream);
        answer(client);
    }
}

static void on_connection(uv_stream_t *server, int code)
{
    struct control *control = server->data;
    struct client *client = code == 0 ? calloc(1, sizeof(*client)) : NULL;

    if (client == NULL)
        return;
    client->control = control;
    client->answer = buf_empty(ANSWER_SIZE_MAX);
    (void)uv_pipe_init(server->loop, &client->pipe, 0);
    client->pipe.data = client;
    control->clients++;
    if (uv_accept(server, (uv_stream_t *)&client->pipe) != 0 || control->clients > CLIENTS_MAX ||
        uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read) != 0)
        client_close(client);
}

static void on_control_closed(uv_handle_t *handle)
{
    struct control *control = handle->data;

    control->closed = true;
    control_unref(control);
}

enum status control_new(uv_loop_t *loop, const char *state, struct shipper *shipper,
                        struct control **out, struct error *err)
{
    struct sockaddr_un address;
    enum status status = socket_path(state, &address, err);
    struct control *control;
    mode_t mask;
    int code;

    if (status != STATUS_OK)
        return status;
    control = calloc(1, sizeof(*control));
    if (control == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the control socket");
    control->shipper = shipper;
    code = uv_pipe_init(loop, &control->pipe, 0);
    control->pipe.data = control;
    (void)unlink(address.sun_path); /* of a shipper that was killed: we hold the lock */
    mask = umask(0077);
    if (code == 0)
        code = uv_pipe_bind(&control->pipe, address.sun_path);
    (void)umask(mask);
    if (code == 0)
        code = uv_listen((uv_stream_t *)&control->pipe, CLIENTS_MAX, on_connection);
    if (code == 0) {
        *out = control;
        return STATUS_OK;
    }
    uv_close((uv_handle_t *)&control->pipe, on_control_closed);
    return error_set(err, STATUS_IO, "cannot listen on %s: %s", address.sun_path,
                     uv_strerror(code));
}

void control_free(struct control *control)
{
    if (control != NULL && !uv_is_closing((uv_handle_t *)&control->pipe))
        uv_close((uv_handle_t *)&control->pipe, on_control_closed);
}

/* ---- client ---- */

static enum status receive(int fd, struct buf *out, struct error *err)
{
    for (;;) {
        ssize_t got;

        if (!buf_reserve(out, RECEIVE_SIZE))
            return buf_check(out, "the answer", err);
        got = recv(fd, out->data + out->len, RECEIVE_SIZE, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(err, errno, "no answer from the shipper");
        if (got == 0)
            return STATUS_OK;
        buf_commit(out, (size_t)got);
    }
}

enum status control_ask(const char *state, const char *question, struct buf *out, struct error *err)
{
    struct timeval timeout = {.tv_sec = CLIENT_TIMEOUT_S};
    struct sockaddr_un address;
    size_t len = strlen(question);
    enum status status = socket_path(state, &address, err);
    int fd;

    if (status != STATUS_OK)
        return status;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_set_errno(err, errno, "cannot make a socket");
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        status =
            error_set(err, STATUS_NOT_FOUND,
                      "no shipper runs with the state directory %s: start it, or name that of the "
                      "one that runs with --state",
                      state);
    else if (send(fd, question, len, MSG_NOSIGNAL) != (ssize_t)len ||
             send(fd, "\n", 1, MSG_NOSIGNAL) != 1)
        status = error_set_errno(err, errno, "cannot ask the shipper");
    else
        status = receive(fd, out, err);
    (void)close(fd);
    return status;
}
