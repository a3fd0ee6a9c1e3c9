/* Looks up the functions behind ours: the C library's, or those of a library preloaded after us. */
#include "preload/real.h"

#include <dlfcn.h>
#include <string.h>

struct real found_real;
int real_is_found;

/* C has no conversion from an object's address to a function's. */
static void find(void* function, const char* name) {
    void* address = dlsym(RTLD_NEXT, name);
    memcpy(function, &address, sizeof address);
}

void find_real(void) {
#define FIND_REAL(type, name, parameters) find(&found_real.name, #name);
    REAL_FUNCTIONS(FIND_REAL)
#undef FIND_REAL
    __atomic_store_n(&real_is_found, 1, __ATOMIC_RELEASE);
}
