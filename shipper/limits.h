/* shipper/limits.h -- every limit of the shipper, with the reason for the number. What a user can
 * set has its default in options.c. */
#ifndef DENDRO_SHIPPER_LIMITS_H
#define DENDRO_SHIPPER_LIMITS_H

enum shipper_limits {
    /* Identity. */
    PREFIX_SIZE_MAX = 1024, /* first bytes that tell two files apart; one access line and more */

    /* Reading. */
    READ_TURN_SIZE = 62 * 1024,          /* per file and turn; four make a batch */
    LINE_SIZE_MIN = 1024,                /* a smaller cap would cut ordinary lines */
    LINE_SIZE_CEILING = 2 * 1024 * 1024, /* line + batch must fit a frame of 4 MiB as sent */
    NUL_RUN_MIN = 64,                    /* fewer NULs are data; holes come in blocks of 512 */
    OPEN_FILES_MAX = 512,                /* descriptors kept for idle files; half of 1024 */
    VACANT_FILES_MAX = 128,              /* empty files held open; fewer are written to at once */
    SOURCES_MAX = 65536,                 /* followed and remembered generations */
    SOURCE_SETTINGS_MAX = 256,           /* --source options */
    DIRECTORY_ENTRIES_MAX = 65536,       /* of one directory, looked at in one scan */
    DIRECTORIES_MAX = 4096,              /* that the patterns may lead to */
    GLOB_SIZE_MAX = 4096,                /* PATH_MAX */

    /* Batches. */
    BATCH_SIZE_MIN = 16 * 1024,
    BATCH_SIZE_CEILING = 1024 * 1024,
    BATCH_LINES_TARGET = 16384,        /* short lines: bounds the columns */
    BATCH_SOURCES_MAX = 256,           /* ranges in one batch */
    WINDOW_SIZE_MAX = 8 * 1024 * 1024, /* compressed bytes sent and not acked */
    WINDOW_FRAMES_MAX = 256,

    /* Labels travel on the wire: character set and length are checked. */
    LABEL_SIZE_MAX = 255,

    /* Checkpoint. */
    CHECKPOINT_RECORD_SIZE_MAX = 8192, /* a path of PATH_MAX and the fixed fields */
    CHECKPOINT_SIZE_MAX = 64 * 1024 * 1024,
    CHECKPOINT_GROWTH_MIN = 256 * 1024, /* appended before a compaction pays */
};

#define SECOND_NS      1000000000LL
#define MILLISECOND_NS 1000000LL

#define POLL_COLD_NS         (2 * SECOND_NS)        /* look at a file that has not grown lately */
#define POLL_REMOTE_NS       (1 * SECOND_NS)        /* and at any on a network file system */
#define SHRINK_BELIEVED_NS   (2 * SECOND_NS)        /* there, a smaller size must last so long */
#define HOT_FOR_NS           (10 * SECOND_NS)       /* "lately" */
#define SCAN_MISSED_NS       (5 * SECOND_NS)  /* rotated files that we missed: each is a stat */
#define SCAN_ROTATED_NS      (60 * SECOND_NS) /* rotated files that somebody still writes to */
#define DELETED_QUIET_NS     (60 * SECOND_NS) /* a deleted one without a successor */
#define DELETED_AGE_MAX_NS   (24LL * 3600 * SECOND_NS)   /* a deleted file is held open this long */
#define DELETED_SIZE_MAX     (2ULL * 1024 * 1024 * 1024) /* and while so many bytes are unread */
#define RETRY_OPEN_MIN_NS    (1 * SECOND_NS)  /* after EACCES, doubling */
#define RETRY_OPEN_MAX_NS    (30 * SECOND_NS) /* the alarm is due within 60 s */
#define CHECKPOINT_EVERY_NS  (1 * SECOND_NS)  /* positions are written at most this often */
#define FORGET_AFTER_NS      (7LL * 24 * 3600 * SECOND_NS) /* gone files; their .gz may come late */
#define START_OLD_NS         (3600 * SECOND_NS) /* first start: older files begin at the end */
#define PING_EVERY_NS        (10 * SECOND_NS)
#define DEAD_AFTER_NS        (30 * SECOND_NS)
#define RETRY_CONNECT_MIN_NS (500 * MILLISECOND_NS)
#define RETRY_CONNECT_MAX_NS (60 * SECOND_NS)

#endif
