/* base/thread_priority.h -- who goes first when there are more threads than processors: ingest before
 * queries before background.
 *
 * It is the scheduler that decides, so a thread never has to stop and ask, and what is idle goes to
 * whoever wants it: by the kernel's weights (sched(7)) a busy query thread has a third of the time of
 * a busy ingest thread beside it, a busy background thread a thirtieth. The background's disk requests
 * go last, too, where the disk's scheduler knows classes.
 * Thread safety: a thread sets its own. */
#ifndef DENDRO_BASE_THREAD_PRIORITY_H
#define DENDRO_BASE_THREAD_PRIORITY_H

enum work_priority { WORK_INGEST, WORK_QUERY, WORK_BACKGROUND, WORK_PRIORITY_COUNT };

/* Once per thread, at its begin: a priority can only be lowered. Failure changes nothing. */
void thread_priority_set(enum work_priority priority);

#endif
