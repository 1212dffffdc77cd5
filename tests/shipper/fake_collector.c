/* tests/shipper/fake_collector.c -- see the header. Protocol errors abort: they are our bugs. */
#include "tests/shipper/fake_collector.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static struct fake_collector *fake_of(struct transport *transport)
{
    return (struct fake_collector *)(void *)transport;
}

/* ---- transport ---- */

static enum status fake_connect(struct transport *transport, struct error *err)
{
    struct fake_collector *fake = fake_of(transport);

    (void)err;
    fake->connecting = true;
    fake->connected = false;
    return STATUS_OK;
}

static size_t fake_queued(const struct transport *transport)
{
    (void)transport;
    return 0;
}

static void fake_close(struct transport *transport)
{
    struct fake_collector *fake = fake_of(transport);

    fake->connecting = fake->connected = false;
    buf_reset(&fake->input);
    buf_reset(&fake->output);
}

/* ---- answers ---- */

static void answer(struct fake_collector *fake, enum frame_type type, struct buf *body)
{
    struct frame_fields fields = {.type = type, .lane = LANE_CONTROL, .codec = CODEC_NONE};

    MUST(buf_check(body, "body", NULL) == STATUS_OK);
    MUST(frame_append(&fake->output, &fields, buf_slice(body), NULL, NULL) == STATUS_OK);
    buf_release(body);
}

static struct lane_credit credit(const struct fake_collector *fake)
{
    return (struct lane_credit){fake->window_size, fake->window_frames};
}

static void send_ack(struct fake_collector *fake, uint8_t lane)
{
    struct buf body = buf_empty(1 << 16);
    struct ack ack = {.lane = lane,
                      .epoch = fake->lanes[lane].epoch,
                      .durable_seq = fake->lanes[lane].durable_seq,
                      .credit = credit(fake)};

    if (fake->hold_acks)
        return;
    ack_append(&body, &ack);
    answer(fake, FRAME_ACK, &body);
}

static void send_nack(struct fake_collector *fake, uint8_t lane, unsigned code, uint64_t seq,
                      const struct stored_source *known, const struct wire_source *source)
{
    struct buf body = buf_empty(1 << 16);
    struct nack nack = {.lane = lane,
                        .code = (uint8_t)code,
                        .seq = seq,
                        .expected_seq = fake->lanes[lane].next_seq,
                        .detail = SLICE_LITERAL("test")};

    nack.permanent = fake->nack_permanent;
    if (source != NULL) {
        nack.has_watermark = true;
        nack.watermark.source = *source;
        if (known != NULL) {
            nack.watermark.durable_offset = known->offset;
            nack.watermark.tail_hash = known->tail_hash;
        }
    }
    fake->nacks_sent++;
    fake->lanes[lane].gap = true;
    nack_append(&body, &nack);
    answer(fake, FRAME_NACK, &body);
}

/* ---- store ---- */

static bool same(const struct wire_source *a, const struct wire_source *b)
{
    return a->truncations == b->truncations && memcmp(a->generation, b->generation, 16) == 0;
}

static struct stored_source *find(struct fake_collector *fake, const struct wire_source *source)
{
    for (size_t i = 0; i < fake->source_count; i++)
        if (same(&fake->sources[i].source, source))
            return &fake->sources[i];
    return NULL;
}

static char *copy_text(struct slice text)
{
    char *copy = malloc(text.len + 1);

    MUST(copy != NULL);
    if (text.len > 0)
        memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return copy;
}

static struct stored_source *add_source(struct fake_collector *fake,
                                        const struct wire_source *source, struct slice path)
{
    struct stored_source *added = &fake->sources[fake->source_count++];

    MUST(fake->source_count <= COUNT_OF(fake->sources));
    *added = (struct stored_source){.source = *source, .path = copy_text(path)};
    return added;
}

static void keep_line(struct fake_collector *fake, const struct batch_range *range,
                      const struct batch_line *line)
{
    struct stored_line *kept;

    if (fake->line_count == fake->line_capacity) {
        fake->line_capacity = fake->line_capacity == 0 ? 1024 : fake->line_capacity * 2;
        fake->lines = realloc(fake->lines, fake->line_capacity * sizeof(*fake->lines));
        MUST(fake->lines != NULL);
    }
    kept = &fake->lines[fake->line_count++];
    *kept = (struct stored_line){.source = range->source,
                                 .offset = line->offset,
                                 .source_len = line->source_len,
                                 .flags = line->flags,
                                 .path = copy_text(range->path),
                                 .bytes = copy_text(line->bytes),
                                 .len = line->bytes.len};
}

