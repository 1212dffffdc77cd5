/* base/diag.c -- formats one line, escapes it, writes it with one write(2). */
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { DIAG_LINE_SIZE_MAX = 2048 }; /* below PIPE_BUF: lines of several threads do not mix */

static const char *diag_program = "dendro";
static enum diag_level diag_shown = DIAG_INFO;
static const char *const level_names[] = {"error", "warning", "info", "debug"};

void diag_init(const char *program, enum diag_level level)
{
    diag_program = program;
    diag_shown = level;
}

/* Copy with control bytes as \xHH; gives the end of the text. */
static char *escape(char *to, const char *end, const char *from)
{
    static const char digits[] = "0123456789abcdef";

    for (; *from != '\0' && end - to > 5; from++) {
        unsigned char c = (unsigned char)*from;

        if (c >= 0x20 && c != 0x7f) {
            *to++ = *from;
            continue;
        }
        *to++ = '\\';
        *to++ = 'x';
        *to++ = digits[c >> 4];
        *to++ = digits[c & 15];
    }
    return to;
}

__attribute__((format(printf, 2, 0))) static void emit(enum diag_level level, const char *format,
                                                       va_list args)
{
    char text[1024];
    char line[DIAG_LINE_SIZE_MAX];
    char *at = line;
    struct timespec now;
    struct tm parts;
    ssize_t ignored;

    if (level > diag_shown)
        return;
    (void)vsnprintf(text, sizeof(text), format, args);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    (void)gmtime_r(&now.tv_sec, &parts);
    at += strftime(at, 32, "%Y-%m-%dT%H:%M:%S", &parts);
    at += snprintf(at, 96, ".%03ldZ %s %.40s: ", now.tv_nsec / 1000000, level_names[level],
                   diag_program);
    at = escape(at, line + sizeof(line) - 1, text);
    *at++ = '\n';
    ignored = write(STDERR_FILENO, line, (size_t)(at - line));
    (void)ignored; /* nowhere left to report that stderr is gone */
}

#define DIAG_FUNCTION(name, level)        \
    void name(const char *format, ...)    \
    {                                     \
        va_list args;                     \
                                          \
        va_start(args, format);           \
        emit(level, format, args);        \
        va_end(args);                     \
    }

DIAG_FUNCTION(diag_error, DIAG_ERROR)
DIAG_FUNCTION(diag_warn, DIAG_WARNING)
DIAG_FUNCTION(diag_info, DIAG_INFO)
DIAG_FUNCTION(diag_debug, DIAG_DEBUG)

bool diag_limited(uint64_t *last, unsigned interval_s)
{
    struct timespec now;
    uint64_t seconds;
    uint64_t seen = __atomic_load_n(last, __ATOMIC_RELAXED);

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    seconds = (uint64_t)now.tv_sec + 1; /* never 0, which means "not yet" */
    if (seen != 0 && seconds - seen < interval_s)
        return false;
    return __atomic_compare_exchange_n(last, &seen, seconds, false, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}
