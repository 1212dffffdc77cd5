/* base/thread_priority.c -- nice values of single threads, which Linux has (setpriority(2), "C
 * library/kernel differences"). */
#include "base/thread_priority.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ioprio_set(2); the library has no header for it. */
enum { DISK_WHO_PROCESS = 1, DISK_CLASS_IDLE = 3, DISK_CLASS_SHIFT = 13 };

static const int steps[WORK_PRIORITY_COUNT] = {
    [WORK_INGEST] = 0, [WORK_QUERY] = 5, [WORK_BACKGROUND] = 15};

void thread_priority_set(enum work_priority priority)
{
    int before;

    errno = 0;
    before = getpriority(PRIO_PROCESS, 0); /* of this thread; -1 is a value as well */
    if (steps[priority] > 0 && (before != -1 || errno == 0))
        (void)setpriority(PRIO_PROCESS, 0, before + steps[priority]);
    if (priority == WORK_BACKGROUND)
        (void)syscall(SYS_ioprio_set, DISK_WHO_PROCESS, 0, DISK_CLASS_IDLE << DISK_CLASS_SHIFT);
}
