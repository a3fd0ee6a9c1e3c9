// Whether what is to show that a worker is ready can show it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/config.hpp"

namespace reeve::config {

struct ReadyProblem {
    std::string_view option;
    std::string text;
};

/// What is wrong with `ready` and what belongs to it, in this pool; nothing where all is well.
std::optional<ReadyProblem> check_ready(const core::PoolConfig& pool);

}  // namespace reeve::config
