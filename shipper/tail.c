/* shipper/tail.c -- one turn of reading: look back, split, put into the batch.
 *
 * The fast path hands all whole lines of a turn to the batch in one copy. What is rare goes line
 * by line: NULs, a line that continues, caps. A line longer than a turn is searched for its end
 * first (scan_off remembers how far) and read when that is known. */
#include "shipper/tail.h"

#include "shipper/limits.h"

#include <stdlib.h>

enum {
    TURN_LINES = 8192, /* on the slow path */
    SCAN_SIZE_PER_TURN = 64 * READ_TURN_SIZE,
    SCAN_SIZE_MAX = 1 << 30, /* a "line" of 1 GiB is sent in pieces */
};

struct turn {
    struct tail_reader *reader;
    struct follow *follow;
    struct source *source;
    struct batcher *batcher;
    size_t look_back;   /* bytes of reader->bytes before the position */
    struct slice piece; /* behind the position */
    bool at_end;        /* the file ends with the piece */
    bool cont;          /* the byte before the position is inside a line */
    bool after_nuls;    /* or in a NUL run */
};

enum status tail_reader_init(struct tail_reader *reader, struct error *err)
{
    *reader = (struct tail_reader){.bytes = malloc(TAIL_SIZE_MAX + READ_TURN_SIZE),
                                   .lines = malloc(TURN_LINES * sizeof(struct split_line))};
    if (reader->bytes != NULL && reader->lines != NULL)
        return STATUS_OK;
    tail_reader_release(reader);
    return error_set(err, STATUS_NO_MEMORY, "no memory to read files");
}

void tail_reader_release(struct tail_reader *reader)
{
    free(reader->bytes);
    free(reader->lines);
    *reader = (struct tail_reader){0};
}

static enum tail_result idle(struct turn *turn)
{
    turn->source->readable = false;
    return TAIL_IDLE;
}

static uint32_t line_max(const struct turn *turn)
{
    return (uint32_t)turn->source->settings->line_size_max;
}

/* The position moves over `len` bytes of the piece. */
static void advance(struct turn *turn, size_t len)
{
    struct slice seen = slice_make(turn->reader->bytes, turn->look_back + len);

    source_move(turn->source, turn->source->read_off + len, tail_hash(seen));
    source_mark(turn->source);
    turn->reader->counters.bytes += len;
}

/* ---- reading and the look back ---- */

static bool looks_same(const struct turn *turn, size_t got)
{
    struct slice before = slice_make(turn->reader->bytes, turn->look_back);
    const struct generation *gen = &turn->source->gen;

    /* Few bytes say little: near the beginning of a file its first bytes are compared, too. */
    if (turn->source->read_off == turn->look_back && got >= gen->prefix_len &&
        gen->prefix_len > 0 &&
        prefix_hash(slice_make(turn->reader->bytes, gen->prefix_len)) != gen->prefix_hash)
        return false;
    return turn->source->read_tail == TAIL_HASH_UNKNOWN ||
           tail_hash(before) == turn->source->read_tail;
}

/* False: nothing to split; *result says why. */
static bool read_piece(struct turn *turn, enum tail_result *result)
{
    struct source *source = turn->source;
    char *bytes = turn->reader->bytes;
    ssize_t got;

    *result = TAIL_IDLE;
    turn->look_back = source->read_off < TAIL_SIZE_MAX ? (size_t)source->read_off : TAIL_SIZE_MAX;
    if (!source_reopen(turn->follow, source)) {
        (void)idle(turn);
        return false;
    }
    got = content_read(turn->follow->io, &source->content, bytes, turn->look_back + READ_TURN_SIZE,
                       source->read_off - turn->look_back);
    if (got < 0) {
        source_trouble(turn->follow, source, (int)-got);
        (void)idle(turn);
        return false;
    }
    if ((size_t)got < turn->look_back) { /* it became shorter: looked at at once */
        source->next_poll_ns = turn->follow->now_ns;
        (void)idle(turn);
        return false;
    }
    if (!looks_same(turn, (size_t)got)) {
        (void)follow_truncated(turn->follow, source, RESET_TAIL, (struct cut){0, 0});
        (void)idle(turn);
        return false;
    }
    turn->piece = slice_make(bytes + turn->look_back, (size_t)got - turn->look_back);
    turn->at_end = turn->piece.len < READ_TURN_SIZE;
    if (turn->look_back > 0) {
        char last = bytes[turn->look_back - 1];

        turn->after_nuls = last == '\0';
        turn->cont = last != '\n' && last != '\0';
    }
    return true;
}

