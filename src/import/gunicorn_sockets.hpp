// Gunicorn's addresses as reeve's.
#pragma once

#include <optional>
#include <string>

#include "config/problem.hpp"
#include "import/draft.hpp"

namespace reeve::imports {

struct Bound {
    Text address;  ///< as `listen` has it
    bool unix_path = false;
    bool tcp = false;
};

/// "HOST:PORT", "HOST", ":PORT", "unix:PATH", "tcp://HOST:PORT", "[V6]:PORT", "fd://N". Relative
/// paths are below `cwd`.
config::Parsed<Bound> read_bind(const Text& bind, const std::string& cwd);

}  // namespace reeve::imports
