/* collector/source_parser.c -- one source: which format its lines have, which of them belong
 * together, and what becomes of a finished event.
 *
 * Per line: hold back a partial one; peel; ask the open event's format whether the line goes on
 * with it; else end that event and find a format for the line. A line is tried against the source's
 * format first, then against all others (one file may carry several); what none explains is raw.
 *
 * All decisions depend on the lines alone, not on where batches were cut, so that feeding the same
 * lines in any portions gives the same events. */
#include "collector/source_parser.h"

#include "base/zone.h"
#include "collector/event_assembler.h"
#include "collector/formats/json_fields.h"
#include "collector/formats/stamp.h"
#include "collector/peel.h"
#include "collector/statement_shape.h"

#include <assert.h>
#include <stdlib.h>

enum {
    COMPILED_SIZE_MAX = 1 << 20, /* of all formats of one source */
    SCRATCH_SIZE_MAX = 8 << 20,  /* peeled lines that become part of the assembler's buffers */
    SCRATCH_RESET_SIZE = 64 << 10,
    DETECT_SCORE_FREE = 50,       /* no format configured: more likely than not */
    DETECT_SCORE_CONFIGURED = 80, /* against what was configured only if quite sure */
    ZONE_NAME_SIZE = 64,
};

#define FUTURE_NS_MAX (10 * NS_PER_MINUTE) /* a stamp later than that is not believed */

struct source_parser {
    struct parsed_event parsed; /* the event at hand: a hardened build touches each page of a frame of
                                 * the stack as large as this, event after event */
    const struct format *format; /* that its lines mostly have; NULL: not known yet */
    bool configured;
    const struct format_settings *settings;
    const struct field_names *names;
    const struct derive_rules *rules;
    struct url_scratch *url_scratch;
    struct zone *zone;
    struct name_cache *cache;
    struct statement_shapes *statements;
    field_id extra[EXTRA_COUNT];
    struct stamp_memory stamps;
    struct format_context context; /* of the format that was asked for last, */
    struct {
        const struct format *format;
        uint32_t number;
    } numbered[2]; /* this one, and the one before: lines of one in those of another take turns */
    const void **compiled; /* by index in formats[] */
    bool *is_compiled;
    const struct format *compiled_last; /* one of which that is known */
    struct arena compiled_arena;
    struct arena scratch;
    struct event_assembler assembler;
    const struct format *known_start; /* that the line at hand starts an event of, */
    uint64_t known_state;             /* with this state */
    struct buf pending; /* a line without newline, of which more may come */
    uint64_t pending_offset;
    uint32_t pending_len; /* bytes it covers in the source; 0: none */
    uint8_t pending_flags;
    int64_t last_time_ns; /* of the event before: for lines without time */
    bool has_last_time;
    int64_t receive_ns;
    int64_t waiting_since_ns; /* monotonic; 0: not known since the last line */
};

/* ---- create ---- */

static enum status load_zone(struct source_parser *parser, struct error *err)
{
    char name[ZONE_NAME_SIZE];
    struct slice zone = parser->settings->zone;

    if (zone.len == 0)
        return STATUS_OK;
    if (zone.len >= sizeof(name))
        return error_set(err, STATUS_INVALID, "zone: longer than %d bytes", ZONE_NAME_SIZE - 1);
    memcpy(name, zone.data, zone.len);
    name[zone.len] = '\0';
    return zone_load(io_system(), name, &parser->zone, err);
}

/* Another than the one that was asked for last. */
static __attribute__((noinline)) uint32_t number_again(struct source_parser *parser,
                                                       const struct format *format)
{
    uint32_t i = 0;

    if (parser->numbered[1].format == format) {
        i = parser->numbered[1].number;
    } else {
        while (formats[i] != format)
            i++;
    }
    parser->numbered[1] = parser->numbered[0];
    parser->numbered[0].format = format;
    parser->numbered[0].number = i;
    parser->context.compiled = parser->compiled[i];
    return i;
}

