/* collector/formats/structured.c -- the few keys that mean the same in most programs. */
#include "collector/formats/structured.h"

#include "collector/formats/level_word.h"
#include "collector/formats/scan.h"
#include "collector/formats/stamp.h"

static const struct {
    struct slice name;
    struct structured_key key;
} known_keys[] = {
    {SLICE_INIT("@timestamp"), {STRUCTURED_TIME, FIELD_TEXT, UNIT_NONE, 0}},
    {SLICE_INIT("timestamp"), {STRUCTURED_TIME, FIELD_TEXT, UNIT_NONE, 1}},
    {SLICE_INIT("time"), {STRUCTURED_TIME, FIELD_TEXT, UNIT_NONE, 2}},
    {SLICE_INIT("ts"), {STRUCTURED_TIME, FIELD_TEXT, UNIT_NONE, 3}},
    {SLICE_INIT("level"), {STRUCTURED_LEVEL, FIELD_TEXT, UNIT_NONE, 0}},
    {SLICE_INIT("severity"), {STRUCTURED_LEVEL, FIELD_TEXT, UNIT_NONE, 1}},
    {SLICE_INIT("log.level"), {STRUCTURED_LEVEL, FIELD_TEXT, UNIT_NONE, 2}},
    {SLICE_INIT("lvl"), {STRUCTURED_LEVEL, FIELD_TEXT, UNIT_NONE, 3}},
    {SLICE_INIT("bytes"), {STRUCTURED_VALUE, FIELD_BYTES, UNIT_BYTES, 0}},
    {SLICE_INIT("bytes_in"), {STRUCTURED_VALUE, FIELD_BYTES, UNIT_BYTES, 0}},
    {SLICE_INIT("client"), {STRUCTURED_VALUE, FIELD_IPV4, UNIT_NONE, 0}},
    {SLICE_INIT("peer"), {STRUCTURED_VALUE, FIELD_IPV4, UNIT_NONE, 0}},
    {SLICE_INIT("duration_ns"), {STRUCTURED_VALUE, FIELD_DURATION, UNIT_NANOSECONDS, 0}},
    {SLICE_INIT("duration_us"), {STRUCTURED_VALUE, FIELD_DURATION, UNIT_MICROSECONDS, 0}},
    {SLICE_INIT("duration_ms"), {STRUCTURED_VALUE, FIELD_DURATION, UNIT_MILLISECONDS, 0}},
    {SLICE_INIT("duration_s"), {STRUCTURED_VALUE, FIELD_DURATION, UNIT_SECONDS, 0}},
};

struct structured_key structured_key_of(struct slice key)
{
    if (key.len <= 11)
        for (size_t i = 0; i < COUNT_OF(known_keys); i++)
            if (slice_equal(known_keys[i].name, key))
                return known_keys[i].key;
    return (struct structured_key){STRUCTURED_VALUE, FIELD_TEXT, UNIT_NONE, 0};
}

enum field_type structured_type_of(struct slice text)
{
    struct slice number = text;
    bool fraction;

    (void)take_byte(&number, '-');
    if (number.len == 0 || number.len > 32 || !is_number(number, &fraction))
        return FIELD_TEXT;
    return fraction ? FIELD_FLOAT : FIELD_INT;
}

enum level structured_level(struct slice text)
{
    static const enum level numbered[] = {LEVEL_TRACE,   LEVEL_DEBUG, LEVEL_INFO,
                                          LEVEL_WARNING, LEVEL_ERROR, LEVEL_CRIT};

    if (text.len == 2 && text.data[1] == '0' && text.data[0] >= '1' && text.data[0] <= '6')
        return numbered[text.data[0] - '1'];
    if (text.len == 1 && text.data[0] >= '0' && text.data[0] <= '7')
        return level_of_severity((unsigned)(text.data[0] - '0'));
    return level_of_word(text);
}

bool structured_time(const struct format_context *context, struct slice text, int64_t *out)
{
    struct slice iso = text;

    if (stamp_take(context, stamp_parse_iso, &iso, out))
        return true;
    return stamp_take(context, stamp_parse_epoch, &text, out);
}
