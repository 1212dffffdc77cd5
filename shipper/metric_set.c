/* shipper/metric_set.c -- an arena for the texts, two arrays for series and samples. */
#include "shipper/metric_set.h"

#include <stdio.h>
#include <stdlib.h>

struct metric_set metric_set_empty(void)
{
    return (struct metric_set){.arena = arena_empty(METRIC_MEMORY_MAX)};
}

void metric_set_reset(struct metric_set *set, int64_t time_ns)
{
    arena_reset(&set->arena);
    set->count = 0;
    set->left_out = 0;
    set->time_ns = time_ns - time_ns % METRIC_TIME_STEP_NS;
}

void metric_set_release(struct metric_set *set)
{
    arena_release(&set->arena);
    free(set->series);
    free(set->samples);
    *set = metric_set_empty();
}

static bool grow(struct metric_set *set)
{
    uint32_t capacity = set->capacity == 0 ? 512 : set->capacity * 2;
    struct wire_series *series;
    struct wire_sample *samples;

    if (set->count < set->capacity)
        return true;
    if (set->count >= METRIC_SAMPLES_MAX)
        return false;
    series = realloc(set->series, capacity * sizeof(*series));
    if (series == NULL)
        return false;
    set->series = series;
    samples = realloc(set->samples, capacity * sizeof(*samples));
    if (samples == NULL)
        return false;
    set->samples = samples;
    set->capacity = capacity;
    return true;
}

static void add(struct metric_set *set, struct slice name, double value,
                const struct wire_label *labels, uint32_t label_count)
{
    struct wire_label *copy = NULL;

    if (label_count > 0)
        copy = arena_new(&set->arena, struct wire_label, label_count);
    if (!grow(set) || (label_count > 0 && copy == NULL)) {
        set->left_out++;
        return;
    }
    for (uint32_t i = 0; i < label_count; i++)
        copy[i] = (struct wire_label){labels[i].name, arena_copy(&set->arena, labels[i].value)};
    set->series[set->count] =
        (struct wire_series){.metric = name, .labels = copy, .label_count = label_count};
    set->samples[set->count] =
        (struct wire_sample){.series = set->count, .time_ns = set->time_ns, .value = value};
    set->count++;
}

void metric_add(struct metric_set *set, const char *name, double value)
{
    add(set, slice_of(name), value, NULL, 0);
}

void metric_add_label(struct metric_set *set, const char *name, double value, const char *label,
                      struct slice text)
{
    struct wire_label one = {slice_of(label), text};

    add(set, slice_of(name), value, &one, 1);
}

void metric_add_labels(struct metric_set *set, const char *name, double value,
                       const struct wire_label *labels, uint32_t label_count)
{
    add(set, slice_of(name), value, labels, label_count);
}

void metric_add_named(struct metric_set *set, const char *prefix, struct slice middle,
                      const char *suffix, double value)
{
    size_t len = strlen(prefix) + middle.len + strlen(suffix);
    char *name = arena_new(&set->arena, char, len + 1);

    if (name == NULL) {
        set->left_out++;
        return;
    }
    (void)snprintf(name, len + 1, "%s%.*s%s", prefix, SLICE_ARG(middle), suffix);
    add(set, slice_make(name, len), value, NULL, 0);
}

enum status metric_set_encode(const struct metric_set *set, const struct batch_range *range,
                              int64_t clock_offset_ns, struct buf *out, struct error *err)
{
    const struct batch_samples batch = {.wall_ns = (uint64_t)set->time_ns,
                                        .clock_offset_ns = clock_offset_ns,
                                        .ranges = range,
                                        .range_count = 1,
                                        .series = set->series,
                                        .series_count = set->count,
                                        .samples = set->samples,
                                        .sample_count = set->count};

    return batch_samples_append(out, &batch, err);
}
