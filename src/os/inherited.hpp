// Descriptors that the service manager passed at start: of a socket unit, or out of its store.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "os/fd.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// What LISTEN_FDS announced, close-on-exec and moved out of the way of low numbers, in order.
class InheritedFds {
public:
    struct Entry {
        std::string name;  ///< of LISTEN_FDNAMES; "unknown" where it says nothing
        Fd fd;
    };

    InheritedFds() = default;
    explicit InheritedFds(std::vector<Entry> entries) : entries_{std::move(entries)} {}

    /// Empty where LISTEN_PID is not ours. To be called once and early: the numbers belong to us
    /// only until something else is opened there. What is announced and not open is left out.
    [[nodiscard]] static InheritedFds from_environment();

    /// Gives away the first one of this name that nobody took yet.
    [[nodiscard]] std::optional<Fd> take(std::string_view name);
    /// Gives away all that nobody took.
    [[nodiscard]] std::vector<Entry> take_rest();

    /// Names of those that nobody took yet.
    [[nodiscard]] std::vector<std::string> names() const;

private:
    std::vector<Entry> entries_;
};

}  // namespace reeve::os
