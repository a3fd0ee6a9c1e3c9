// Reading our own cgroup's members.
#include "os/left_over.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/proc_file.hpp"
#include "os/process.hpp"

namespace reeve::os {
namespace {

namespace fs = std::filesystem;

/// Most processes that are looked at: far more than a service has.
constexpr std::size_t members_max = 4096;

/// Our path in the unified hierarchy, or in systemd's own of version 1.
std::string place_in(const fs::path& proc, bool unified) {
    std::ifstream lines{proc / "cgroup"};
    for (std::string line; std::getline(lines, line);) {
        const std::string_view mark = unified ? "0::" : ":name=systemd:";
        const auto at = line.find(mark);
        if (at != std::string::npos && (!unified || at == 0)) return line.substr(at + mark.size());
    }
    return {};
}

std::vector<pid_t> read_members(const fs::path& file) {
    std::vector<pid_t> members;
    std::ifstream numbers{file};
    for (pid_t pid = 0; members.size() < members_max && numbers >> pid;) members.push_back(pid);
    return members;
}

/// Ancestors of this process, itself included.
std::vector<pid_t> lineage() {
    std::vector<pid_t> line{::getpid()};
    constexpr std::size_t depth_max = 64;
    while (line.back() > 1 && line.size() < depth_max) {
        std::array<char, 1024> buffer{};
        const auto stat = read_file(ProcPath{line.back(), "stat"}.c_str(), buffer);
        if (!stat) break;
        std::string_view rest = stat->substr(std::min(stat->rfind(')') + 1, stat->size()));
        static_cast<void>(next_word(rest));
        line.push_back(static_cast<pid_t>(to_number(next_word(rest))));
    }
    return line;
}

bool is_main_process() {
    const char* const pid = std::getenv("SYSTEMD_EXEC_PID");
    return pid != nullptr && to_number(pid) == static_cast<std::uint64_t>(::getpid());
}

}  // namespace

std::string LeftOver::variable(const std::string& name) const {
    constexpr std::size_t environment_max = std::size_t{128} * 1024;
    std::vector<char> buffer(environment_max);
    const auto all = read_file(ProcPath{pid, "environ"}.c_str(), buffer);
    if (!all) return {};
    std::string_view rest = *all;
    while (!rest.empty()) {
        const std::string_view one = rest.substr(0, rest.find('\0'));
        if (one.size() > name.size() && one.starts_with(name) && one[name.size()] == '=') {
            return std::string{one.substr(name.size() + 1)};
        }
        rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    }
    return {};
}

Result<void> LeftOver::signal(int number) const noexcept {
    if (::syscall(SYS_pidfd_send_signal, pidfd.get(), number, nullptr, 0) != 0) {
        return last_error();
    }
    return {};
}

std::vector<pid_t> cgroup_processes(pid_t self, const fs::path& proc, const fs::path& root) {
    for (const bool unified : {true, false}) {
        const std::string place = place_in(proc, unified);
        if (place.size() < 2) continue;
        std::ifstream mounts{proc / "mountinfo"};
        for (std::string line; std::getline(mounts, line);) {
            const auto dash = line.find(unified ? " - cgroup2 " : " - cgroup ");
            if (dash == std::string::npos) continue;
            std::istringstream words{line};
            std::string point;
            for (int i = 0; i < 5; ++i) words >> point;
            // A mount may be hidden by another, or be of another hierarchy: we must be in there.
            auto members = read_members(root / point.substr(1) / place.substr(1) / "cgroup.procs");
            if (std::ranges::find(members, self) != members.end()) return members;
        }
    }
    return {};
}

std::vector<LeftOver> find_left_over() {
    std::vector<LeftOver> found;
    if (!is_main_process()) return found;
    const auto own = process_stamp(::getpid());
    if (!own) return found;
    const std::vector<pid_t> above = lineage();
    const std::vector<pid_t> below = tree_of(::getpid());
    for (const pid_t pid : cgroup_processes(::getpid())) {
        if (std::ranges::find(above, pid) != above.end() ||
            std::ranges::find(below, pid) != below.end()) {
            continue;
        }
        Fd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
        const auto stamp = process_stamp(pid);
        if (!pidfd || !stamp || stamp->start_ticks >= own->start_ticks) continue;
        found.push_back({pid, std::move(pidfd)});
    }
    return found;
}

}  // namespace reeve::os
