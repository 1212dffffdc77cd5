/* query/hll.c -- a set of hashes that turns into a HyperLogLog. */
#include "query/hll.h"

#include "query/limits.h"

#include <math.h>
#include <stdlib.h>

enum { HLL_BITS = 12, HLL_REGISTERS = 1 << HLL_BITS, SET_CAPACITY_MIN = 16 };

/* 64-bit hashes: no correction for large counts is needed before 2^60. */
static void hll_add(uint8_t *registers, uint64_t hash)
{
    uint32_t which = (uint32_t)(hash >> (64 - HLL_BITS));
    uint64_t rest = hash << HLL_BITS | (uint64_t)1 << (HLL_BITS - 1);
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);

    if (rank > registers[which])
        registers[which] = rank;
}

static uint64_t hll_count(const uint8_t *registers)
{
    const double m = HLL_REGISTERS, alpha = 0.7213 / (1 + 1.079 / m);
    double sum = 0;
    unsigned empty = 0;
    double estimate;

    for (unsigned i = 0; i < HLL_REGISTERS; i++) {
        sum += ldexp(1, -registers[i]);
        empty += registers[i] == 0;
    }
    estimate = alpha * m * m / sum;
    if (estimate <= 2.5 * m && empty > 0)
        estimate = m * log(m / empty); /* linear counting */
    return (uint64_t)llround(estimate);
}

static void set_put(uint64_t *hashes, uint32_t capacity, uint64_t hash)
{
    uint32_t at = (uint32_t)hash & (capacity - 1);

    while (hashes[at] != 0)
        at = (at + 1) & (capacity - 1);
    hashes[at] = hash;
}

static enum status grow(struct uniq_counter *counter, struct memory *memory, struct error *err)
{
    uint32_t capacity = counter->capacity == 0 ? SET_CAPACITY_MIN : counter->capacity * 2;
    size_t more = (size_t)(capacity - counter->capacity) * sizeof(uint64_t);
    enum status status = memory_take(memory, more, err);
    uint64_t *hashes;

    if (status != STATUS_OK)
        return status;
    hashes = calloc(capacity, sizeof(*hashes));
    if (hashes == NULL) {
        memory_give(memory, more);
        return error_set(err, STATUS_NO_MEMORY, "no memory to count distinct values");
    }
    for (uint32_t i = 0; i < counter->capacity; i++)
        if (counter->hashes[i] != 0)
            set_put(hashes, capacity, counter->hashes[i]);
    free(counter->hashes);
    counter->hashes = hashes;
    counter->capacity = capacity;
    return STATUS_OK;
}

static enum status start_estimate(struct uniq_counter *counter, struct memory *memory,
                                  struct error *err)
{
    enum status status = memory_take(memory, HLL_REGISTERS, err);
    uint8_t *registers;

    if (status != STATUS_OK)
        return status;
    registers = calloc(HLL_REGISTERS, 1);
    if (registers == NULL) {
        memory_give(memory, HLL_REGISTERS);
        return error_set(err, STATUS_NO_MEMORY, "no memory to count distinct values");
    }
    for (uint32_t i = 0; i < counter->capacity; i++)
        if (counter->hashes[i] != 0)
            hll_add(registers, counter->hashes[i]);
    if (counter->has_zero)
        hll_add(registers, 0);
    memory_give(memory, counter->capacity * sizeof(uint64_t));
    free(counter->hashes);
    *counter = (struct uniq_counter){.registers = registers};
    return STATUS_OK;
}

enum status uniq_add(struct uniq_counter *counter, uint64_t hash, struct memory *memory,
                     struct error *err)
{
    uint32_t at;
    enum status status;

    if (counter->registers != NULL) {
        hll_add(counter->registers, hash);
        return STATUS_OK;
    }
    if (hash == 0) {
        counter->has_zero = true;
        return STATUS_OK;
    }
    if (counter->capacity > 0) {
        for (at = (uint32_t)hash & (counter->capacity - 1); counter->hashes[at] != 0;
             at = (at + 1) & (counter->capacity - 1))
            if (counter->hashes[at] == hash)
                return STATUS_OK;
    }
    if (counter->count + counter->has_zero >= UNIQ_EXACT_MAX) {
        status = start_estimate(counter, memory, err);
        return status == STATUS_OK ? uniq_add(counter, hash, memory, err) : status;
    }
    if ((uint64_t)(counter->count + 1) * 4 > (uint64_t)counter->capacity * 3) {
        status = grow(counter, memory, err);
        if (status != STATUS_OK)
            return status;
    }
    set_put(counter->hashes, counter->capacity, hash);
    counter->count++;
    return STATUS_OK;
}

enum status uniq_merge(struct uniq_counter *to, const struct uniq_counter *from,
                       struct memory *memory, struct error *err)
{
    enum status status = STATUS_OK;

    if (from->registers != NULL) {
        if (to->registers == NULL)
            status = start_estimate(to, memory, err);
        for (unsigned i = 0; to->registers != NULL && i < HLL_REGISTERS; i++)
            if (from->registers[i] > to->registers[i])
                to->registers[i] = from->registers[i];
        return status;
    }
    for (uint32_t i = 0; status == STATUS_OK && i < from->capacity; i++)
        if (from->hashes[i] != 0)
            status = uniq_add(to, from->hashes[i], memory, err);
    if (status == STATUS_OK && from->has_zero)
        status = uniq_add(to, 0, memory, err);
    return status;
}

uint64_t uniq_count(const struct uniq_counter *counter)
{
    return counter->registers != NULL ? hll_count(counter->registers)
                                      : counter->count + (uint64_t)counter->has_zero;
}

void uniq_release(struct uniq_counter *counter, struct memory *memory)
{
    memory_give(memory, counter->capacity * sizeof(uint64_t) +
                            (counter->registers != NULL ? (size_t)HLL_REGISTERS : 0));
    free(counter->hashes);
    free(counter->registers);
    *counter = (struct uniq_counter){0};
}