/* False: refused, with a NACK. */
static bool check_range(struct fake_collector *fake, const struct batch_range *range, uint64_t seq)
{
    struct stored_source *known = find(fake, &range->source);

    if (known == NULL) {
        if (range->start_offset == 0 || (range->flags & (RANGE_BEGIN | RANGE_HANDOFF)))
            return true;
        fake->gaps_found++;
        send_nack(fake, LANE_NORMAL, NACK_GAP, seq, NULL, &range->source);
        return false;
    }
    if (range->start_offset > known->offset) {
        fake->gaps_found++;
        send_nack(fake, LANE_NORMAL, NACK_GAP, seq, known, &range->source);
        return false;
    }
    if (range->start_offset == known->offset && known->tail_hash != TAIL_HASH_UNKNOWN &&
        range->prev_tail != TAIL_HASH_UNKNOWN && known->tail_hash != range->prev_tail) {
        fake->idents_found++;
        send_nack(fake, LANE_NORMAL, NACK_IDENT, seq, known, &range->source);
        return false;
    }
    return true;
}

static void store_range(struct fake_collector *fake, struct batch_reader *reader,
                        const struct batch_range *range)
{
    struct stored_source *known = find(fake, &range->source);
    struct batch_line line;
    bool fresh = known == NULL;

    if (fresh) {
        known = add_source(fake, &range->source, range->path);
        known->offset = range->start_offset;
        known->first_flags = range->flags;
    }
    while (batch_line_next(reader, &line)) {
        MUST(line.offset + line.source_len <= range->end_offset);
        if (line.offset + line.source_len <= known->offset && line.source_len > 0) {
            fake->duplicates_trimmed++;
            continue;
        }
        if (line.offset < known->offset) {
            uint64_t cut = known->offset - line.offset;

            line.bytes = slice_from(line.bytes, (size_t)cut);
            line.offset += cut;
            line.source_len -= (uint32_t)cut;
            line.flags |= WIRE_LINE_CONTINUED;
        }
        keep_line(fake, range, &line);
    }
    if (range->end_offset >= known->offset) {
        known->offset = range->end_offset;
        known->tail_hash = range->end_tail;
    }
    known->final = known->final || (range->flags & RANGE_FINAL);
}

static bool store_lines(struct fake_collector *fake, const struct batch_message *message,
                        uint64_t seq)
{
    struct batch_reader reader = batch_read(message);
    struct batch_range range;

    /* A batch is taken as a whole or not at all; later ranges may continue earlier ones. */
    while (batch_range_next(&reader, &range)) {
        struct batch_reader look = batch_read(message);
        struct batch_range earlier;
        bool continues = false;

        while (batch_range_next(&look, &earlier) && earlier.first_line <= range.first_line)
            if (same(&earlier.source, &range.source) && earlier.end_offset == range.start_offset &&
                earlier.start_offset < range.start_offset)
                continues = true;
        if (!continues && !check_range(fake, &range, seq))
            return false;
    }
    reader = batch_read(message);
    fake->batch_count++;
    while (batch_range_next(&reader, &range)) {
        fake->range_count++;
        store_range(fake, &reader, &range);
    }
    return true;
}

static bool store_loss(struct fake_collector *fake, struct slice body, uint64_t seq)
{
    struct loss_message loss;
    struct stored_source *known;

    MUST(loss_message_decode(body, &loss, NULL) == STATUS_OK);
    known = find(fake, &loss.source);
    if (known != NULL && loss.from_offset > known->offset) {
        fake->gaps_found++;
        send_nack(fake, LANE_NORMAL, NACK_GAP, seq, known, &loss.source);
        return false;
    }
    if (known == NULL)
        known = add_source(fake, &loss.source, loss.path);
    if (loss.to_offset <= known->offset)
        return true;
    MUST(fake->loss_count < COUNT_OF(fake->losses));
    fake->losses[fake->loss_count++] = (struct stored_loss){
        loss.source, loss.from_offset > known->offset ? loss.from_offset : known->offset,
        loss.to_offset, loss.reason};
    known->offset = loss.to_offset;
    known->tail_hash = loss.end_tail;
    return true;
}

/* ---- messages ---- */

