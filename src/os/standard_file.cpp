// Finds out where a file is by /proc, and opens it anew there.
#include "os/standard_file.hpp"

#include <array>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.hpp"

namespace reeve::os {

StandardFile::StandardFile(int fd) : fd_(fd) {
    struct stat status {};
    if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink == 0) return;
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) return;
    (void)::fcntl(fd, F_SETFL, flags | O_APPEND);
    std::array<char, PATH_MAX> path{};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
    if (size <= 0 || path[0] != '/') return;
    path_.assign(path.data(), static_cast<std::size_t>(size));
    mode_ = status.st_mode & 0777U;
}

Result<void> StandardFile::reopen() const noexcept {
    if (path_.empty()) return {};
    constexpr int how = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW;
    const Fd fresh{::open(path_.c_str(), how, mode_)};
    if (!fresh || ::dup2(fresh.get(), fd_) < 0) return last_error();
    return {};
}

}  // namespace reeve::os
