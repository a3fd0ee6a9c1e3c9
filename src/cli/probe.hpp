// What can be seen of a configuration's surroundings without starting anything.
#pragma once

#include <string>
#include <vector>

#include "config/load.hpp"

namespace reeve::cli {

/// Commands that are not there, directories and files that cannot be read, users and groups that
/// nobody knows: one line each, ready to print. Only what is certain to fail is reported.
std::vector<std::string> probe(const config::Loaded& loaded);

}  // namespace reeve::cli