static void take_hello(struct fake_collector *fake, struct slice body)
{
    struct buf out = buf_empty(1 << 16);
    struct hello hello;
    struct welcome welcome = {.version = WIRE_VERSION,
                              .features = FEATURE_SOURCE_QUERY,
                              .codec = CODEC_ZSTD,
                              .body_size_max = FRAME_BODY_SIZE_MAX,
                              .store_incarnation = fake->store_incarnation,
                              .geo = slice_of(fake->geo)};

    MUST(hello_decode(body, &hello, NULL) == STATUS_OK);
    fake->hellos++;
    memcpy(fake->last_shipper, hello.shipper, WIRE_ID_SIZE);
    if (fake->fence_next) {
        fake->fence_next = false;
        send_nack(fake, LANE_CONTROL, NACK_FENCED, 0, NULL, NULL);
        buf_release(&out);
        return;
    }
    for (size_t i = 0; i < LANE_COUNT; i++) {
        struct fake_lane *lane = &fake->lanes[i];

        if (lane->epoch != hello.epoch || fake->forgets)
            *lane = (struct fake_lane){.epoch = hello.epoch,
                                       .next_seq = hello.lanes[i].oldest_unacked_seq,
                                       .durable_seq = hello.lanes[i].oldest_unacked_seq - 1};
        lane->gap = false;
        welcome.lanes[i] = (struct welcome_lane){lane->durable_seq, credit(fake)};
    }
    fake->forgets = false;
    welcome_append(&out, &welcome);
    answer(fake, FRAME_WELCOME, &out);
}

static void take_query(struct fake_collector *fake, struct slice body)
{
    struct buf out = buf_empty(1 << 20);
    struct source_query query;
    struct source_answer answers[WIRE_SOURCES_MAX];

    MUST(source_query_decode(body, &query, NULL) == STATUS_OK);
    memset(answers, 0, sizeof(answers));
    for (uint32_t i = 0; i < query.count; i++) {
        memcpy(answers[i].watermark.source.generation, query.generations[i], WIRE_ID_SIZE);
        for (size_t k = 0; k < fake->source_count; k++) {
            const struct stored_source *known = &fake->sources[k];

            if (memcmp(known->source.generation, query.generations[i], WIRE_ID_SIZE) != 0 ||
                (answers[i].known &&
                 known->source.truncations < answers[i].watermark.source.truncations))
                continue;
            answers[i].known = true;
            answers[i].watermark =
                (struct wire_watermark){known->source, known->offset, known->tail_hash};
        }
    }
    source_answers_append(&out, answers, query.count);
    answer(fake, FRAME_SOURCE_ANSWER, &out);
}

static void take_data(struct fake_collector *fake, const struct frame *frame, struct slice body)
{
    struct fake_lane *lane = &fake->lanes[frame->header.lane];
    uint64_t seq = frame->header.seq;
    struct batch_message message;
    bool taken = true;

    if (seq <= lane->durable_seq) {
        send_ack(fake, frame->header.lane);
        return;
    }
    if (seq != lane->next_seq) {
        if (!lane->gap)
            send_nack(fake, frame->header.lane, NACK_GAP, seq, NULL, NULL);
        return;
    }
    lane->gap = false;
    if (fake->nack_next != 0 && frame->header.lane == LANE_NORMAL) {
        send_nack(fake, LANE_NORMAL, fake->nack_next, seq, NULL, NULL);
        fake->nack_next = 0;
        fake->nack_permanent = false;
        return;
    }
    if (frame->header.type == FRAME_LOSS) {
        taken = store_loss(fake, body, seq);
    } else {
        MUST(batch_decode(body, &message, NULL) == STATUS_OK);
        if (message.kind == BATCH_LINES)
            taken = store_lines(fake, &message, seq);
        fake->sample_count += message.sample_count;
        fake->series_count = message.series_count > 0 ? message.series_count : fake->series_count;
    }
    if (!taken)
        return;
    lane->durable_seq = seq;
    lane->next_seq = seq + 1;
    send_ack(fake, frame->header.lane);
}

static void take_frame(struct fake_collector *fake, const struct frame *frame)
{
    struct slice body;

    MUST(frame->body_intact);
    MUST(frame_raw(frame, fake->compressor, &fake->scratch, &body, NULL) == STATUS_OK);
    fake->frames_received++;
    switch (frame->header.type) {
    case FRAME_HELLO:
        take_hello(fake, body);
        break;
    case FRAME_SOURCE_QUERY:
        take_query(fake, body);
        break;
    case FRAME_BATCH:
    case FRAME_LOSS:
        take_data(fake, frame, body);
        break;
    case FRAME_PING: {
        struct buf out = buf_empty(1024);
        struct ping ping;
        struct pong pong;

        MUST(ping_decode(body, &ping, NULL) == STATUS_OK);
        pong = (struct pong){ping.send_ns, ping.send_ns, ping.send_ns};
        pong_append(&out, &pong);
        answer(fake, FRAME_PONG, &out);
        break;
    }
    default:
        break;
    }
}

