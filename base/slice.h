/* base/slice.h -- borrowed bytes: pointer and length, not NUL-terminated.
 * {NULL, 0} is the empty slice. A slice never owns what it shows.
 * Thread safety: functions touch only their arguments. */
#ifndef DENDRO_BASE_SLICE_H
#define DENDRO_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

struct slice {
    const char *data;
    size_t len; /* bytes */
};

#define SLICE_LITERAL(text) ((struct slice){(text), sizeof(text) - 1})

static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, text == NULL ? 0 : strlen(text)};
}

static inline struct slice slice_make(const void *data, size_t len)
{
    return (struct slice){data, len};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_equal(a, slice_of(text));
}

static inline bool slice_starts(struct slice a, struct slice prefix)
{
    return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.data, prefix.data, prefix.len) == 0);
}

static inline bool slice_ends(struct slice a, struct slice suffix)
{
    return a.len >= suffix.len &&
           (suffix.len == 0 || memcmp(a.data + a.len - suffix.len, suffix.data, suffix.len) == 0);
}

/* The bytes from `from` on; past the end gives the empty slice at the end. */
static inline struct slice slice_from(struct slice a, size_t from)
{
    if (from > a.len)
        from = a.len;
    if (from == 0) /* NULL + 0 is undefined */
        return a;
    return (struct slice){a.data + from, a.len - from};
}

/* The first `len` bytes, or all if there are fewer. */
static inline struct slice slice_first(struct slice a, size_t len)
{
    return (struct slice){a.data, len < a.len ? len : a.len};
}

/* `len` bytes from `from`; both are cut to what is there. */
static inline struct slice slice_sub(struct slice a, size_t from, size_t len)
{
    return slice_first(slice_from(a, from), len);
}

/* Order of bytes as unsigned, shorter first: <0, 0, >0 as memcmp. */
int slice_compare(struct slice a, struct slice b);

/* Equal when ASCII letters are folded; other bytes compare as they are. */
bool slice_equal_fold(struct slice a, struct slice b);

/* Index of the first `byte`, or of the first occurrence of `needle` (memmem); SIZE_MAX if none.
 * An empty needle is found at 0. */
size_t slice_find_byte(struct slice a, char byte);
size_t slice_find(struct slice a, struct slice needle);
size_t slice_find_last_byte(struct slice a, char byte);

/* Cut `rest` at the first `byte`: the part before it is `head`, `rest` continues after it.
 * Without the byte nothing changes and the answer is false. */
bool slice_cut(struct slice *rest, char byte, struct slice *head);

/* Without leading and trailing blanks, tabs, CR and LF. */
struct slice slice_trim(struct slice a);

/* Decimal digits only, whole slice, no sign; false on anything else or above UINT64_MAX. */
bool slice_to_u64(struct slice a, uint64_t *out);
/* As above with an optional leading '-'. */
bool slice_to_i64(struct slice a, int64_t *out);
/* [-]digits[.digits][e[+-]digits], whole slice; never inf or nan. At most 64 bytes. */
bool slice_to_double(struct slice a, double *out);

/* For printf: "%.*s" with SLICE_ARG(s). Cuts at INT_MAX. */
#define SLICE_ARG(s) ((int)((s).len > INT32_MAX ? INT32_MAX : (s).len)), ((s).len ? (s).data : "")

#endif