/* Its index in formats[], and the context is its. A source asks for the same one line after line. */
static inline uint32_t format_number(struct source_parser *parser, const struct format *format)
{
    if (parser->numbered[0].format == format)
        return parser->numbered[0].number;
    return number_again(parser, format);
}

/* Compiled settings of a format, made when it is first used. A configured format's must compile;
 * for one that was only detected the settings may be meant for another. */
static enum status compile_format(struct source_parser *parser, const struct format *format,
                                  struct error *err)
{
    uint32_t number = format_number(parser, format);
    enum status status = STATUS_OK;

    if (parser->is_compiled[number])
        return STATUS_OK;
    if (format->names_in_lines && parser->cache == NULL)
        parser->cache = calloc(1, sizeof(*parser->cache)); /* NULL: slower */
    if (format->has_statements && parser->statements == NULL)
        parser->statements = calloc(1, sizeof(*parser->statements)); /* likewise */
    parser->is_compiled[number] = true;
    if (format->compile != NULL)
        status = format->compile(parser->settings, &parser->compiled_arena,
                                 &parser->compiled[number], err);
    if (status != STATUS_OK)
        parser->compiled[number] = NULL;
    parser->context.cache = parser->cache;
    parser->context.statements = parser->statements;
    parser->context.compiled = parser->compiled[number];
    return status;
}

/* As compile_format(), of a format that the lines asked for. Not part of its caller, which seldom
 * comes here: an error needs room on the stack. */
static __attribute__((noinline)) bool compiles(struct source_parser *parser,
                                               const struct format *format)
{
    struct error ignored;

    return compile_format(parser, format, &ignored) == STATUS_OK;
}

static enum status init(struct source_parser *parser, struct error *err)
{
    enum status status = STATUS_OK;

    parser->compiled = calloc(format_count, sizeof(*parser->compiled));
    parser->is_compiled = calloc(format_count, sizeof(*parser->is_compiled));
    parser->url_scratch = url_scratch_new();
    if (parser->compiled == NULL || parser->is_compiled == NULL || parser->url_scratch == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a source's parser");
    extra_fields_resolve(parser->names, parser->extra);
    status = load_zone(parser, err);
    parser->context = (struct format_context){.settings = parser->settings,
                                              .names = parser->names,
                                              .extra = parser->extra,
                                              .zone = parser->zone,
                                              .stamps = &parser->stamps,
                                              .open_state = &parser->assembler.state};
    if (status == STATUS_OK && parser->format != NULL)
        status = compile_format(parser, parser->format, err);
    return status;
}

enum status source_parser_new(const struct format *format, const struct format_settings *settings,
                              const struct field_names *names, const struct derive_rules *rules,
                              struct source_parser **out, struct error *err)
{
    struct source_parser *parser = calloc(1, sizeof(*parser));
    enum status status;

