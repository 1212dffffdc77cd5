/* Stamps, durations, sizes and instants from hostile bytes. A stamp never eats more than there is;
 * what a stamp says can be printed and read back; what duration_print() and size_print() write is
 * read back as the same value. */
#include "base/time_stamp.h"
#include "base/units.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static stamp_parser *const parsers[] = {
    stamp_parse_iso,  stamp_parse_slashed, stamp_parse_clf,    stamp_parse_syslog, stamp_parse_redis,
    stamp_parse_http, stamp_parse_asctime, stamp_parse_erlang, stamp_parse_epoch,
};

static void check_stamp(const struct stamp *stamp)
{
    char text[STAMP_TEXT_SIZE];
    struct stamp again;
    size_t len = stamp_print(stamp->time_ns, 9, text);

    /* The last hours of 64-bit time are years that stamps do not have. */
    if (stamp_parse_iso(slice_make(text, len), &again) != len) {
        if (stamp->time_ns > -9214000000000000000 && stamp->time_ns < 9214000000000000000)
            abort();
        return;
    }
    if (again.time_ns != stamp->time_ns)
        abort();
}

static void check_units(struct slice text)
{
    char printed[UNITS_TEXT_SIZE];
    struct instant instant;
    uint64_t size;
    int64_t ns;
    int64_t ns_again;
    uint64_t size_again;

    if (duration_parse(text, &ns, NULL) == STATUS_OK &&
        (duration_parse(slice_make(printed, duration_print(ns, printed)), &ns_again, NULL) !=
             STATUS_OK ||
         ns_again != ns))
        abort();
    if (size_parse(text, &size, NULL) == STATUS_OK &&
        (size_parse(slice_make(printed, size_print(size, printed)), &size_again, NULL) !=
             STATUS_OK ||
         size_again != size))
        abort();
    if (instant_parse(text, NULL, 1772619342000000000, &instant, NULL) == STATUS_OK &&
        instant.until_ns < instant.from_ns)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_make(data, size);

    for (size_t i = 0; i < COUNT_OF(parsers); i++) {
        struct stamp stamp;
        size_t eaten = parsers[i](text, &stamp);

        if (eaten > size)
            abort();
        if (eaten == 0)
            continue;
        check_stamp(&stamp);
        (void)stamp_resolve(&stamp, NULL, 1772619342000000000);
        (void)stamp_resolve(&stamp, NULL, INT64_MAX);
        (void)stamp_resolve(&stamp, NULL, INT64_MIN);
    }
    check_units(text);
    return 0;
}
