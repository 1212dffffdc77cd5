/* Overrides by glob and labels of the shipper, both reduced to a struct format_settings. */
#include "collector/source_settings.h"

#include <fnmatch.h>
#include <string.h>

enum { PATH_TEXT_SIZE = 4097 }; /* PATH_MAX and a NUL: no file has a longer path */

const struct source_override *source_override_find(const struct source_overrides *overrides,
                                                   struct slice path)
{
    char text[PATH_TEXT_SIZE];

    if (overrides == NULL || overrides->count == 0 || path.len >= sizeof(text))
        return NULL;
    if (path.len > 0)
        memcpy(text, path.data, path.len);
    text[path.len] = '\0';
    for (uint32_t i = 0; i < overrides->count; i++)
        if (fnmatch(overrides->items[i].path, text, 0) == 0)
            return &overrides->items[i];
    return NULL;
}

enum field_unit duration_unit_of(struct slice name)
{
    static const struct { const char *name; enum field_unit unit; } units[] = {
        { "ns", UNIT_NANOSECONDS },
        { "us", UNIT_MICROSECONDS },
        { "ms", UNIT_MILLISECONDS },
        { "s", UNIT_SECONDS },
    };

    for (size_t i = 0; i < COUNT_OF(units); i++)
        if (slice_is(name, units[i].name))
            return units[i].unit;
    return UNIT_NONE;
}

void source_settings_label(struct format_settings *settings, struct slice name,
                           struct slice value)
{
    if (slice_is(name, "zone"))
        settings->zone = value;
    else if (slice_is(name, "line_prefix"))
        settings->line_prefix = value;
    else if (slice_is(name, "log_format"))
        settings->log_format = value;
    else if (slice_is(name, "duration_unit"))
        settings->duration_unit = duration_unit_of(value);
}

void source_settings_override(struct format_settings *settings,
                              const struct source_override *override)
{
    if (override->zone.len > 0)
        settings->zone = override->zone;
    if (override->line_prefix.len > 0)
        settings->line_prefix = override->line_prefix;
    if (override->log_format.len > 0)
        settings->log_format = override->log_format;
    if (override->duration_unit != UNIT_NONE)
        settings->duration_unit = override->duration_unit;
}
