// How a process ended, as a value instead of an int with bits in it.
#pragma once

#include <variant>

namespace reeve::core {

/// It called exit with this code (0..255).
struct ExitedWith {
    int code = 0;
    friend bool operator==(const ExitedWith&, const ExitedWith&) = default;
};

/// A signal ended it; `core_dumped` as the kernel reports it.
struct KilledBy {
    int signal = 0;
    bool core_dumped = false;
    friend bool operator==(const KilledBy&, const KilledBy&) = default;
};

/// The status could not be had (somebody else reaped it); `error` is the errno of the attempt.
struct Lost {
    int error = 0;
    friend bool operator==(const Lost&, const Lost&) = default;
};

using ExitStatus = std::variant<ExitedWith, KilledBy, Lost>;

}  // namespace reeve::core
