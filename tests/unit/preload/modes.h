/* What the two files of subjects share. */
#ifndef UNIT_PRELOAD_MODES_H
#define UNIT_PRELOAD_MODES_H

#include <signal.h>

extern volatile sig_atomic_t stopping;
int serve(int fd);
int run_mode(const char* mode);

#endif
