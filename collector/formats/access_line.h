/* collector/formats/access_line.h -- the common and combined access lines that Apache, nginx and
 * gunicorn share:
 *   host ident user [dd/Mon/yyyy:HH:MM:SS +zzzz] "request" status bytes "referer" "agent" tail
 * Thread safety: pure functions. */
#ifndef DENDRO_COLLECTOR_FORMATS_ACCESS_LINE_H
#define DENDRO_COLLECTOR_FORMATS_ACCESS_LINE_H

#include "collector/format.h"

/* How a quote inside a quoted value is written. */
enum quoting {
    QUOTING_HEX,       /* \x22: a quote always ends the value (nginx) */
    QUOTING_BACKSLASH, /* \" and \\ (Apache) */
    QUOTING_LOOSE,     /* \", but a backslash stays single (gunicorn): look at what follows */
};

struct access_line {
    struct slice host, user;
    int64_t time_ns;
    struct slice request, status, bytes;
    struct slice referer, agent; /* empty in the common format */
    struct slice tail;           /* what stands behind, without the blank in front */
    bool cut;                    /* the line ends inside the request: no status */
};

/* False if this is no such line. */
bool access_line_split(const struct format_context *context, struct slice line,
                       enum quoting quoting, struct access_line *out);
/* Add host (as `client`), user, request, status, bytes, referer and agent; time and level. */
void access_line_add(const struct format_context *context, struct slice event,
                     const struct access_line *line, struct parsed_event *out);
/* As access_line_add(), with `forwarded` (X-Forwarded-For, may be empty): `client` is its first
 * public address, and the host that connected is `peer`. */
void access_line_add_forwarded(const struct format_context *context, struct slice event,
                               const struct access_line *line, struct slice forwarded,
                               struct parsed_event *out);
/* Client and peer from the host that connected and X-Forwarded-For. */
void access_add_client(const struct format_context *context, struct slice event, struct slice host,
                       struct slice forwarded, struct parsed_event *out);

/* `rest` stands behind an opening quote: eat up to and with the quote that closes it, which is
 * one that a blank, the end, or `follow` (if not 0: what must stand behind the blank: '0' a digit
 * or dash) follows. */
bool access_take_quoted(struct slice *rest, enum quoting quoting, char follow, struct slice *out);

/* First address of the list that is not private; the empty slice if there is none. */
struct slice access_public_address(struct slice list);
/* 60: combined line. A surer sign of one server is added by its format. */
unsigned access_line_detect(struct slice line);

#endif
