/* query/cli/sink.c -- a buffer in front of write(2). */
#include "query/cli/sink.h"

#include "query/cli/command.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

bool sink_init(struct sink *sink)
{
    *sink = (struct sink){.data = malloc(SINK_SIZE), .is_terminal = isatty(STDOUT_FILENO) == 1};
    sink->line_buffered = sink->is_terminal;
    if (sink->data == NULL)
        command_say("no memory for the output");
    return sink->data != NULL;
}

static bool write_all(struct sink *sink, struct slice text)
{
    while (text.len > 0 && !sink->closed && !sink->failed) {
        ssize_t written = write(STDOUT_FILENO, text.data, text.len);

        if (written >= 0) {
            text = slice_from(text, (size_t)written);
        } else if (errno == EPIPE) {
            sink->closed = true;
        } else if (errno != EINTR) {
            command_say("cannot write: %s", strerror(errno));
            sink->failed = true;
        }
    }
    return !sink->closed && !sink->failed;
}

bool sink_flush(struct sink *sink)
{
    struct slice text = slice_make(sink->data, sink->len);

    sink->len = 0;
    return write_all(sink, text);
}

bool sink_put(struct sink *sink, struct slice text)
{
    if (text.len > SINK_SIZE - sink->len && !sink_flush(sink))
        return false;
    if (text.len >= SINK_SIZE)
        return write_all(sink, text);
    if (text.len > 0)
        memcpy(sink->data + sink->len, text.data, text.len);
    sink->len += text.len;
    if (sink->line_buffered && text.len > 0 && text.data[text.len - 1] == '\n')
        return sink_flush(sink);
    return !sink->closed && !sink->failed;
}

bool sink_finish(struct sink *sink)
{
    (void)sink_flush(sink);
    free(sink->data);
    sink->data = NULL;
    if (sink->closed) {
        (void)signal(SIGPIPE, SIG_DFL);
        (void)raise(SIGPIPE);
    }
    return !sink->failed;
}
