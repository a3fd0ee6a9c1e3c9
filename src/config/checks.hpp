// What no option can know alone: rules between options and pools, and limits that cannot be kept.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/read.hpp"
#include "core/config.hpp"

namespace reeve::config {

/// Fills in what follows from other options (the capped beat interval, the output that
/// `orphans: keep` implies, the has_... fields) and reports what contradicts itself in one pool.
void check_pool(core::PoolConfig& pool, Reading& reading);
/// What accept: per-worker and liveness: queue need; check_pool() asks for it.
void check_accept(const core::PoolConfig& pool, Reading& reading);

/// Reports addresses that two sockets claim.
void check_addresses(const core::Config& config, Reading& reading);

/// Reports an `after` that names no pool, or leads in a circle.
void check_order(const core::Config& config, Reading& reading);

/// Whether the user set `option` (flag, file, defaults or environment).
bool is_written(const core::PoolConfig& pool, std::string_view option);

/// A setting that was written and that may not, or cannot, be kept.
struct Unenforced {
    std::string setting;
    bool certain = false;  ///< nobody can; else it depends on what the worker turns out to do
    std::string remedy;    ///< why, and what to do
};

/// Settings of this pool that need what its configuration does not promise. The daemon knows better
/// once the workers run; this is what can be said before.
std::vector<Unenforced> find_unenforced(const core::PoolConfig& pool);

}  // namespace reeve::config
