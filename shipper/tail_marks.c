/* shipper/tail_marks.c -- when the marks are full, the one goes that leaves the smallest hole, as
 * seen from the end: so the distances grow like those of a geometric series. */
#include "shipper/tail_marks.h"

#include <string.h>

void tail_marks_add(struct tail_marks *marks, uint64_t offset, uint64_t tail)
{
    struct tail_mark *all = marks->marks;
    double least = 2;
    uint32_t gone = 1;

    if (marks->count > 0 && offset <= all[marks->count - 1].offset)
        return;
    if (marks->count == TAIL_MARKS_MAX) {
        for (uint32_t i = 1; i + 1 < TAIL_MARKS_MAX; i++) {
            double hole = (double)(all[i + 1].offset - all[i - 1].offset) /
                          (double)(offset - all[i - 1].offset);

            if (hole < least) {
                least = hole;
                gone = i;
            }
        }
        memmove(&all[gone], &all[gone + 1], (TAIL_MARKS_MAX - gone - 1) * sizeof(*all));
        marks->count--;
    }
    all[marks->count++] = (struct tail_mark){offset, tail};
}
