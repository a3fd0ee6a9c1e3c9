// Reading LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES.
#include "os/inherited.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <unistd.h>

namespace reeve::os {
namespace {

constexpr int first_passed = 3;
/// Above what shells and scripts name by number.
constexpr int lowest_own = 10;
/// A bound on nonsense, far above what a service manager passes.
constexpr std::uint64_t passed_max = 4096;

std::string_view variable(const char* name) {
    const char* const text = std::getenv(name);
    return text == nullptr ? std::string_view{} : std::string_view{text};
}

std::uint64_t number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && at == text.data() + text.size() ? value : 0;
}

/// Takes the part before the next ':' off the front.
std::string next_name(std::string_view& rest) {
    const auto end = rest.find(':');
    const std::string_view name = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    return name.empty() ? "unknown" : std::string{name};
}

}  // namespace

std::vector<InheritedFd> take_passed_fds() {
    std::vector<InheritedFd> passed;
    if (number(variable("LISTEN_PID")) != static_cast<std::uint64_t>(::getpid())) {
        return passed;
    }
    const auto count = static_cast<int>(std::min(number(variable("LISTEN_FDS")), passed_max));
    std::string_view names = variable("LISTEN_FDNAMES");
    for (int at = first_passed; at < first_passed + count; ++at) {
        std::string name = next_name(names);
        Fd old{at};
        auto moved = duplicate(at, lowest_own);
        if (!moved) {
            if (moved.error().value() == EBADF) {
                static_cast<void>(old.release());
            }
            continue;
        }
        passed.push_back({std::move(name), std::move(*moved)});
    }
    return passed;
}

}  // namespace reeve::os
