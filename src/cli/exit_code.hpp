// The exit codes that the command line itself gives; the daemon gives 3 and 69 too.
#pragma once

namespace reeve::cli {

inline constexpr int exit_good = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_config = 78;

}  // namespace reeve::cli