/* The range is opened only when there is something to put into it: a file without news would fill
 * batches with empty ranges. */
static bool open_range(struct turn *turn)
{
    return batcher_open(turn->batcher, turn->source, turn->follow->now_ns, NULL) == STATUS_OK;
}

/* ---- whole lines ---- */

static bool put_split(struct turn *turn, const struct split_line *split)
{
    struct tail_counters *counters = &turn->reader->counters;
    struct batch_line line = {
        .bytes = slice_sub(turn->piece, split->start, split->len),
        .offset = turn->source->read_off + split->start,
        .source_len = split->source_len,
    };

    if (split->flags & SPLIT_PARTIAL)
        line.flags |= WIRE_LINE_PARTIAL;
    if ((split->flags & SPLIT_CONT) ||
        (turn->cont && split->start == 0 && !(split->flags & SPLIT_NUL_RUN)))
        line.flags |= WIRE_LINE_CONTINUED;
    if (split->flags & SPLIT_CUT)
        line.flags |= WIRE_LINE_TRUNCATED;
    if (split->flags & SPLIT_NUL_RUN)
        line.flags |= WIRE_LINE_NUL_RUN;
    if (batcher_line(turn->batcher, &line, NULL) != STATUS_OK)
        return false;
    counters->lines++;
    if (split->flags & SPLIT_CUT) {
        counters->long_lines++;
        counters->long_bytes_cut += split->source_len - split->len;
    }
    if (split->flags & SPLIT_NUL_RUN) {
        counters->nul_runs++;
        counters->nul_bytes += split->source_len;
    }
    return true;
}

/* Line by line; the bytes used, 0 if no line is whole. *full: the batch has no room. */
static size_t put_lines(struct turn *turn, bool *full)
{
    struct split_limits limits = {.line_max = line_max(turn),
                                  .count_max = TURN_LINES,
                                  .keep_max = READ_TURN_SIZE,
                                  .at_end = turn->at_end,
                                  .after_nuls = turn->after_nuls};
    struct split_result result = line_split(turn->piece, &limits, turn->reader->lines);
    size_t used = 0;

    *full = result.count > 0 && !open_range(turn);
    for (uint32_t i = 0; i < result.count && !*full; i++) {
        const struct split_line *line = &turn->reader->lines[i];

        if (put_split(turn, line))
            used = line->start + (size_t)line->source_len;
        else
            *full = true;
    }
    return used;
}

static bool is_plain(const struct turn *turn)
{
    return !turn->cont && line_max(turn) >= READ_TURN_SIZE &&
           memchr(turn->piece.data, '\0', turn->piece.len) == NULL;
}

/* All whole lines at once; 0: none, or the batch has not enough room for so many. */
static size_t put_text(struct turn *turn)
{
    const char *last = memrchr(turn->piece.data, '\n', turn->piece.len);
    uint32_t lines_before = turn->batcher->builder.line_count;
    struct slice text;

    if (last == NULL || !open_range(turn))
        return 0;
    text = slice_first(turn->piece, (size_t)(last - turn->piece.data) + 1);
    if (batcher_text(turn->batcher, text, turn->source->read_off, NULL) != STATUS_OK)
        return 0;
    turn->reader->counters.lines += turn->batcher->builder.line_count - lines_before;
    return text.len;
}

