/* dendro: the command line tool. All of it is in the library dendro_cli. */
#include "query/cli/command.h"

int main(int argc, char **argv)
{
    return dendro_main(argc, argv);
}
