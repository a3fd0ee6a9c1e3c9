// Finding our cgroup's files through mountinfo, and the arithmetic of quotas.
#include "os/cgroup.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "os/affinity.hpp"
#include "os/proc_file.hpp"

namespace reeve::os {
namespace {

namespace fs = std::filesystem;

/// One hierarchy that this process is in: where it is mounted here, and our place in it.
struct Hierarchy {
    bool unified = false;
    fs::path mount;  ///< directory of the mount's own root
    fs::path place;  ///< ours, relative to that root
};

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream stream{text};
    for (std::string part; std::getline(stream, part, separator);) {
        parts.push_back(part);
    }
    return parts;
}

bool contains(const std::string& list, std::string_view word) {
    return std::ranges::any_of(split(list, ','), [word](const auto& part) { return part == word; });
}

/// mountinfo writes space, tab, newline and backslash in octal.
std::string unescape(const std::string& text) {
    std::string plain;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] == '\\' && at + 3 < text.size()) {
            plain += static_cast<char>(to_number(text.substr(at + 1, 3), 8));
            at += 3;
        } else {
            plain += text[at];
        }
    }
    return plain;
}

/// Our path in the hierarchy of `controller` (v1), or in the unified one when that is empty.
std::optional<std::string> find_place(const CgroupRoots& roots, std::string_view controller) {
    std::ifstream lines{roots.cgroup};
    for (std::string line; std::getline(lines, line);) {
        const auto first = line.find(':');
        const auto second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) {
            continue;
        }
        const std::string controllers = line.substr(first + 1, second - first - 1);
        if (controller.empty() ? controllers.empty() : contains(controllers, controller)) {
            return line.substr(second + 1);
        }
    }
    return std::nullopt;
}

/// "31 23 0:28 /root /mount/point rw shared:1 - cgroup2 cgroup2 rw,cpu"
std::optional<Hierarchy> find_hierarchy(const CgroupRoots& roots, std::string_view controller) {
    const auto place = find_place(roots, controller);
    if (!place) {
        return std::nullopt;
    }
    std::ifstream lines{roots.mountinfo};
    for (std::string line; std::getline(lines, line);) {
        const auto dash = line.find(" - ");
        if (dash == std::string::npos) {
            continue;
        }
        const auto before = split(line.substr(0, dash), ' ');
        const auto after = split(line.substr(dash + 3), ' ');
        const bool unified = controller.empty();
        if (before.size() < 5 || after.size() < 3 || after[0] != (unified ? "cgroup2" : "cgroup") ||
            (!unified && !contains(after[2], controller))) {
            continue;
        }
        // A container sees its own cgroup as the mount's root: then only what is below that root
        // counts.
        const fs::path root = unescape(before[3]);
        fs::path relative = fs::path{*place}.lexically_relative(root);
        if (relative.empty() || relative.begin()->string() == "..") {
            relative = ".";
        }
        return Hierarchy{unified, roots.mounts / fs::path{unescape(before[4])}.relative_path(),
                         relative};
    }
    return std::nullopt;
}

std::string first_line(const fs::path& path) {
    std::ifstream file{path};
    std::string line;
    std::getline(file, line);
    return line;
}

/// A quota and a period in microseconds. Both as written in the file; nothing where there is no
/// limit.
struct Quota {
    std::uint64_t quota = 0;
    std::uint64_t period = 0;
    std::string place;
    [[nodiscard]] double cpus() const {
        return static_cast<double>(quota) / static_cast<double>(period);
    }
};

std::optional<Quota> read_quota(const fs::path& directory, bool unified) {
    std::string quota;
    std::string period;
    if (unified) {
        std::istringstream words{first_line(directory / "cpu.max")};
        words >> quota >> period;
    } else {
        quota = first_line(directory / "cpu.cfs_quota_us");
        period = first_line(directory / "cpu.cfs_period_us");
    }
    const Quota read{to_number(quota), to_number(period), {}};
    // "max" and -1 both read as 0.
    return read.quota > 0 && read.period > 0 ? std::optional{read} : std::nullopt;
}

/// The tightest from our own cgroup up to the mount's root: the kernel enforces every level.
std::optional<Quota> tightest_quota(const Hierarchy& hierarchy) {
    std::optional<Quota> tightest;
    fs::path at = hierarchy.place.lexically_normal();
    for (;;) {
        if (at == "." || at == "./") {
            at.clear();
        }
        auto quota = read_quota(hierarchy.mount / at, hierarchy.unified);
        if (quota && (!tightest || quota->cpus() < tightest->cpus())) {
            quota->place = "/" + at.string();
            tightest = quota;
        }
        if (at.empty()) {
            return tightest;
        }
        at = at.parent_path();
    }
}

}  // namespace

CpuCount available_cpus(const CgroupRoots& roots, std::optional<unsigned> affinity) {
    CpuCount count;
    count.affinity =
        std::max(1U, affinity ? *affinity : static_cast<unsigned>(allowed_cpus().size()));
    count.cpus = count.affinity;
    std::optional<Quota> tightest;
    for (const std::string_view controller : {"cpu", ""}) {
        if (const auto hierarchy = find_hierarchy(roots, controller)) {
            const auto quota = tightest_quota(*hierarchy);
            if (quota && (!tightest || quota->cpus() < tightest->cpus())) {
                tightest = quota;
            }
        }
    }
    std::string why = "no cgroup quota";
    if (tightest) {
        count.quota = tightest->cpus();
        const double most = count.affinity;
        count.cpus = std::max(1U, static_cast<unsigned>(std::min(std::ceil(*count.quota), most)));
        why = "cgroup quota " + std::to_string(tightest->quota) + "/" +
              std::to_string(tightest->period) + " us (" + tightest->place + ") rounded up";
    }
    const std::string unit = count.cpus == 1 ? " CPU: " : " CPUs: ";
    count.explanation =
        std::to_string(count.cpus) + unit + why + ", affinity " + std::to_string(count.affinity);
    return count;
}

Result<OomCounter> OomCounter::open(const CgroupRoots& roots) {
    std::vector<fs::path> files;
    if (const auto v1 = find_hierarchy(roots, "memory")) {
        files.push_back(v1->mount / v1->place / "memory.oom_control");
    }
    if (const auto v2 = find_hierarchy(roots, "")) {
        files.push_back(v2->mount / v2->place / "memory.events");
    }
    files.push_back(roots.mounts / "proc/vmstat");
    for (const fs::path& file : files) {
        OomCounter counter;
        counter.fd_.reset(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
        counter.source_ = file.lexically_normal();
        if (counter.fd_ && counter.read()) {
            return counter;
        }
    }
    return make_error(ENOENT);
}

Result<std::uint64_t> OomCounter::read() const noexcept {
    std::array<char, 16 * 1024> buffer;
    std::size_t filled = 0;
    for (;;) {
        const ssize_t size = ::pread(fd_.get(), buffer.data() + filled, buffer.size() - filled,
                                     static_cast<off_t>(filled));
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size < 0) {
            return last_error();
        }
        filled += static_cast<std::size_t>(size);
        if (size == 0 || filled == buffer.size()) {
            break;
        }
    }
    std::string_view rest{buffer.data(), filled};
    for (auto word = next_word(rest); !word.empty(); word = next_word(rest)) {
        if (word == "oom_kill") {
            return to_number(next_word(rest));
        }
    }
    return make_error(ENODATA);
}

}  // namespace reeve::os
