/* collector/settings_check.h -- mistakes in settings that their types do not show: patterns of rules
 * that do not compile, addresses that the start would refuse. Before a start, and for --check.
 * Thread safety: touches only its arguments. */
#ifndef DENDRO_COLLECTOR_SETTINGS_CHECK_H
#define DENDRO_COLLECTOR_SETTINGS_CHECK_H

#include "collector/collector_config.h"

/* Errors: INVALID names the key; NO_MEMORY. */
enum status settings_check(const struct collector_config *config, struct error *err) WARN_UNUSED;

#endif
