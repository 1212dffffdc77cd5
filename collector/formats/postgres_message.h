/* collector/formats/postgres_message.h -- what PostgreSQL's messages say, the same in all three of
 * its log destinations.
 * Thread safety: pure functions, but for the arena. */
#ifndef DENDRO_COLLECTOR_FORMATS_POSTGRES_MESSAGE_H
#define DENDRO_COLLECTOR_FORMATS_POSTGRES_MESSAGE_H

#include "collector/format.h"

/* Word behind the prefix, in English or as translated servers print it. */
enum severity_kind {
    SEVERITY_PRIMARY,   /* begins an event: LOG, ERROR, ... */
    SEVERITY_COMPANION, /* more about the event before it: DETAIL, HINT, ... */
    SEVERITY_STATEMENT, /* a companion too: the statement that failed */
    SEVERITY_UNKNOWN,
};

struct postgres_severity {
    enum severity_kind kind;
    enum level level;
};

struct postgres_severity postgres_severity_of(struct slice word);

/* Add statement, fingerprint, task, duration, bytes and what else the message names. `statement`
 * is that of a STATEMENT line or column, or empty. */
void postgres_message_add(const struct format_context *context, struct slice event,
                          struct slice message, struct slice statement, struct parsed_event *out);

#endif
