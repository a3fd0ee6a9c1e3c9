// A file that can be executed: what can be seen in it without running it.
#include "os/executable.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <vector>

#include "os/fd.hpp"

namespace reeve::os {

namespace {

constexpr std::size_t bytes_max = std::size_t{256} * 1024 * 1024;
constexpr std::size_t script_line_max = 256;  // as the kernel has it
constexpr std::string_view blanks = " \t";

Result<std::vector<std::byte>> read_file(int fd, std::size_t size) {
    std::vector<std::byte> bytes(std::min(size, bytes_max));
    std::size_t filled = 0;
    while (filled < bytes.size()) {
        const auto more = read_some(fd, std::span{bytes}.subspan(filled));
        if (!more) return more.error();
        if (*more == 0) break;
        filled += *more;
    }
    bytes.resize(filled);
    return bytes;
}

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

void read_script_line(std::string_view text, Executable& out) {
    if (!text.starts_with("#!")) return;
    const auto line = trimmed(text.substr(2, std::min(text.find('\n'), script_line_max) - 2));
    const auto end = std::min(line.find_first_of(blanks), line.size());
    out.interpreter = line.substr(0, end);
    out.argument = trimmed(line.substr(end));
}

}  // namespace

Result<Executable> read_executable(const std::string& path) {
    const Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!fd) return last_error();
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return last_error();
    if (!S_ISREG(status.st_mode)) return make_error(EACCES);
    const auto bytes = read_file(fd.get(), static_cast<std::size_t>(status.st_size));
    if (!bytes) return bytes.error();
    const std::string_view text{reinterpret_cast<const char*>(bytes->data()), bytes->size()};
    const auto names = [&](std::string_view word) {
        return text.find(word) != std::string_view::npos;
    };
    Executable out;
    out.elf = parse_elf(*bytes);
    read_script_line(text, out);
    out.privileged = (status.st_mode & (S_ISUID | S_ISGID)) != 0 ||
                     ::fgetxattr(fd.get(), "security.capability", nullptr, 0) > 0;
    out.names_listen_fds = names("LISTEN_FDS");
    out.names_notify_socket = names("NOTIFY_SOCKET");
    out.names_server_starter = names("SERVER_STARTER_PORT");
    out.names_einhorn = names("EINHORN_FD");
    out.names_reeve = names("REEVE_CONTROL_FD") || names("REEVE_HEARTBEAT_FD");
    return out;
}

}  // namespace reeve::os
