/* shipper/host_parse_disk.c -- block devices, software raid, mount points. Sources: the kernel's
 * Documentation/admin-guide/iostats.rst and md.rst, proc(5). */
#include "shipper/host_metrics.h"

#include "shipper/host_parse.h"

enum { SECTOR_SIZE = 512 }; /* of diskstats, whatever the device has */

/* ---- /proc/diskstats: major minor name, then the fields of iostats.rst ---- */

void host_parse_diskstats(struct slice text, struct metric_set *set)
{
    static const struct {
        const char *name;
        double factor, divisor; /* a quotient is the decimal that people mean, 121.112; a product may not be */
    } fields[] = {
        {"node_disk_reads_completed_total", 1, 1},
        {"node_disk_reads_merged_total", 1, 1},
        {"node_disk_read_bytes_total", SECTOR_SIZE, 1},
        {"node_disk_read_time_seconds_total", 1, 1000},
        {"node_disk_writes_completed_total", 1, 1},
        {"node_disk_writes_merged_total", 1, 1},
        {"node_disk_written_bytes_total", SECTOR_SIZE, 1},
        {"node_disk_write_time_seconds_total", 1, 1000},
        {"node_disk_io_now", 1, 1},
        {"node_disk_io_time_seconds_total", 1, 1000},
        {"node_disk_io_time_weighted_seconds_total", 1, 1000},
    };
    struct slice line, words[HOST_WORDS_MAX];
    double value;

    while (host_line(&text, &line)) {
        size_t count = host_words(line, words);

        if (count < 3 || slice_starts(words[2], SLICE_LITERAL("ram")) ||
            slice_starts(words[2], SLICE_LITERAL("loop")))
            continue;
        for (size_t i = 0; i < COUNT_OF(fields) && i + 3 < count; i++)
            if (host_number(words[i + 3], &value))
                metric_add_label(set, fields[i].name, value * fields[i].factor / fields[i].divisor,
                                 "device", words[2]);
    }
}

/* ---- /proc/mdstat: "md0 : active raid1 sdb1[1] sda1[0]", then "... [2/1] [U_]" ---- */

static void parse_md_counts(struct metric_set *set, struct slice device, struct slice line)
{
    struct slice word, total;
    double wanted, active;

    while (host_word(&line, &word)) {
        if (word.len < 5 || word.data[0] != '[' || word.data[word.len - 1] != ']')
            continue;
        word = slice_sub(word, 1, word.len - 2);
        if (!slice_cut(&word, '/', &total) || !host_number(total, &wanted) ||
            !host_number(word, &active))
            continue;
        metric_add_label(set, "node_md_disks_required", wanted, "device", device);
        metric_add_label(set, "node_md_disks_active", active, "device", device);
        return;
    }
}

void host_parse_mdstat(struct slice text, struct metric_set *set)
{
    struct slice line, words[HOST_WORDS_MAX], device = {NULL, 0};

    while (host_line(&text, &line)) {
        size_t count = host_words(line, words);

        if (count >= 3 && slice_starts(words[0], SLICE_LITERAL("md")) && slice_is(words[1], ":")) {
            device = words[0];
            metric_add_label(set, "node_md_active", slice_is(words[2], "active"), "device", device);
        } else if (device.len > 0) {
            parse_md_counts(set, device, line);
        }
    }
}

/* ---- /proc/self/mountinfo: id parent major:minor root mount options tags - type device super ----
 */

/* Blank, tab, newline and backslash are written as \ooo. */
static bool unescape(struct slice text, char *out, size_t size)
{
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        char byte = text.data[i];

        if (byte == '\\' && i + 3 < text.len) {
            byte = (char)((text.data[i + 1] - '0') << 6 | (text.data[i + 2] - '0') << 3 |
                          (text.data[i + 3] - '0'));
            i += 3;
        }
        if (len + 1 >= size)
            return false;
        out[len++] = byte;
    }
    out[len] = '\0';
    return true;
}

/* Only local file systems that hold data: a statvfs of a dead server's mount never returns, and
 * pseudo file systems have no size. */
static bool holds_data(struct slice type)
{
    static const char *const types[] = {"ext2", "ext3",     "ext4",     "xfs",   "btrfs",
                                        "zfs",  "f2fs",     "vfat",     "exfat", "ntfs3",
                                        "jfs",  "reiserfs", "bcachefs", "tmpfs", "overlay"};

    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (slice_is(type, types[i]))
            return true;
    return false;
}

static bool has_option(struct slice options, const char *name)
{
    struct slice one;

    while (slice_cut(&options, ',', &one))
        if (slice_is(one, name))
            return true;
    return slice_is(options, name);
}

void host_parse_mountinfo(struct slice text, host_mount_visit *visit, void *user)
{
    struct slice line;

    while (host_line(&text, &line)) {
        struct host_mount mount;
        struct slice words[6], word = {NULL, 0}, type, device;
        size_t count = 0;

        while (count < COUNT_OF(words) && host_word(&line, &words[count]))
            count++;
        while (count == COUNT_OF(words) && host_word(&line, &word) && !slice_is(word, "-"))
            ; /* optional tags */
        if (!slice_is(word, "-") || !host_word(&line, &type) || !host_word(&line, &device) ||
            !holds_data(type) || !unescape(words[4], mount.path, sizeof(mount.path)) ||
            !unescape(device, mount.device, sizeof(mount.device)) ||
            !unescape(type, mount.type, sizeof(mount.type)))
            continue;
        mount.read_only = has_option(words[5], "ro");
        visit(user, &mount);
    }
}
