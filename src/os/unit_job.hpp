// What systemd is about to do with the unit that this process belongs to.
#pragma once

#include <string>

#include "core/time.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// Type of the job that waits or runs for our unit: "restart", "stop"; empty where there is none.
/// Asks systemd itself over its private socket, which answers only root, or whose manager it is:
/// EACCES. Waits for at most so long.
[[nodiscard]] Result<std::string> own_unit_job(const std::string& socket, core::Duration patience);

}  // namespace reeve::os
