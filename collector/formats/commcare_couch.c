/* collector/formats/commcare_couch.c -- CommCare's record of its CouchDB calls, four generations
 * told apart by the number of words: date time [user:tenant] url [task]
 * [database] METHOD status [length] path duration A duration of a day or more has two more words:
 * `1 day, 0:00:02`. */
#include "collector/formats/formats.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

enum { WORDS_MIN = 5, WORDS_MAX = 8 }; /* behind the bracket and before the duration's day */

static struct slice absent_none(struct slice word)
{
    return slice_is(word, "None") ? slice_first(word, 0) : word;
}

/* Words of the rest; a duration with days is one of them. 0: too many or too few. */
static unsigned split_words(struct slice rest, struct slice words[WORDS_MAX])
{
    unsigned count = 0;
    struct slice word;

    while (take_word(&rest, &word)) {
        size_t behind = (size_t)(rest.data - word.data);

        if (word.len == 0 || count == WORDS_MAX)
            return 0;
        if (starts_with(rest, "day, ") || starts_with(rest, "days, ")) {
            words[count++] = (struct slice){word.data, behind + rest.len};
            break;
        }
        words[count++] = word;
    }
    return count;
}

/* `h:mm:ss.ffffff` has its own unit, perhaps behind days; a plain number is seconds. */
static void add_time_spent(struct slice event, struct slice text, struct parsed_event *out)
{
    bool fraction;

    if (is_number(text, &fraction))
        add_duration(out, FIELD_ID_DURATION, UNIT_SECONDS, event, text);
    else if (find_byte(text, ':') != SIZE_MAX)
        parsed_span(out, FIELD_ID_DURATION, FIELD_DURATION, UNIT_NONE, event, text);
}

static void add_words(const struct format_context *context, struct slice event,
                      const struct slice *words, unsigned count, struct parsed_event *out)
{
    const struct slice *method = &words[count == 8 ? 3 : count == 7 ? 2 : 1];
    const struct slice *last = &words[count - 1];

    add_text(out, context->extra[EXTRA_CALLER], event, absent_none(words[0]));
    if (count == 8)
        add_text(out, FIELD_ID_TASK, event, absent_none(words[1]));
    if (count >= 7)
        add_text(out, FIELD_ID_DATABASE, event, method[-1]);
    add_text(out, FIELD_ID_METHOD, event, *method);
    add_int(out, FIELD_ID_STATUS, event, method[1]);
    if (count >= 6)
        add_bytes(out, FIELD_ID_BYTES, event, method[2]);
    add_text(out, FIELD_ID_PATH, event, absent_none(last[-1]));
    add_time_spent(event, *last, out);
    out->level = (uint8_t)level_of_status(method[1]);
}

static bool take_head(const struct format_context *context, struct slice *rest, int64_t *time_ns,
                      struct slice *who)
{
    return stamp_take_local(context, rest, time_ns) && take_literal(rest, " [") &&
           cut(rest, ']', who) && take_byte(rest, ' ');
}

static enum status parse(const struct format_context *context, struct slice event,
                         struct parsed_event *out)
{
    struct slice rest = event;
    struct slice words[WORDS_MAX];
    struct slice who;
    size_t colon;
    unsigned count;

    if (!take_head(context, &rest, &out->time_ns, &who))
        return STATUS_INVALID;
    colon = slice_find_last_byte(who, ':');
    count = split_words(rest, words);
    if (colon == SIZE_MAX || count < WORDS_MIN)
        return STATUS_INVALID;
    out->has_time = true;
    out->derive_from = DERIVE_CALLER;
    add_text(out, FIELD_ID_USER, event, absent_none(slice_first(who, colon)));
    add_text(out, FIELD_ID_TENANT, event, absent_none(slice_from(who, colon + 1)));
    add_words(context, event, words, count, out);
    return STATUS_OK;
}

static unsigned detect(struct slice line)
{
    struct slice who;
    struct slice rest;
    struct slice words[WORDS_MAX];

    if (!stamp_shaped(line, "0000-00-00 00:00:00,000 ["))
        return 0;
    rest = slice_from(line, sizeof("0000-00-00 00:00:00,000 [") - 1);
    return cut(&rest, ']', &who) && find_byte(who, ':') != SIZE_MAX &&
                   take_byte(&rest, ' ') && split_words(rest, words) >= WORDS_MIN
               ? 90
               : 0;
}

const struct format format_commcare_couch = {
    .name = "commcare_couch",
    .fields = "user tenant caller url_group task database method status bytes path duration",
    .parse = parse,
    .begins = BEGINS_DIGIT,
    .detect = detect,
};
