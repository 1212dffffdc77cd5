/* base/error.h -- a status to branch on, a sentence to print.
 * A struct error holds no heap, so reporting a failure cannot itself fail.
 * Thread safety: functions touch only their arguments. */
#ifndef DENDRO_BASE_ERROR_H
#define DENDRO_BASE_ERROR_H

#include <stdarg.h>

#define WARN_UNUSED __attribute__((warn_unused_result))

enum status {
    STATUS_OK = 0,
    STATUS_AGAIN,     /* not a failure: needs more input, or try later */
    STATUS_END,       /* not a failure: nothing more to read */
    STATUS_NO_MEMORY, /* an allocation failed */
    STATUS_IO,        /* the system refused a read, write, open, ... */
    STATUS_CORRUPT,   /* bytes that we wrote ourselves are damaged */
    STATUS_INVALID,   /* input from outside breaks its rules */
    STATUS_TOO_LARGE, /* a named limit was reached */
    STATUS_NOT_FOUND, /* the named thing does not exist */
    STATUS_BUSY,      /* somebody else holds it: a lock, a port */
    STATUS_CANCELLED, /* the caller asked to stop */
    STATUS_DISK_FULL, /* refused before, or at, ENOSPC */
};

struct error {
    enum status status;
    char message[400]; /* always terminated; cut, never overflowing */
};

/* Fill `err` (NULL: nothing) and return `status`, so that `return error_set(...)` reads well. */
enum status error_set(struct error *err, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set(), followed by ": " and the text of `errno_value`. ENOSPC and EDQUOT become
 * STATUS_DISK_FULL, ENOENT becomes STATUS_NOT_FOUND, all others STATUS_IO. */
enum status error_set_errno(struct error *err, int errno_value, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "context: " in front of the message; once per layer. */
void error_context(struct error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The status in one word, for machines: "corrupt", "disk_full". Static text. */
const char *status_name(enum status status);

#endif
