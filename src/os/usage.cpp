// Reads /proc/PID/stat in one go and asks the kernel about this process.
#include "os/usage.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/proc_file.hpp"

namespace reeve::os {
namespace {

constexpr std::size_t descriptors_listed_max = 4096;

/// Ticks as a time. A hundred a second, so that the product has room for millennia.
core::Duration ticks(std::uint64_t count) noexcept {
    static const auto each = std::chrono::nanoseconds{1'000'000'000L / ::sysconf(_SC_CLK_TCK)};
    return each * static_cast<std::int64_t>(count);
}

}  // namespace

Result<ProcessUsage> usage_of(pid_t pid) noexcept {
    static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    std::array<char, 1024> buffer;
    const auto text = read_file(ProcPath{pid, "stat"}.c_str(), buffer);
    if (!text) return {boost::system::in_place_error, text.error()};
    // The name before the numbers may hold anything, also parentheses.
    const auto close = text->rfind(')');
    if (close == std::string_view::npos) return make_error(EIO);
    std::string_view rest = text->substr(close + 1);
    ProcessUsage usage;
    std::uint64_t cpu = 0;
    // The fields by their numbers in proc(5).
    for (int field = 3; field <= 24; ++field) {
        const std::string_view word = next_word(rest);
        if (field == 4) usage.parent = static_cast<pid_t>(to_number(word));
        if (field >= 14 && field <= 17) cpu += to_number(word);
        if (field == 24) usage.resident_bytes = to_number(word) * page;
    }
    usage.cpu_time = ticks(cpu);
    return usage;
}

Result<std::uint32_t> open_descriptors(pid_t pid) {
    const ProcPath path{pid, "fd"};
    struct stat folder {};
    if (::stat(path.c_str(), &folder) != 0) return last_error();
    if (folder.st_size > 0) return static_cast<std::uint32_t>(folder.st_size);
    const auto numbers = list_numbers(path.c_str(), descriptors_listed_max);
    if (!numbers) return {boost::system::in_place_error, numbers.error()};
    if (numbers->size() == descriptors_listed_max) return make_error(ENOSYS);
    return static_cast<std::uint32_t>(numbers->size());
}

core::Duration own_cpu_time() noexcept {
    rusage used{};
    if (::getrusage(RUSAGE_SELF, &used) != 0) return {};
    const auto duration = [](const timeval& time) {
        return std::chrono::seconds{time.tv_sec} + std::chrono::microseconds{time.tv_usec};
    };
    return duration(used.ru_utime) + duration(used.ru_stime);
}

std::optional<std::uint64_t> own_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
    return limit.rlim_cur;
}

}  // namespace reeve::os
