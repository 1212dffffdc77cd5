/* shipper/host_processes.c -- processes by state, from the third field of /proc/PID/stat (proc(5)).
 * The name before it is in parentheses and may hold any byte, so the last one ends it. */
#include "shipper/host_metrics.h"

#include <stdio.h>

enum { PROCESSES_MAX = 20000 }; /* more are not looked at: the pass must stay short */

struct processes {
    struct io *io;
    uint64_t counts[128]; /* by letter */
    uint32_t seen;
};

char host_process_state(struct slice text)
{
    size_t end = slice_find_last_byte(text, ')');

    if (end == SIZE_MAX || end + 2 >= text.len || text.data[end + 1] != ' ')
        return '\0';
    return text.data[end + 2];
}

static bool count_process(void *user, const char *name)
{
    struct processes *processes = user;
    char path[64], text[512];
    ssize_t got;
    int fd;
    char state;

    if (name[0] < '1' || name[0] > '9')
        return true;
    if (++processes->seen > PROCESSES_MAX)
        return false;
    (void)snprintf(path, sizeof(path), "/proc/%.20s/stat", name);
    fd = processes->io->file->open(processes->io, path, IO_READ);
    if (fd < 0)
        return true; /* it has ended */
    got = processes->io->file->read_at(processes->io, fd, text, sizeof(text), 0);
    io_close(processes->io, &fd);
    state = host_process_state(slice_make(text, got > 0 ? (size_t)got : 0));
    if (state >= 'A' && state <= 'z')
        processes->counts[(unsigned char)state]++;
    return true;
}

void host_read_processes(struct io *io, struct metric_set *set)
{
    struct processes processes = {.io = io};

    if (io->path->list(io, "/proc", count_process, &processes) != 0 || processes.seen == 0)
        return;
    for (unsigned letter = 'A'; letter <= 'z'; letter++) {
        char name = (char)letter;

        if (processes.counts[letter] > 0)
            metric_add_label(set, "node_processes_state", (double)processes.counts[letter], "state",
                             slice_make(&name, 1));
    }
}
