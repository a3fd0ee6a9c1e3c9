// Where a worker's program is, looked for as its process will do it.
#pragma once

#include <string>

#include "config/load.hpp"

namespace reeve::cli {

/// Both empty: it cannot be known before the start, because a file sets another PATH, or a
/// directory may not be read by this user.
struct Located {
    std::string path;
    std::string problem;  ///< why there is none
};
Located locate(const std::string& program, const core::ProcessConfig& process);

}  // namespace reeve::cli
