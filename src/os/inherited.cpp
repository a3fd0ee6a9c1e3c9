// Reading LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES.
#include "os/inherited.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
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

InheritedFds InheritedFds::from_environment() {
    InheritedFds passed;
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
        passed.entries_.push_back({std::move(name), std::move(*moved)});
    }
    return passed;
}

std::optional<Fd> InheritedFds::take(std::string_view name) {
    const auto found = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& entry) { return entry.name == name; });
    if (found == entries_.end()) {
        return std::nullopt;
    }
    Fd fd = std::move(found->fd);
    entries_.erase(found);
    return fd;
}

std::vector<InheritedFds::Entry> InheritedFds::take_rest() { return std::exchange(entries_, {}); }

std::vector<std::string> InheritedFds::names() const {
    std::vector<std::string> all;
    for (const Entry& entry : entries_) {
        all.push_back(entry.name);
    }
    return all;
}

}  // namespace reeve::os