    if (parser == NULL)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a source's parser");
    parser->format = format;
    parser->configured = format != NULL;
    parser->settings = settings;
    parser->names = names;
    parser->rules = rules;
    parser->compiled_arena = arena_empty(COMPILED_SIZE_MAX);
    parser->scratch = arena_empty(SCRATCH_SIZE_MAX);
    parser->assembler = event_assembler_empty();
    parser->pending = buf_empty(EVENT_SIZE_MAX);
    status = init(parser, err);
    if (status != STATUS_OK) {
        source_parser_free(parser);
        return status;
    }
    *out = parser;
    return STATUS_OK;
}

void source_parser_free(struct source_parser *parser)
{
    if (parser == NULL)
        return;
    event_assembler_release(&parser->assembler);
    buf_release(&parser->pending);
    arena_release(&parser->scratch);
    arena_release(&parser->compiled_arena);
    url_scratch_free(parser->url_scratch);
    zone_free(parser->zone);
    free(parser->cache);
    free(parser->statements);
    free(parser->compiled);
    free(parser->is_compiled);
    free(parser);
}

/* ---- finished events ---- */

/* An event that only has to be parsed and added. */
struct draft {
    const struct format *format;
    struct slice bytes, text;
    const struct peel_piece *pieces; /* from text to bytes */
    uint32_t piece_count;
    struct slice wrapper_time;
    uint64_t offset;
    uint32_t source_len;
    uint8_t flags;
    bool copy; /* the bytes do not stay: copy them into the sink's arena */
};

/* The parser's context, for this format and until the next call. */
static const struct format_context *context_for(struct source_parser *parser,
                                                const struct format *format, struct arena *arena)
{
    (void)format_number(parser, format);
    parser->context.receive_ns = parser->receive_ns;
    parser->context.arena = arena;
    return &parser->context;
}

/* Its own time, else the wrapper's, else that of the event before, else that of receipt. */
static void set_time(struct source_parser *parser, const struct draft *draft,
                     const struct format_context *context, struct event *event)
{
    struct parsed_event *parsed = &parser->parsed;

    if (!parsed->has_time && draft->wrapper_time.len > 0) {
        struct slice wrapper = draft->wrapper_time;

        parsed->has_time = stamp_take(context, stamp_parse_iso, &wrapper, &parsed->time_ns);
    }
    event->time_ns = parsed->time_ns;
    if (!parsed->has_time) {
        event->time_ns = parser->has_last_time ? parser->last_time_ns : parser->receive_ns;
        event->flags |= EVENT_TIME_GUESSED;
    } else if (parsed->time_ns > parser->receive_ns &&
               parsed->time_ns - parser->receive_ns > FUTURE_NS_MAX) {
        event->time_ns = parser->receive_ns;
        event->flags |= EVENT_TIME_ADJUSTED;
    }
}

/* Parse the text and make its spans point into the bytes. */
static bool parse_draft(struct source_parser *parser, const struct draft *draft,
                        const struct format_context *context, struct derive_memory *memory)
{
    struct parsed_event *parsed = &parser->parsed;

    parsed_reset(parsed);
    if (draft->format->parse(context, draft->text, parsed) != STATUS_OK) {
        parsed_reset(parsed);
        return false;
    }
    if (parser->rules != NULL && parsed->derive_from != DERIVE_NOTHING)
        derive_apply(parser->rules, parser->url_scratch, memory, context, draft->text, parsed);
    if (draft->text.data != draft->bytes.data || draft->text.len != draft->bytes.len)
        peel_map_fields(parsed, draft->text, draft->pieces, draft->piece_count, context->arena);
    return true;
}

/* Add what was parsed. Errors leave parser and sink as they were, but for used memory of the arena. */
static enum status add_event(struct source_parser *parser, const struct draft *draft,
                             const struct format_context *context, bool remember,
                             struct event_sink *sink, struct error *err)
{
    const struct parsed_event *parsed = &parser->parsed;
    struct slice bytes = draft->copy ? arena_copy(sink->arena, draft->bytes) : draft->bytes;
    struct event *event;
    enum status status;

    if (sink->arena->failed || !event_sink_reserve(sink))
        return event_sink_refuse(sink, err);
    event = &sink->events[sink->count];
    *event = (struct event){
        .bytes = bytes,
        .offset = draft->offset,
        .source = sink->source,
        .source_len = draft->source_len,
        .format = event_sink_format(sink, draft->format),
        .level = parsed->level,
        .flags = draft->flags,
        .field_count = parsed->field_count,
        .fields = parsed->fields,
    };
    set_time(parser, draft, context, event);
    status = event_sink_commit(sink, err);
    if (status != STATUS_OK || !remember)
        return status;
    sink->raw_count += draft->format == &format_raw;
    if (parsed->has_time) {
        parser->last_time_ns = event->time_ns;
        parser->has_last_time = true;
    }
    return STATUS_OK;
}

/* Parse, and add what comes of it; raw if its format does not explain it after all. An open event
 * (not `remember`) keeps the name of its format, which must go on with it after a restart. */
static enum status emit(struct source_parser *parser, struct draft *draft, bool remember,
                        struct event_sink *sink, struct error *err)
{
    const struct format_context *context = context_for(parser, draft->format, sink->arena);