/* ---- holes ---- */

static bool is_all_nuls(struct slice piece)
{
    return piece.len > 0 && piece.data[0] == '\0' &&
           memcmp(piece.data, piece.data + 1, piece.len - 1) == 0;
}

/* A writer without O_APPEND leaves a hole when its file is truncated: as long as all that it ever
 * wrote. The file system says where it ends, so that it is not read. 0: there is none to skip. */
static uint64_t put_hole(struct turn *turn)
{
    struct source *source = turn->source;
    struct io *io = turn->follow->io;
    struct split_line line = {.flags = SPLIT_NUL_RUN};
    int64_t end;

    if (turn->at_end || source->content.gz != NULL || !is_all_nuls(turn->piece))
        return 0;
    end = io->file->next_data(io, source->content.fd, source->read_off + turn->piece.len);
    if (end < 0 || (uint64_t)end - source->read_off <= turn->piece.len)
        return 0; /* no hole, or one up to the end: that is space which is only reserved */
    line.source_len = (uint64_t)end - source->read_off < SCAN_SIZE_MAX
                          ? (uint32_t)((uint64_t)end - source->read_off)
                          : SCAN_SIZE_MAX;
    return open_range(turn) && put_split(turn, &line) ? line.source_len : 0;
}

/* Behind a hole: what is before the position are NULs. */
static void advance_hole(struct turn *turn, uint64_t len)
{
    static const char nuls[TAIL_SIZE_MAX];

    source_move(turn->source, turn->source->read_off + len,
                tail_hash(slice_make(nuls, sizeof(nuls))));
    source_mark(turn->source);
    turn->reader->counters.bytes += len;
}

/* ---- lines without an end, and lines longer than a turn ---- */

/* May what has no newline be sent as it is? *final: nothing more will come. */
static bool may_send_partial(const struct turn *turn, bool *final)
{
    const struct source *source = turn->source;
    int64_t quiet = turn->follow->now_ns - source->grew_ns;

    *final = source->content.gz != NULL || (source->rotated && source->succeeded &&
                                            quiet >= turn->follow->settings->rotated_quiet_ns);
    return *final || quiet >= source->settings->idle_ns;
}

static enum tail_result put_partial(struct turn *turn, bool final)
{
    size_t len = line_without_nuls(turn->piece);
    struct batch_line line = {.offset = turn->source->read_off, .source_len = (uint32_t)len};

    if (len == 0)
        return idle(turn);
    line.bytes = slice_first(turn->piece, len < line_max(turn) ? len : line_max(turn));
    line.flags =
        (uint8_t)((final ? 0 : WIRE_LINE_PARTIAL) | (turn->cont ? WIRE_LINE_CONTINUED : 0) |
                  (line.bytes.len < len ? WIRE_LINE_TRUNCATED : 0));
    if (!open_range(turn) || batcher_line(turn->batcher, &line, NULL) != STATUS_OK)
        return TAIL_FULL;
    turn->reader->counters.lines++;
    turn->reader->counters.partial_lines += !final;
    advance(turn, len);
    return TAIL_MORE;
}

enum search { SEARCH_FOUND, SEARCH_END, SEARCH_LATER };

/* Look for the newline from scan_off on; scan_off ends behind it, or where the file ends. */
static enum search search_end(struct turn *turn)
{
    struct source *source = turn->source;
    char *bytes = turn->reader->bytes;
    uint64_t stop;

