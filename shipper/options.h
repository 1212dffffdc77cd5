/* shipper/options.h -- the command line and the YAML file of dendro-shipper.
 * Thread safety: functions touch only their arguments. */
#ifndef DENDRO_SHIPPER_OPTIONS_H
#define DENDRO_SHIPPER_OPTIONS_H

#include "base/arena.h"
#include "base/cli.h"
#include "shipper/settings.h"

/* What the program is asked to do. */
enum shipper_command { COMMAND_RUN, COMMAND_STATUS, COMMAND_EXPLAIN };

struct shipper_options {
    struct shipper_settings settings;
    const char *config;
    enum shipper_command command;
    const char *argument; /* of explain */
    bool check;           /* only check the settings, for `dendro config check` */
};

/* Defaults, file, flags; then everything is checked. All texts live in `arena`.
 * END: --help or --version was printed. INVALID: exit status 2. */
enum status shipper_options_read(struct io *io, struct cli_words words, struct arena *arena,
                                 struct shipper_options *out, struct error *err) WARN_UNUSED;

/* Defaults only, for tests. */
enum status shipper_settings_preset(struct arena *arena, struct shipper_settings *out,
                                    struct error *err) WARN_UNUSED;
/* Labels of all sources are put together and checked: character set and length. */
enum status shipper_settings_finish(struct shipper_settings *settings, struct arena *arena,
                                    struct error *err) WARN_UNUSED;

#endif