    if (!parse_draft(parser, draft, context, sink->memory) && remember)
        draft->format = &format_raw;
    return add_event(parser, draft, context, remember, sink, err);
}

/* Drafts are filled in where they stay: a copy of one waits for the stores that made it. */
static void draft_of_assembler(const struct event_assembler *assembler, struct draft *out)
{
    out->format = assembler->format;
    out->bytes = event_assembler_bytes(assembler);
    out->text = event_assembler_text(assembler);
    out->pieces = (const struct peel_piece *)(const void *)assembler->pieces.data;
    out->piece_count = (uint32_t)(assembler->pieces.len / sizeof(struct peel_piece));
    out->wrapper_time = assembler->wrapper_time;
    out->offset = assembler->offset;
    out->source_len = assembler->source_len;
    out->flags = assembler->flags;
    out->copy = !event_assembler_borrows(assembler);
}

static void draft_of_line(const struct format *format, const struct assembler_line *line,
                          struct draft *out)
{
    const struct peeled *peeled = line->peeled;

    out->format = format;
    out->bytes = line->bytes;
    out->text = peeled->text;
    out->pieces = peeled->pieces;
    out->piece_count = peeled->piece_count;
    out->wrapper_time = peeled->time;
    out->offset = line->offset;
    out->source_len = line->source_len;
    out->flags = line->flags;
    out->copy = false;
}

static enum status finish_open(struct source_parser *parser, uint8_t flags, struct event_sink *sink,
                               struct error *err)
{
    struct draft draft;
    enum status status;

    if (!event_assembler_is_open(&parser->assembler))
        return STATUS_OK;
    draft_of_assembler(&parser->assembler, &draft);
    draft.flags |= flags;
    status = emit(parser, &draft, true, sink, err);
    if (status == STATUS_OK)
        event_assembler_reset(&parser->assembler);
    return status;
}

/* ---- lines ---- */

/* What `format` says of a line while `open` is the text of the event so far. */
static enum line_kind ask(struct source_parser *parser, const struct format *format,
                          struct slice open, struct slice line)
{
    if (format->line_kind == NULL)
        return LINE_STARTS;
    return format->line_kind(context_for(parser, format, &parser->scratch), open, line);
}

/* The line begins an event of its own, of a format that waits for more lines (or whose text goes
 * on in the next line). */
static enum status start_open(struct source_parser *parser, const struct format *format,
                              const struct assembler_line *line, struct event_sink *sink,
                              struct error *err)
{
    struct draft draft;

    if (event_assembler_fits(&parser->assembler, line->bytes))
        return event_assembler_begin(&parser->assembler, format, line, err);
    draft_of_line(format, line, &draft);
    draft.flags |= EVENT_BOUNDED;
    return emit(parser, &draft, true, sink, err);
}

/* Asked as if nothing was open. */
static bool says_start(struct source_parser *parser, const struct format *format,
                       const struct assembler_line *line)
{
    parser->assembler.state = 0;
    return ask(parser, format, slice_first(line->bytes, 0), line->peeled->text) == LINE_STARTS;
}

/* Can the format be used? Of the one that was asked for last that is known. */
static inline bool is_usable(struct source_parser *parser, const struct format *format)
{
    if (parser->compiled_last == format)
        return true;
    if (!compiles(parser, format))
        return false;
    parser->compiled_last = format;
    return true;
}

/* Try to begin an event of this format. `taken` says whether the line is one; a line that is a
 * whole event by itself is parsed once only, here. */
static enum status try_format(struct source_parser *parser, const struct format *format,
                              const struct assembler_line *line, bool *taken,
                              struct event_sink *sink, struct error *err)
{
    const struct format_context *context;
    struct draft draft;

    *taken = is_usable(parser, format);
    if (!*taken)
        return STATUS_OK;
    if (format->multi_line || line->peeled->partial) {
        if (parser->known_start == format) {
            assert(says_start(parser, format, line) &&
                   parser->assembler.state == parser->known_state);
            parser->assembler.state = parser->known_state;
        } else {
            *taken = says_start(parser, format, line);
        }
        return *taken ? start_open(parser, format, line, sink, err) : STATUS_OK;
    }
    draft_of_line(format, line, &draft);
    context = context_for(parser, format, sink->arena);
    *taken = parse_draft(parser, &draft, context, sink->memory);
    return *taken ? add_event(parser, &draft, context, true, sink, err) : STATUS_OK;
}

static enum status emit_raw(struct source_parser *parser, const struct assembler_line *line,
                            struct event_sink *sink, struct error *err)
{
    struct draft draft;

