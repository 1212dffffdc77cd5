/* tests/collector/random_path.h -- paths and near misses for the rules of derive. */
#ifndef DENDRO_TESTS_COLLECTOR_RANDOM_PATH_H
#define DENDRO_TESTS_COLLECTOR_RANDOM_PATH_H

#include <stddef.h>
#include <stdint.h>

/* Up to `size` bytes; gives the length. The same `state` gives the same path. */
size_t random_path(uint64_t *state, char *out, size_t size);

#endif
