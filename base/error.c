/* base/error.c -- formats error sentences into fixed storage. */
#include "base/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const status_names[] = {
    [STATUS_OK] = "ok",
    [STATUS_AGAIN] = "again",
    [STATUS_END] = "end",
    [STATUS_NO_MEMORY] = "no_memory",
    [STATUS_IO] = "io",
    [STATUS_CORRUPT] = "corrupt",
    [STATUS_INVALID] = "invalid",
    [STATUS_TOO_LARGE] = "too_large",
    [STATUS_NOT_FOUND] = "not_found",
    [STATUS_BUSY] = "busy",
    [STATUS_CANCELLED] = "cancelled",
    [STATUS_DISK_FULL] = "disk_full",
};

const char *status_name(enum status status)
{
    return status_names[status];
}

enum status error_set(struct error *err, enum status status, const char *format, ...)
{
    va_list args;

    if (err == NULL)
        return status;
    err->status = status;
    va_start(args, format);
    (void)vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    return status;
}

static enum status status_of_errno(int errno_value)
{
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
        return STATUS_DISK_FULL;
    case ENOENT:
        return STATUS_NOT_FOUND;
    case ENOMEM:
        return STATUS_NO_MEMORY;
    default:
        return STATUS_IO;
    }
}

enum status error_set_errno(struct error *err, int errno_value, const char *format, ...)
{
    enum status status = status_of_errno(errno_value);
    char what[sizeof(err->message)];
    char reason[96];
    va_list args;

    if (err == NULL)
        return status;
    va_start(args, format);
    (void)vsnprintf(what, sizeof(what), format, args);
    va_end(args);
    /* XSI strerror_r would need another feature macro; GNU's returns the text to use. */
    return error_set(err, status, "%.290s: %s", what,
                     strerror_r(errno_value, reason, sizeof(reason)));
}

void error_context(struct error *err, const char *format, ...)
{
    char context[sizeof(err->message)];
    char message[sizeof(err->message)];
    va_list args;

    if (err == NULL)
        return;
    va_start(args, format);
    (void)vsnprintf(context, sizeof(context), format, args);
    va_end(args);
    memcpy(message, err->message, sizeof(message));
    (void)snprintf(err->message, sizeof(err->message), "%.198s: %.198s", context, message);
}
