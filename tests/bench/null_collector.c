/* tests/bench/null_collector.c -- a collector that accepts every frame, acks it and forgets it, to
 * measure a shipper alone: null_collector PORT [SECONDS]. Prints bytes and lines at its end: when
 * the time is over, or the first connection closes. */
#include "base/batch_message.h"
#include "base/compress.h"
#include "base/frame.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { INPUT_SIZE = 8 << 20, WINDOW_SIZE = 8 << 20, WINDOW_FRAMES = 256 };

struct null_collector {
    int fd;
    struct buf input, output;
    struct compressor *compressor;
    struct buf scratch;
    uint64_t epoch, frames, wire_bytes, raw_bytes, lines, samples, source_bytes;
    bool count_only; /* do not inflate: the shipper's core is all that is measured */
};

static void answer(struct null_collector *null, enum frame_type type, struct buf *body)
{
    struct frame_fields fields = {.type = type, .lane = LANE_CONTROL, .codec = CODEC_NONE};

    if (frame_append(&null->output, &fields, buf_slice(body), NULL, NULL) != STATUS_OK)
        abort();
    buf_release(body);
}

static void welcome(struct null_collector *null, struct slice body)
{
    struct buf out = buf_empty(1 << 16);
    struct hello hello;
    struct welcome message = {.version = WIRE_VERSION,
                              .features = FEATURE_SOURCE_QUERY,
                              .codec = CODEC_ZSTD,
                              .body_size_max = FRAME_BODY_SIZE_MAX,
                              .store_incarnation = 1};

    if (hello_decode(body, &hello, NULL) != STATUS_OK)
        abort();
    null->epoch = hello.epoch;
    for (size_t i = 0; i < LANE_COUNT; i++)
        message.lanes[i] = (struct welcome_lane){hello.lanes[i].oldest_unacked_seq - 1,
                                                 {WINDOW_SIZE, WINDOW_FRAMES}};
    welcome_append(&out, &message);
    answer(null, FRAME_WELCOME, &out);
}

static void answer_query(struct null_collector *null, struct slice body)
{
    static struct source_answer answers[WIRE_SOURCES_MAX];
    struct buf out = buf_empty(1 << 20);
    struct source_query query;

    if (source_query_decode(body, &query, NULL) != STATUS_OK)
        abort();
    memset(answers, 0, sizeof(answers));
    for (uint32_t i = 0; i < query.count; i++)
        memcpy(answers[i].watermark.source.generation, query.generations[i], WIRE_ID_SIZE);
    source_answers_append(&out, answers, query.count);
    answer(null, FRAME_SOURCE_ANSWER, &out);
}

static void take_batch(struct null_collector *null, const struct frame *frame, struct slice body)
{
    struct buf out = buf_empty(1 << 16);
    struct batch_message message;
    struct ack ack = {.lane = frame->header.lane,
                      .epoch = null->epoch,
                      .durable_seq = frame->header.seq,
                      .credit = {WINDOW_SIZE, WINDOW_FRAMES}};

    null->raw_bytes += frame->header.raw_size;
    if (!null->count_only) {
        if (batch_decode(body, &message, NULL) != STATUS_OK)
            abort();
        null->lines += message.line_count;
        null->samples += message.sample_count;
    }
    ack_append(&out, &ack);
    answer(null, FRAME_ACK, &out);
}

static void take(struct null_collector *null, const struct frame *frame)
{
    bool batch = frame->header.type == FRAME_BATCH;
    struct slice body = {NULL, 0};

    null->frames++;
    if (!frame->body_intact)
        abort();
    if (!(batch && null->count_only) &&
        frame_raw(frame, null->compressor, &null->scratch, &body, NULL) != STATUS_OK)
        abort();
    if (frame->header.type == FRAME_HELLO)
        welcome(null, body);
    else if (frame->header.type == FRAME_SOURCE_QUERY)
        answer_query(null, body);
    else if (batch)
        take_batch(null, frame, body);
}

/* False: the connection is closed. */
static bool serve(struct null_collector *null)
{
    struct slice rest;
    struct frame frame;
    ssize_t got;

    if (!buf_reserve(&null->input, 1 << 20))
        abort();
    got = recv(null->fd, null->input.data + null->input.len, 1 << 20, 0);
    if (got <= 0)
        return false;
    null->wire_bytes += (uint64_t)got;
    buf_commit(&null->input, (size_t)got);
    rest = buf_slice(&null->input);
    while (frame_read(&rest, FRAME_BODY_SIZE_MAX, &frame, NULL) == STATUS_OK)
        take(null, &frame);
    buf_consume(&null->input, null->input.len - rest.len);
    if (null->output.len > 0 && send(null->fd, null->output.data, null->output.len, MSG_NOSIGNAL) !=
                                    (ssize_t)null->output.len)
        return false;
    buf_reset(&null->output);
    return true;
}

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int listen_on(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(fd, 1) != 0) {
        perror("null_collector");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    struct null_collector null = {.input = buf_empty(INPUT_SIZE),
                                  .output = buf_empty(INPUT_SIZE),
                                  .scratch = buf_empty(FRAME_RAW_SIZE_MAX)};
    double end, first = 0, last = 0;
    int listener;

    if (argc < 2) {
        fprintf(stderr, "usage: null_collector PORT [SECONDS [count]]\n");
        return 2;
    }
    null.count_only = argc > 3;
    if (compressor_new(&null.compressor, NULL) != STATUS_OK)
        return 1;
    listener = listen_on((unsigned)strtoul(argv[1], NULL, 10));
    end = now_s() + (argc > 2 ? strtod(argv[2], NULL) : 1e9);
    null.fd = accept(listener, NULL, NULL);
    while (now_s() < end) {
        struct pollfd wait = {null.fd, POLLIN, 0};

        if (poll(&wait, 1, 100) <= 0)
            continue;
        if (!serve(&null))
            break;
        last = now_s();
        first = first == 0 && null.raw_bytes > 100000 ? last : first;
    }
    printf("frames %llu wire %llu raw %llu lines %llu samples %llu seconds %.3f\n",
           (unsigned long long)null.frames, (unsigned long long)null.wire_bytes,
           (unsigned long long)null.raw_bytes, (unsigned long long)null.lines,
           (unsigned long long)null.samples, last - first);
    compressor_free(null.compressor);
    buf_release(&null.input);
    buf_release(&null.output);
    buf_release(&null.scratch);
    (void)close(listener);
    return 0;
}
