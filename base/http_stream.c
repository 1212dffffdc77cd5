/* base/http_stream.c -- an answer that another thread fills while the loop sends it.
 *
 * Two buffers: the holder appends to `pending`, the loop sends from `sending`, and swaps them when
 * `sending` is used up, so that neither copies what waits. Back-pressure is the sum of both. When
 * there is nothing to send the connection is suspended; the holder wakes the loop through uv_async,
 * since libmicrohttpd is called on the loop thread only. */
#include "base/http_private.h"

#include "base/memory_budget.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum { STANDING_S_MAX = 10 }; /* of a reader, when memory is short */

bool http_stream_init(struct http_stream *stream)
{
    if (pthread_mutex_init(&stream->lock, NULL) != 0)
        return false;
    if (pthread_cond_init(&stream->room, NULL) != 0) {
        pthread_mutex_destroy(&stream->lock);
        return false;
    }
    stream->encoded = buf_empty(HTTP_ANSWER_SIZE_MAX);
    stream->pending = buf_empty_spare(HTTP_ANSWER_SIZE_MAX);
    stream->sending = buf_empty_spare(HTTP_ANSWER_SIZE_MAX);
    return true;
}

void http_stream_release(struct http_stream *stream)
{
    if (stream->response != NULL)
        MHD_destroy_response(stream->response);
    buf_release(&stream->pending);
    buf_release(&stream->sending);
    buf_release(&stream->encoded);
    http_encoder_free(stream->encoder);
    pthread_cond_destroy(&stream->room);
    pthread_mutex_destroy(&stream->lock);
}

static struct http_request *request_of(struct http_stream *stream)
{
    return (struct http_request *)((char *)stream - offsetof(struct http_request, stream));
}

static size_t waiting_size(const struct http_stream *stream)
{
    return stream->pending.len + stream->sending.len - stream->sending_offset;
}

/* ---- the loop's side ---- */

void http_stream_hang_up(struct http_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    atomic_store(&stream->cancelled, true);
    stream->wake = NULL;
    stream->suspended = false;
    pthread_cond_broadcast(&stream->room);
    pthread_mutex_unlock(&stream->lock);
}

/* MHD_ContentReaderCallback. Suspending happens under the lock, so that news cannot slip in
 * between the look and the sleep. */
ssize_t http_stream_read(void *user, uint64_t position, char *out, size_t out_size)
{
    struct http_request *request = user;
    struct http_stream *stream = &request->stream;
    ssize_t result = 0;

    (void)position;
    pthread_mutex_lock(&stream->lock);
    if (stream->sending_offset == stream->sending.len && stream->pending.len > 0) {
        struct buf empty = stream->sending;

        stream->sending = stream->pending;
        stream->pending = empty;
        stream->sending_offset = 0;
        buf_reset(&stream->pending);
    }
    if (atomic_load(&stream->cancelled) || stream->state == HTTP_STREAM_ABORTED) {
        result = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (stream->sending_offset < stream->sending.len) {
        struct slice left = slice_from(buf_slice(&stream->sending), stream->sending_offset);

        left = slice_first(left, out_size);
        memcpy(out, left.data, left.len);
        stream->sending_offset += left.len;
        result = (ssize_t)left.len;
        pthread_cond_broadcast(&stream->room);
    } else if (stream->state == HTTP_STREAM_ENDED) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        stream->suspended = true;
        MHD_suspend_connection(request->connection);
    }
    pthread_mutex_unlock(&stream->lock);
    if (result > 0)
        request->server->stats.bytes_sent += (uint64_t)result;
    return result;
}

/* The handler has run and took the stream: queue the answer if it is there, else wait for it. */
enum MHD_Result http_stream_advance(struct http_request *request)
{
    struct http_stream *stream = &request->stream;
    struct MHD_Response *response = NULL;

    pthread_mutex_lock(&stream->lock);
    if (stream->response != NULL) {
        response = stream->response;
        stream->response = NULL;
    } else if (!atomic_load(&stream->cancelled) && stream->state == HTTP_STREAM_TAKEN) {
        stream->suspended = true;
        MHD_suspend_connection(request->connection);
        pthread_mutex_unlock(&stream->lock);
        return MHD_YES;
    }
    pthread_mutex_unlock(&stream->lock);
    return response == NULL ? MHD_NO : http_request_queue(request, stream->status, response);
}

void http_stream_resume(struct http_request *request)
{
    struct http_stream *stream = &request->stream;
    bool resume;

    pthread_mutex_lock(&stream->lock);
    stream->wake_sent = false;
    resume = stream->suspended &&
             (stream->response != NULL || waiting_size(stream) > 0 ||
              stream->state >= HTTP_STREAM_ENDED || atomic_load(&stream->cancelled));
    if (resume)
        stream->suspended = false;
    pthread_mutex_unlock(&stream->lock);
    if (resume)
        MHD_resume_connection(request->connection);
}

/* ---- the holder's side ---- */

/* With the lock held: have the loop look at the stream. */
static void wake_loop(struct http_stream *stream)
{
    if (stream->wake == NULL || stream->wake_sent || !stream->suspended)
        return;
    stream->wake_sent = true;
    (void)uv_async_send(stream->wake);
}

struct http_request *http_stream_request(struct http_stream *stream)
{
    return request_of(stream);
}

const atomic_bool *http_stream_cancelled(const struct http_stream *stream)
{
    return &stream->cancelled;
}

void http_stream_limit(struct http_stream *stream, uint32_t output_size_max)
{
    request_of(stream)->output_size_max = output_size_max;
}

static enum status offer_response(struct http_stream *stream, unsigned status,
                                  struct MHD_Response *response, enum http_stream_state state)
{
    bool cancelled;

