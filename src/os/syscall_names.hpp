// Names of the system calls that processes usually wait in.
#pragma once

#include <string>

namespace reeve::os {

/// "epoll_wait", or "syscall 999" for one that is not in the table.
[[nodiscard]] std::string syscall_name(long number);

}  // namespace reeve::os
