// Files of NAME=VALUE lines, as .env and EnvironmentFile= are.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reeve::imports {

/// In order; "export" before a name and quotes around a value do not count.
std::vector<std::pair<std::string, std::string>> read_env_file(std::string_view text);

/// Without the blanks around it.
std::string_view trimmed(std::string_view text);

}  // namespace reeve::imports