    if (response == NULL)
        return STATUS_NO_MEMORY;
    pthread_mutex_lock(&stream->lock);
    cancelled = atomic_load(&stream->cancelled) || stream->state != HTTP_STREAM_TAKEN;
    if (!cancelled) {
        stream->response = response;
        stream->status = status;
        stream->state = state;
        wake_loop(stream);
    }
    pthread_mutex_unlock(&stream->lock);
    if (cancelled)
        MHD_destroy_response(response);
    return cancelled ? STATUS_CANCELLED : STATUS_OK;
}

enum status http_stream_respond(struct http_stream *stream, const struct http_answer *answer)
{
    struct http_request *request = request_of(stream);

    return offer_response(stream, answer->status, http_response_new(request, answer, false),
                          HTTP_STREAM_ENDED);
}

enum status http_stream_begin(struct http_stream *stream, const struct http_answer *answer)
{
    struct http_request *request = request_of(stream);
    enum status status = STATUS_OK;

    if (answer->uncompressed)
        request->coding = HTTP_IDENTITY;
    if (request->coding != HTTP_IDENTITY)
        status = http_encoder_new(request->coding, &stream->encoder, NULL);
    if (status != STATUS_OK)
        return status;
    return offer_response(stream, answer->status, http_response_new(request, answer, true),
                          HTTP_STREAM_READY);
}

/* What waits is memory of the connection, not of the query that made it. The lock is held. */
static bool append_pending(struct http_stream *stream, struct slice bytes)
{
    enum memory_class before = memory_budget_enter(MEMORY_CONNECTIONS);
    bool fits = buf_append_slice(&stream->pending, bytes);

    (void)memory_budget_enter(before);
    return fits;
}

/* Wait for a second at most; the lock is held. Who stands still holds the memory of its query, and the
 * newest rows that it sees: when the process has none left, it is cut off. The condition is on the wall
 * clock; a jump of it makes one wait longer, until the reader goes on. */
static void wait_for_room(struct http_stream *stream, unsigned *stood_s)
{
    struct timespec until;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    if (pthread_cond_timedwait(&stream->room, &stream->lock, &until) == 0) {
        *stood_s = 0;
        return;
    }
    if (++*stood_s >= STANDING_S_MAX && memory_budget_over(MEMORY_OTHER, 0)) {
        atomic_store(&stream->cancelled, true);
        stream->state = HTTP_STREAM_ABORTED;
        wake_loop(stream);
    }
}

/* Append to what the client gets. The last piece may go over the limit: it is bounded by the
 * caller's piece, and a piece larger than the limit could otherwise never be sent. */
static enum status append(struct http_stream *stream, struct slice bytes, size_t size_max,
                          bool wait)
{
    enum status status = STATUS_OK;
    unsigned stood_s = 0;

    pthread_mutex_lock(&stream->lock);
    while (wait && waiting_size(stream) >= size_max && !atomic_load(&stream->cancelled))
        wait_for_room(stream, &stood_s);
    if (atomic_load(&stream->cancelled))
        status = STATUS_CANCELLED;
    else if (!append_pending(stream, bytes))
        status = STATUS_NO_MEMORY;
    if (status == STATUS_NO_MEMORY)
        stream->state = HTTP_STREAM_ABORTED;
    if (status != STATUS_CANCELLED)
        wake_loop(stream);
    pthread_mutex_unlock(&stream->lock);
    return status;
}

static enum status encode_and_append(struct http_stream *stream, struct slice bytes,
                                     enum http_encoder_step step, bool wait)
{
    size_t size_max = request_of(stream)->output_size_max;
    enum status status;

    if (stream->encoder == NULL)
        return bytes.len == 0 ? STATUS_OK : append(stream, bytes, size_max, wait);
    buf_reset(&stream->encoded);
    status = http_encoder_run(stream->encoder, bytes, step, &stream->encoded);
    if (status != STATUS_OK) {
        http_stream_abort(stream);
        return STATUS_NO_MEMORY;
    }
    if (stream->encoded.len == 0)
        return atomic_load(&stream->cancelled) ? STATUS_CANCELLED : STATUS_OK;
    return append(stream, buf_slice(&stream->encoded), size_max, wait);
}

enum status http_stream_write(struct http_stream *stream, struct slice bytes)
{
    return encode_and_append(stream, bytes, HTTP_ENCODE_MORE, true);
}

enum status http_stream_flush(struct http_stream *stream)
{
    return encode_and_append(stream, (struct slice){0}, HTTP_ENCODE_FLUSH, false);
}

static void end(struct http_stream *stream, enum http_stream_state state)
{
    pthread_mutex_lock(&stream->lock);
    if (stream->state < HTTP_STREAM_ENDED)
        stream->state = state;
    wake_loop(stream);
    pthread_mutex_unlock(&stream->lock);
}

void http_stream_abort(struct http_stream *stream)
{
    end(stream, HTTP_STREAM_ABORTED);
}

void http_stream_close(struct http_stream *stream)
{
    enum http_stream_state state;

    if (stream == NULL)
        return;
    pthread_mutex_lock(&stream->lock);
    state = stream->state;
    pthread_mutex_unlock(&stream->lock);
    if (state == HTTP_STREAM_TAKEN) { /* the holder failed: never leave a client waiting */
        const struct http_answer sorry = {.status = 500, .uncompressed = true};

        (void)!http_stream_respond(stream, &sorry);
    } else if (state == HTTP_STREAM_READY) {
        (void)!encode_and_append(stream, (struct slice){0}, HTTP_ENCODE_END, false);
        end(stream, HTTP_STREAM_ENDED);
    }
    http_request_unref(request_of(stream));
}