    draft_of_line(&format_raw, line, &draft);
    return emit(parser, &draft, true, sink, err);
}

/* The line belongs to no open event: the source's format, then any other, then raw. */
static enum status start(struct source_parser *parser, const struct assembler_line *line,
                         struct event_sink *sink, struct error *err)
{
    const struct format *format = parser->format;
    const struct format *found;
    bool taken = false;
    enum status status = STATUS_OK;

    if ((line->flags & (EVENT_NUL_RUN | EVENT_CONTINUED)) != 0)
        return emit_raw(parser, line, sink, err);
    if (format != NULL)
        status = try_format(parser, format, line, &taken, sink, err);
    if (taken || status != STATUS_OK)
        return status;
    found = format_detect(line->peeled->text, parser->settings->path,
                          parser->configured ? DETECT_SCORE_CONFIGURED : DETECT_SCORE_FREE);
    if (found != NULL && found != format)
        status = try_format(parser, found, line, &taken, sink, err);
    if (taken && !parser->configured)
        parser->format = found;
    if (taken || status != STATUS_OK)
        return status;
    return line->peeled->partial ? start_open(parser, &format_raw, line, sink, err)
                                 : emit_raw(parser, line, sink, err);
}

/* The line goes on with the open event, unless that is full. */
static enum status go_on(struct source_parser *parser, const struct assembler_line *line,
                         struct event_sink *sink, struct error *err)
{
    const struct format *format = parser->assembler.format;
    struct assembler_line rest = *line;
    uint64_t state = parser->assembler.state;
    enum status status;

    if (event_assembler_fits(&parser->assembler, line->bytes))
        return event_assembler_add(&parser->assembler, line, err);
    status = finish_open(parser, EVENT_BOUNDED, sink, err);
    if (status != STATUS_OK)
        return status;
    parser->assembler.state = state; /* the quotes stay open */
    rest.flags |= EVENT_CONTINUED;
    return start_open(parser, format, &rest, sink, err);
}

/* Does the line belong to the open event? If not, it may be known now that it starts another. */
static bool belongs(struct source_parser *parser, const struct assembler_line *line)
{
    const struct event_assembler *open = &parser->assembler;
    enum line_kind kind;

    parser->known_start = NULL;
    if (!event_assembler_is_open(open))
        return false;
    if (open->joins)
        return true;
    if (!open->format->multi_line)
        return false;
    kind = ask(parser, open->format, event_assembler_text(open), line->peeled->text);
    if (kind == LINE_STARTS && open->format->starts_alone) {
        parser->known_start = open->format;
        parser->known_state = open->state;
    }
    return kind == LINE_CONTINUES;
}

static enum status take_line(struct source_parser *parser, const struct assembler_line *line,
                             struct event_sink *sink, struct error *err)
{
    uint64_t state = parser->assembler.state;
    bool was_open = event_assembler_is_open(&parser->assembler);
    enum status status;

    if (belongs(parser, line)) {
        status = go_on(parser, line, sink, err);
    } else {
        status = finish_open(parser, 0, sink, err);
        if (status == STATUS_OK)
            return start(parser, line, sink, err);
    }
    /* The line will come again: forget that it was seen. */
    if (status != STATUS_OK && was_open && event_assembler_is_open(&parser->assembler))
        parser->assembler.state = state;
    return status;
}

/* A whole line. Peeled texts go into the sink's arena if the line is an event by itself, so they
 * are made there. The source's line has just been written, part by part: it is copied as late as
 * may be, since such a copy waits for the writes. */
static enum status take_whole(struct source_parser *parser, const struct source_line *source,
                              struct event_sink *sink, struct error *err)
{
    struct peeled peeled;
    struct assembler_line line;

