// ${VAR}, ${VAR:-default} and $${ in values.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "config/problem.hpp"
#include "config/tree.hpp"

namespace reeve::config {

/// Looks up an environment variable; nothing when it is not set.
using Environment = std::function<std::optional<std::string>(const std::string&)>;

/// Replaces ${VAR} and ${VAR:-default}; $${ stands for ${ itself, any other $ stays. A variable
/// that is not set and has no default is an error; one that is set but empty takes the default, as
/// in a shell.
Parsed<std::string> substitute(std::string_view text, const Environment& environment);

/// Does so in every scalar below `node` (keys are left alone). `path` is the way to `node`.
void substitute_all(Tree& node, const std::string& path, const Environment& environment,
                    Problems& problems);

/// "PARENT.CHILD", or the child alone at the top.
std::string child_path(const std::string& parent, std::string_view child);

}  // namespace reeve::config
