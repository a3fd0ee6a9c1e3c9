/* Leaving: by exec, of which the next program must not be held to this one's beats, and by _exit.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "preload/internal.h"

static int failed(int result) {
    int saved_errno = errno;
    say_staying();
    errno = saved_errno;
    return result;
}

WRAP(int, execve, (const char* path, char* const* arguments, char* const* environment)) {
    say_leaving();
    return failed(real()->execve(path, arguments, environment));
}

WRAP(int, execv, (const char* path, char* const* arguments)) {
    return wrap_execve(path, arguments, environ);
}

WRAP(int, execvp, (const char* file, char* const* arguments)) {
    say_leaving();
    return failed(real()->execvp(file, arguments));
}

WRAP(int, execvpe, (const char* file, char* const* arguments, char* const* environment)) {
    say_leaving();
    return failed(real()->execvpe(file, arguments, environment));
}

WRAP(int, fexecve, (int fd, char* const* arguments, char* const* environment)) {
    say_leaving();
    return failed(real()->fexecve(fd, arguments, environment));
}

WRAP(int, execveat,
     (int folder, const char* path, char* const* arguments, char* const* environment, int flags)) {
    if (real()->execveat == NULL) {
        errno = ENOSYS;
        return -1;
    }
    say_leaving();
    return failed(real()->execveat(folder, path, arguments, environment, flags));
}

/* How many arguments a list has, its end included. */
static size_t count_arguments(va_list arguments) {
    size_t count = 2;
    while (va_arg(arguments, char*) != NULL) {
        count++;
    }
    return count;
}

static void copy_arguments(char** to, const char* first, va_list arguments) {
    *to++ = (char*)(uintptr_t)first;
    while ((*to++ = va_arg(arguments, char*)) != NULL) {
    }
}

/* The list as an array on the caller's stack: an exec in a child must not allocate. */
#define LIST_TO_ARRAY(array, first)                               \
    va_list list;                                                 \
    va_start(list, first);                                        \
    size_t count = (first) != NULL ? count_arguments(list) : 1;   \
    va_end(list);                                                 \
    char** array = __builtin_alloca((count + 1) * sizeof(char*)); \
    array[0] = NULL;                                              \
    va_start(list, first);                                        \
    if ((first) != NULL) {                                        \
        copy_arguments(array, first, list);                       \
    }

WRAP(int, execl, (const char* path, const char* first, ...)) {
    LIST_TO_ARRAY(arguments, first)
    va_end(list);
    return wrap_execve(path, arguments, environ);
}

WRAP(int, execlp, (const char* file, const char* first, ...)) {
    LIST_TO_ARRAY(arguments, first)
    va_end(list);
    return wrap_execvp(file, arguments);
}

WRAP(int, execle, (const char* path, const char* first, ...)) {
    LIST_TO_ARRAY(arguments, first)
    char* const* environment = va_arg(list, char* const*);
    va_end(list);
    return wrap_execve(path, arguments, environment);
}

WRAP(void, _exit, (int code)) {
    say_leaving();
    real()->_exit(code);
    __builtin_unreachable();
}

WRAP(void, _Exit, (int code)) { wrap__exit(code); }