    if (parser->scratch.used > SCRATCH_RESET_SIZE)
        arena_reset(&parser->scratch);
    peel_line(source->bytes, sink->arena, &peeled);
    if (sink->arena->failed)
        return event_sink_refuse(sink, err);
    line = (struct assembler_line){.bytes = source->bytes,
                                   .offset = source->offset,
                                   .source_len = source->source_len,
                                   .flags = source->flags,
                                   .followed = source->followed,
                                   .peeled = &peeled};
    return take_line(parser, &line, sink, err);
}

/* ---- partial lines ---- */

static struct source_line pending_line(const struct source_parser *parser)
{
    return (struct source_line){.bytes = buf_slice(&parser->pending),
                                .offset = parser->pending_offset,
                                .source_len = parser->pending_len,
                                .flags = parser->pending_flags};
}

/* Take the pending line as it is. Its bytes must stay until the sink is used up: copy them. */
static enum status finish_pending(struct source_parser *parser, struct event_sink *sink,
                                  struct error *err)
{
    struct source_line line;
    enum status status;

    if (parser->pending_len == 0)
        return STATUS_OK;
    line = pending_line(parser);
    line.bytes = arena_copy(sink->arena, line.bytes);
    if (sink->arena->failed)
        return event_sink_refuse(sink, err);
    status = take_whole(parser, &line, sink, err);
    if (status != STATUS_OK)
        return status;
    parser->pending_len = 0;
    buf_reset(&parser->pending);
    return STATUS_OK;
}

/* Hold back a line of which more may come. False: too long for that. */
static bool hold_back(struct source_parser *parser, const struct source_line *line)
{
    if (!buf_append_slice(&parser->pending, line->bytes)) {
        parser->pending.failed = false;
        return false;
    }
    if (parser->pending_len == 0) {
        parser->pending_offset = line->offset;
        parser->pending_flags = line->flags;
    }
    parser->pending_len = (uint32_t)(line->offset + line->source_len - parser->pending_offset);
    return true;
}

/* The rest of the pending line: it is whole now. */
static enum status complete_pending(struct source_parser *parser, const struct source_line *line,
                                    struct event_sink *sink, struct error *err)
{
    size_t len = parser->pending.len;
    uint32_t pending_len = parser->pending_len;
    uint8_t flags = parser->pending_flags;
    enum status status;

    (void)hold_back(parser, line);
    parser->pending_flags =
        (uint8_t)((flags & ~EVENT_PARTIAL) | (line->flags & ~(EVENT_PARTIAL | EVENT_CONTINUED)));
    status = finish_pending(parser, sink, err);
    if (status != STATUS_OK) {
        parser->pending.len = len;
        parser->pending_len = pending_len;
        parser->pending_flags = flags;
    }
    return status;
}

static bool continues_pending(const struct source_parser *parser, const struct source_line *line)
{
    return parser->pending_len > 0 && (line->flags & EVENT_CONTINUED) != 0 &&
           line->offset == parser->pending_offset + parser->pending_len &&
           line->bytes.len < EVENT_SIZE_MAX - parser->pending.len;
}

enum status source_parser_feed(struct source_parser *parser, const struct source_line *line,
                               int64_t receive_ns, struct event_sink *sink, struct error *err)
{
    enum status status;

    parser->receive_ns = receive_ns;
    parser->waiting_since_ns = 0;
    if (parser->pending_len > 0) {
        if (continues_pending(parser, line)) {
            if ((line->flags & EVENT_PARTIAL) == 0)
                return complete_pending(parser, line, sink, err);
            if (hold_back(parser, line))
                return STATUS_OK;
        }
        status = finish_pending(parser, sink, err);
        if (status != STATUS_OK)
            return status;
    }
    if ((line->flags & EVENT_PARTIAL) != 0 && line->source_len > 0 && hold_back(parser, line))
        return STATUS_OK;
    return take_whole(parser, line, sink, err);
}

enum status source_parser_idle(struct source_parser *parser, int64_t mono_ns, bool all,
                               struct event_sink *sink, struct error *err)
{
    enum status status;

