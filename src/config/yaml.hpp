// Reads YAML text into a tree with places.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "config/problem.hpp"
#include "config/tree.hpp"

namespace reeve::config {

/// One document. Reports bad syntax, a key written twice, a second document, too deep nesting and
/// aliases that would grow beyond all measure, and then returns nothing. Never throws.
std::optional<Tree> parse_yaml(const std::string& text,
                               const std::shared_ptr<const std::string>& source,
                               Problems& problems);

}  // namespace reeve::config
