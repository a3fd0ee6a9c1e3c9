// Descriptors that the service manager passed at start: of a socket unit, or out of its store.
#pragma once

#include <string>
#include <vector>

#include "os/fd.hpp"

namespace reeve::os {

struct InheritedFd {
    std::string name;  ///< of LISTEN_FDNAMES; "unknown" where it says nothing
    Fd fd;
};

/// What LISTEN_FDS announced, close-on-exec and moved out of the way of low numbers, in order.
/// Empty where LISTEN_PID is not ours. To be called once and early: the numbers belong to us only
/// until something else is opened there. What is announced and not open is left out.
[[nodiscard]] std::vector<InheritedFd> take_passed_fds();

}  // namespace reeve::os