    if (!event_assembler_is_open(&parser->assembler) && parser->pending_len == 0)
        return STATUS_OK;
    if (!all) {
        if (parser->waiting_since_ns == 0)
            parser->waiting_since_ns = mono_ns;
        if (mono_ns - parser->waiting_since_ns < EVENT_IDLE_NS)
            return STATUS_OK;
    }
    status = finish_pending(parser, sink, err);
    if (status == STATUS_OK)
        status = finish_open(parser, 0, sink, err);
    return status;
}

/* ---- open events ---- */

enum status source_parser_open(struct source_parser *parser, struct event_sink *sink,
                               struct error *err)
{
    enum status status = STATUS_OK;

    if (event_assembler_is_open(&parser->assembler)) {
        struct draft draft;

        draft_of_assembler(&parser->assembler, &draft);
        assert(draft.copy); /* the last line was not followed */
        draft.flags |= EVENT_OPEN;
        status = emit(parser, &draft, false, sink, err);
    }
    if (status == STATUS_OK && parser->pending_len > 0) {
        struct source_line source = pending_line(parser);
        struct peeled peeled;
        struct assembler_line line = {.bytes = source.bytes,
                                      .offset = source.offset,
                                      .source_len = source.source_len,
                                      .flags = source.flags | EVENT_OPEN | EVENT_PARTIAL,
                                      .peeled = &peeled};
        struct draft draft;

        peel_line(source.bytes, sink->arena, &peeled);
        draft_of_line(&format_raw, &line, &draft);
        draft.copy = true;
        status = emit(parser, &draft, false, sink, err);
    }
    return status;
}

/* The lines of a stored event again, so that the state of their format is what it was. */
static enum status restore_lines(struct source_parser *parser, const struct format *format,
                                 const struct event *event, struct error *err)
{
    struct slice rest = event->bytes;
    enum status status = STATUS_OK;
    uint64_t offset = event->offset;
    bool more = true;

    parser->assembler.state = 0;
    while (more && status == STATUS_OK) {
        struct peeled peeled;
        struct assembler_line line = {.bytes = rest, .offset = offset, .peeled = &peeled};

        more = slice_cut(&rest, '\n', &line.bytes);
        line.source_len = (uint32_t)line.bytes.len + 1;
        offset += line.source_len;
        line.flags = event->flags &
                     (uint8_t) ~(unsigned)(EVENT_OPEN | EVENT_TIME_GUESSED | EVENT_TIME_ADJUSTED);
        peel_line(line.bytes, &parser->scratch, &peeled);
        (void)ask(parser, format, event_assembler_text(&parser->assembler), peeled.text);
        if (event_assembler_is_open(&parser->assembler))
            status = event_assembler_add(&parser->assembler, &line, err);
        else
            status = event_assembler_begin(&parser->assembler, format, &line, err);
    }
    parser->assembler.source_len = event->source_len;
    arena_reset(&parser->scratch);
    return status;
}

enum status source_parser_restore(struct source_parser *parser, const struct format *format,
                                  const struct event *event, struct error *err)
{
    enum status status;

    if (event->bytes.len >= EVENT_SIZE_MAX)
        return error_set(err, STATUS_TOO_LARGE, "an open event of %zu bytes", event->bytes.len);
    if ((event->flags & EVENT_PARTIAL) != 0) {
        struct source_line line = {.bytes = event->bytes,
                                   .offset = event->offset,
                                   .source_len = event->source_len,
                                   .flags = event->flags &
                                            (EVENT_PARTIAL | EVENT_CONTINUED | EVENT_TRUNCATED)};

        return hold_back(parser, &line)
                   ? STATUS_OK
                   : error_set(err, STATUS_NO_MEMORY, "no memory for an open event");
    }
    if (format == NULL)
        format = &format_raw;
    status = compile_format(parser, format, err);
    if (status != STATUS_OK)
        return status;
    if (!parser->configured && parser->format == NULL)
        parser->format = format;
    event_assembler_reset(&parser->assembler);
    return restore_lines(parser, format, event, err);
}
