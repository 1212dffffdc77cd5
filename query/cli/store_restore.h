/* query/cli/store_restore.h -- `dendro store restore`.
 * Thread safety: one thread. */
#ifndef DENDRO_QUERY_CLI_STORE_RESTORE_H
#define DENDRO_QUERY_CLI_STORE_RESTORE_H

/* Make the data directory `dir` of a snapshot. `receipts` may be NULL: then those of the store are taken
 * in whose folder snapshots/ the snapshot is, and else it is said that none are. Gives the exit code; what
 * is wrong has been reported. */
int store_restore(const char *snapshot, const char *dir, const char *receipts);

#endif
