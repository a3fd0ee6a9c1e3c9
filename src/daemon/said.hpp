// What a worker tells about itself for people to see.
#pragma once

#include <string>
#include <sys/types.h>

namespace reeve::daemon {

/// All of it is a claim, but for the pid: that one is in its tree.
struct SaidOfItself {
    std::string status;  ///< valid UTF-8, one line
    pid_t main_pid = 0;
    int error = 0;  ///< errno
    std::string bus_error;
};

}  // namespace reeve::daemon