static enum status fake_send(struct transport *transport, struct slice bytes, struct error *err)
{
    struct fake_collector *fake = fake_of(transport);

    if (!fake->connected)
        return error_set(err, STATUS_IO, "not connected");
    fake->bytes_received += bytes.len;
    MUST(buf_append_slice(&fake->input, bytes));
    return STATUS_OK;
}

bool fake_collector_run(struct fake_collector *fake)
{
    struct slice rest;
    struct frame frame;
    struct buf output;

    if (fake->connecting) {
        fake->connecting = false;
        if (fake->refuse_connections) {
            fake->base.events->closed(fake->base.user, "refused by the test");
            return true;
        }
        fake->connected = true;
        fake->base.events->connected(fake->base.user);
    }
    rest = buf_slice(&fake->input);
    while (fake->connected && frame_read(&rest, FRAME_BODY_SIZE_MAX, &frame, NULL) == STATUS_OK) {
        take_frame(fake, &frame);
        if (fake->drop_after_frames > 0 && --fake->drop_after_frames == 0) {
            fake_collector_cut(fake); /* what was answered is lost with it */
            return true;
        }
    }
    if (!fake->connected)
        return false;
    buf_consume(&fake->input, fake->input.len - rest.len);
    if (fake->output.len == 0)
        return false;
    output = fake->output;
    fake->output = buf_empty(64 << 20);
    fake->base.events->received(fake->base.user, buf_slice(&output));
    buf_release(&output);
    return true;
}

void fake_collector_cut(struct fake_collector *fake)
{
    bool was = fake->connected || fake->connecting;

    fake_close(&fake->base);
    if (was)
        fake->base.events->closed(fake->base.user, "cut by the test");
}

struct fake_collector *fake_collector_new(void)
{
    static const struct transport_ops ops = {fake_connect, fake_send, fake_queued, fake_close};
    struct fake_collector *fake = calloc(1, sizeof(*fake));

    MUST(fake != NULL);
    fake->base.ops = &ops;
    fake->input = fake->output = buf_empty(64 << 20);
    fake->scratch = buf_empty(FRAME_RAW_SIZE_MAX);
    fake->window_size = 8 << 20;
    fake->window_frames = 64;
    fake->store_incarnation = 1;
    fake->geo = "test";
    MUST(compressor_new(&fake->compressor, NULL) == STATUS_OK);
    return fake;
}

static void forget_all(struct fake_collector *fake)
{
    for (size_t i = 0; i < fake->line_count; i++) {
        free(fake->lines[i].path);
        free(fake->lines[i].bytes);
    }
    for (size_t i = 0; i < fake->source_count; i++)
        free(fake->sources[i].path);
    fake->line_count = fake->source_count = fake->loss_count = 0;
}

void fake_collector_lose_store(struct fake_collector *fake)
{
    forget_all(fake);
    fake->store_incarnation++;
    fake->forgets = true;
    fake_collector_cut(fake);
}

void fake_collector_free(struct fake_collector *fake)
{
    forget_all(fake);
    free(fake->lines);
    buf_release(&fake->input);
    buf_release(&fake->output);
    buf_release(&fake->scratch);
    compressor_free(fake->compressor);
    free(fake);
}

/* ---- what is stored ---- */

char *fake_collector_text(const struct fake_collector *fake, const char *path)
{
    struct buf out = buf_empty(1 << 30);
    char *text;

    for (size_t i = 0; i < fake->line_count; i++) {
        const struct stored_line *line = &fake->lines[i];

        if (strcmp(line->path, path) != 0 || (line->flags & WIRE_LINE_NUL_RUN))
            continue;
        MUST(buf_append(&out, line->bytes, line->len) || line->len == 0);
        if (!(line->flags & WIRE_LINE_PARTIAL))
            MUST(buf_append_byte(&out, '\n'));
    }
    text = copy_text(buf_slice(&out));
    buf_release(&out);
    return text;
}

size_t fake_collector_count(const struct fake_collector *fake, const char *path)
{
    size_t count = 0;

    for (size_t i = 0; i < fake->line_count; i++)
        count += strcmp(fake->lines[i].path, path) == 0;
    return count;
}

const struct stored_source *fake_collector_source(const struct fake_collector *fake,
                                                  const char *path, size_t index)
{
    for (size_t i = 0; i < fake->source_count; i++)
        if (strcmp(fake->sources[i].path, path) == 0 && index-- == 0)
            return &fake->sources[i];
    return NULL;
}
