/* base/option.h -- one table per settings struct: the keys of its YAML section and the flags of its
 * command line. base/config.h and base/cli.h read values through it, so that both have the same
 * checks, the same defaults and the same sentences.
 *
 *     struct settings { struct address listen; int64_t retention_ns; struct table_list sources; };
 *     static const struct option rows[] = {
 *         {.type = OPTION_GROUP, .help = "Network"},
 *         {.name = "listen", .type = OPTION_ADDRESS, .offset = offsetof(struct settings, listen),
 *          .value_name = "ADDR", .preset = "127.0.0.1:7601", .help = "accept shippers on ADDR"},
 *         {.name = "retention", .type = OPTION_DURATION, .min = NS_PER_HOUR, .max = INT64_MAX,
 *          .offset = offsetof(struct settings, retention_ns), .value_name = "TIME",
 *          .preset = "7d", .help = "delete segments older than this"},
 *         {.name = "source", .type = OPTION_TABLES, .table = &source_table, ...},
 *     };
 *     static const struct option_table table = OPTION_TABLE_OF(rows, struct settings);
 *
 * A name is written with '_'; the command line takes and prints '-' for it. All texts and lists of
 * a filled struct live in the arena that was given. Thread safety: functions touch only their
 * arguments. */
#ifndef DENDRO_BASE_OPTION_H
#define DENDRO_BASE_OPTION_H

#include "base/arena.h"
#include "base/error.h"
#include "base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {     /* what `offset` leads to */
    OPTION_TEXT,       /* const char *; NULL if not set */
    OPTION_ZONE,       /* the same, the name of a time zone; not looked up without tzdata */
    OPTION_BOOL,       /* bool */
    OPTION_INT,        /* int64_t, min..max */
    OPTION_DOUBLE,     /* double */
    OPTION_DURATION,   /* int64_t nanoseconds, min..max */
    OPTION_SIZE,       /* uint64_t bytes, min..max */
    OPTION_ENUM,       /* int: the index into `names` */
    OPTION_ADDRESS,    /* struct address */
    OPTION_TEXT_LIST,  /* struct text_list */
    OPTION_TEXT_MAP,   /* struct text_map; on the command line key=value, repeated */
    OPTION_TABLE,      /* the struct of `table`, in place; YAML only */
    OPTION_TABLES,     /* struct table_list of the structs of `table` */
    OPTION_LINE,       /* uint32_t: set to the line where this section begins; has no name */
    OPTION_GROUP,      /* no value: `help` is a heading in --help */
};

enum option_flags {
    OPTION_REQUIRED = 1,  /* a section without it is an error (not checked on the command line) */
    OPTION_CLI_ONLY = 2,  /* no YAML key */
    OPTION_FILE_ONLY = 4, /* no flag */
    OPTION_SECRET = 8,    /* its value never appears in a message */
    OPTION_HIDDEN = 16,   /* not in --help */
};

struct address {
    const char *host; /* name, IPv4 or IPv6 without brackets; "" is every interface */
    uint16_t port;    /* 0: the system chooses */
};

struct text_list {
    const char **items;
    size_t count;
};

struct text_pair {
    const char *key, *value;
};

struct text_map {
    struct text_pair *items;
    size_t count;
};

struct table_list {
    void *items; /* an array of the table's struct */
    size_t count;
};

struct option {
    const char *name;
    const char *alias; /* another spelling that is understood; NULL: none */
    char letter; /* of the short flag; 0: none */
    enum option_type type;
    unsigned flags;
    size_t offset;
    int64_t min, max;         /* inclusive; both 0: no bounds */
    const char *const *names; /* OPTION_ENUM: NULL at the end */
    const struct option_table *table;
    const char *value_name; /* in --help: "ADDR" */
    const char *preset;     /* default, as text; NULL: zero, empty, NULL */
    const char *help;       /* one sentence without capital and full stop */
};

static inline bool option_is_list(enum option_type type)
{
    return type == OPTION_TEXT_LIST || type == OPTION_TEXT_MAP || type == OPTION_TABLES;
}

struct option_table {
    const struct option *rows;
    size_t count; /* at most OPTION_ROWS_MAX */
    size_t size;  /* bytes of the struct that the rows describe */
};

#define OPTION_TABLE_OF(rows, type) {(rows), COUNT_OF(rows), sizeof(type)}

enum { OPTION_ROWS_MAX = 128, OPTION_LIST_MAX = 10000 };

/* Which rows were given a value; start with {0}. */
struct option_seen {
    uint64_t bits[OPTION_ROWS_MAX / 64];
};

/* Zero the struct and set the defaults. A default that does not parse is a bug: it aborts. */
enum status option_presets(const struct option_table *table, void *base, struct arena *arena,
                           struct error *err) WARN_UNUSED;

/* The row of a name or an alias; '-' and '_' are the same. NULL if there is none. */
const struct option *option_find(const struct option_table *table, struct slice name);
/* STATUS_INVALID: unknown key "x"; did you mean "y"? */
enum status option_unknown(const struct option_table *table, struct slice name,
                           struct error *err) WARN_UNUSED;

/* A struct that is being filled. */
struct option_target {
    const struct option_table *table;
    void *base; /* the struct */
    struct option_seen *seen;
    struct arena *arena;
};

/* Check `text` and store it. The first value of a list in one `seen` replaces what was there, the
 * next ones are appended; a second value of anything else is an error. OPTION_TABLES takes a
 * key=value list: option_set_pairs(). */
enum status option_set(const struct option_target *target, const struct option *option,
                       struct slice text, struct error *err) WARN_UNUSED;

/* Add one struct, with its defaults, to the list of an OPTION_TABLES row. */
enum status option_add_table(const struct option *option, void *base, struct arena *arena,
                             void **item, struct error *err) WARN_UNUSED;
enum status option_add_pair(const struct option *option, void *base, struct slice key,
                            struct slice value, struct arena *arena, struct error *err) WARN_UNUSED;

/* Mark a row as given; false: it already was. */
bool option_mark(const struct option_table *table, const struct option *option,
                 struct option_seen *seen);
/* STATUS_INVALID: missing key "path" (the OPTION_REQUIRED rows). */
enum status option_check_required(const struct option_table *table, const struct option_seen *seen,
                                  struct error *err) WARN_UNUSED;

/* role=web,format=nginx_access,path=/log/{a,b}.log into the struct at `base` (defaults set before).
 * A comma separates only if a key of the table (or a misspelt one) and '=' follow, so that values
 * may hold commas. */
enum status option_set_pairs(const struct option_table *table, void *base, struct slice text,
                             struct arena *arena, struct error *err) WARN_UNUSED;

/* host:port, [ipv6]:port, :port (every interface). */
enum status address_parse(struct slice text, struct address *out, struct arena *arena,
                          struct error *err) WARN_UNUSED;

/* The candidate nearest to a misspelt word, or NULL if none is near (an edit per three letters). */
const char *suggest(struct slice word, const char *const *candidates, size_t count);

#endif
