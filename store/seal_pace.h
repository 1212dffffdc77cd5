/* store/seal_pace.h -- how much of the running seal is still to do.
 *
 * Ingest may be faster than sealing, and the memory of heads is bounded. If what a seal sets free came
 * all at once at its end, ingest would run ahead and then stand still for most of a seal: 24 MiB of
 * lines take 0.3 s, and so would an ack. So the room is given out as the seal goes on: a batch waits a
 * moment, often, instead of long, seldom.
 *
 * The measure is CPU time of the thread that seals, at the rate of the seals before: time on a busy
 * machine says little, and the steps of a seal need not count.
 * Thread safety: under the store's state lock. */
#ifndef DENDRO_STORE_SEAL_PACE_H
#define DENDRO_STORE_SEAL_PACE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct seal_pace {
    uint64_t size;    /* bytes of the head that is sealed; 0: none is */
    int64_t begin_ns; /* of `clock` */
    int64_t kib_ns;   /* CPU time of a KiB, as far as seen; 0: nothing was */
    clockid_t clock;  /* of the thread that seals */
};

/* The calling thread begins to seal `size` bytes. */
void seal_pace_begin(struct seal_pace *pace, uint64_t size);
/* It has ended, well or not. */
void seal_pace_end(struct seal_pace *pace, bool sealed);
/* Bytes that are still to be sealed. */
uint64_t seal_pace_left(const struct seal_pace *pace);

/* The same with the readings of the clock given. */
void seal_pace_begin_at(struct seal_pace *pace, uint64_t size, int64_t cpu_ns);
void seal_pace_end_at(struct seal_pace *pace, bool sealed, int64_t cpu_ns);
uint64_t seal_pace_left_at(const struct seal_pace *pace, int64_t cpu_ns);

#endif
