// What the kernel shows of accepted connections, and whether the processes that have them run.
#pragma once

#include <cstdint>
#include <sys/types.h>

#include "os/result.hpp"

namespace reeve::os {

/// TCP connections at this local port that the tree below and with `root` has accepted and that are
/// not idle. A connection is idle when nothing waits in either direction and what was sent last was
/// sent after what was received last: the answer is out and the next request has not come. In
/// doubt, and at the granularity of the kernel's clock, it counts as busy. EACCES where the
/// descriptors of the tree may not be looked at.
[[nodiscard]] Result<std::uint32_t> busy_connections(pid_t root, std::uint16_t port);

/// A number that changes once any thread of the tree below and with `root` has run. ENODATA where
/// there are more threads than are looked at (4096), or the kernel does not count.
[[nodiscard]] Result<std::uint64_t> run_count(pid_t root);

}  // namespace reeve::os
