/* query/cli/exit_code.h -- how every command ends (docs/cli.md). */
#ifndef DENDRO_QUERY_CLI_EXIT_CODE_H
#define DENDRO_QUERY_CLI_EXIT_CODE_H

enum dendro_exit {
    DENDRO_FOUND = 0,     /* or: fine */
    DENDRO_NOT_FOUND = 1, /* grep; verify: problems */
    DENDRO_ERROR = 2,     /* usage, or it could not be done */
    DENDRO_PARTIAL = 3,   /* an answer, but not a complete one; the reason is on stderr */
};

#endif
