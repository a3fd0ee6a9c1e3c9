// The place for sockets that nobody wrote a path for, and the making of the directories above it.
#pragma once

#include <string>

#include "os/result.hpp"

namespace reeve::daemon {

/// The admin socket's path where the configuration of this name says none.
std::string default_admin_path(const std::string& instance);

/// Makes the directories above `path`: closed to others below /tmp, open to enter elsewhere.
os::Outcome<void> make_directories(const std::string& path);

}  // namespace reeve::daemon