    if (source->scan_off < source->read_off + turn->piece.len)
        source->scan_off = source->read_off + turn->piece.len;
    stop = source->scan_off + SCAN_SIZE_PER_TURN;
    while (source->scan_off < stop) {
        ssize_t got = content_read(turn->follow->io, &source->content, bytes, READ_TURN_SIZE,
                                   source->scan_off);
        const char *newline = got > 0 ? memchr(bytes, '\n', (size_t)got) : NULL;

        if (got <= 0)
            return SEARCH_END;
        if (newline != NULL) {
            source->scan_off += (uint64_t)(newline - bytes) + 1;
            return SEARCH_FOUND;
        }
        source->scan_off += (uint64_t)got;
        if (source->scan_off - source->read_off >= SCAN_SIZE_MAX)
            return SEARCH_FOUND; /* cut here; the rest continues it */
    }
    return SEARCH_LATER;
}

/* Send [read_off, scan_off) as one line. */
static enum tail_result put_long(struct turn *turn, bool ended, bool final)
{
    struct source *source = turn->source;
    uint64_t len = source->scan_off - source->read_off - (ended ? 1 : 0);
    size_t keep = len < line_max(turn) ? (size_t)len : line_max(turn);
    struct batch_line line = {.offset = source->read_off,
                              .source_len = (uint32_t)(source->scan_off - source->read_off)};
    char *bytes = malloc(keep);
    enum tail_result result = TAIL_FULL;

    if (bytes == NULL || content_read(turn->follow->io, &source->content, bytes, keep,
                                      source->read_off) != (ssize_t)keep) {
        free(bytes);
        return idle(turn);
    }
    line.bytes = slice_make(bytes, keep);
    line.flags =
        (uint8_t)((ended || final ? 0 : WIRE_LINE_PARTIAL) |
                  (turn->cont ? WIRE_LINE_CONTINUED : 0) | (keep < len ? WIRE_LINE_TRUNCATED : 0));
    if (open_range(turn) && batcher_line(turn->batcher, &line, NULL) == STATUS_OK) {
        uint64_t end = source->scan_off;
        ssize_t got = content_read(turn->follow->io, &source->content, bytes, TAIL_SIZE_MAX,
                                   end - TAIL_SIZE_MAX);

        turn->reader->counters.lines++;
        turn->reader->counters.bytes += end - source->read_off;
        turn->reader->counters.long_lines += keep < len;
        turn->reader->counters.long_bytes_cut += len - keep;
        source_move(source, end,
                    got == TAIL_SIZE_MAX ? tail_hash(slice_make(bytes, TAIL_SIZE_MAX))
                                         : TAIL_HASH_UNKNOWN);
        result = TAIL_MORE;
    }
    free(bytes);
    return result;
}

static enum tail_result read_long(struct turn *turn)
{
    struct source *source = turn->source;
    bool final = false;

    switch (search_end(turn)) {
    case SEARCH_FOUND: {
        char last = '\0';

        (void)content_read(turn->follow->io, &source->content, &last, 1, source->scan_off - 1);
        return put_long(turn, last == '\n', false);
    }
    case SEARCH_LATER:
        return TAIL_MORE;
    case SEARCH_END:
        break;
    }
    return may_send_partial(turn, &final) ? put_long(turn, false, final) : idle(turn);
}

enum tail_result tail_read(struct tail_reader *reader, struct follow *follow, struct source *source,
                           struct batcher *batcher)
{
    struct turn turn = {.reader = reader, .follow = follow, .source = source, .batcher = batcher};
    enum tail_result result;
    bool full = false, final = false;
    size_t used = 0;
    uint64_t hole;

    if (!read_piece(&turn, &result))
        return result;
    if (turn.piece.len == 0)
        return idle(&turn);
    hole = put_hole(&turn);
    if (hole > 0) {
        advance_hole(&turn, hole);
        return TAIL_MORE;
    }
    if (is_plain(&turn))
        used = put_text(&turn);
    if (used == 0)
        used = put_lines(&turn, &full);
    if (used > 0) {
        advance(&turn, used);
        return TAIL_MORE;
    }
    if (full)
        return TAIL_FULL;
    if (!turn.at_end)
        return read_long(&turn);
    return may_send_partial(&turn, &final) ? put_partial(&turn, final) : idle(&turn);
}
