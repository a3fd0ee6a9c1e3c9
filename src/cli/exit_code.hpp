// What reeve's exit code says.
#pragma once

namespace reeve::cli {

inline constexpr int exit_asked_to_stop = 0;
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_gave_up = 3;
inline constexpr int exit_resource = 69;
inline constexpr int exit_config = 78;

}  // namespace reeve::cli
