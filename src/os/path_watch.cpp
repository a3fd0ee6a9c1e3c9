// By inotify: a name that goes changes the file's count of links, which is an attribute of it.
#include "os/path_watch.hpp"

#include <array>
#include <sys/inotify.h>

namespace reeve::os {

Result<PathWatch> PathWatch::open() noexcept {
    Fd fd{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    if (!fd) {
        return last_error();
    }
    return PathWatch{std::move(fd)};
}

Result<void> PathWatch::add(const std::string& path) noexcept {
    if (::inotify_add_watch(fd(), path.c_str(), IN_ATTRIB | IN_MOVE_SELF | IN_DONT_FOLLOW) < 0) {
        return last_error();
    }
    return {};
}

void PathWatch::drain() noexcept {
    alignas(inotify_event) std::array<std::byte, 4096> events;
    for (auto size = read_some(fd(), events); size && *size != 0; size = read_some(fd(), events)) {
    }
}

}  // namespace reeve::os
