// What operators ask for, as values, and how the core answers.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/config.hpp"
#include "core/ids.hpp"

namespace reeve::core {

/// Leads an answer back to who asked. 0 = nobody waits for one.
enum class CommandId : std::uint64_t { none = 0 };

/// A pool by name (empty = every pool), or one seat of it.
struct Target {
    std::string pool;
    std::optional<SlotIndex> slot;
};

/// Bring what runs to this configuration: `roll` says for each of its pools whether the workers are
/// replaced. A pool that is not rolled keeps running as it does, under the configuration it has.
struct ReloadCommand {
    std::shared_ptr<const Config> config;
    std::vector<bool> roll;
};

/// Other numbers of workers until the next reload. An empty pool stands for the only one there is.
struct ScaleCommand {
    std::string pool;
    std::int64_t amount = 0;
    bool relative = false;  ///< `amount` is added to what is wanted now
};

/// Lets what was stopped run again; done when it is ready.
struct StartCommand {
    Target target;
};

/// Drains the workers and starts none until a StartCommand; done when no process is left.
struct StopCommand {
    Target target;
};

/// Replaces the workers, successor first, and gives those another chance that failed for good; done
/// when every successor is ready.
struct RestartCommand {
    Target target;
};

/// Sends a signal to the workers that serve or start.
struct SignalCommand {
    Target target;
    int signal = 0;
};

using Command = std::variant<ReloadCommand, ScaleCommand, StartCommand, StopCommand, RestartCommand,
                             SignalCommand>;

/// How a command ended.
enum class Verdict : std::uint8_t {
    done,
    unchanged,  ///< there was nothing to do
    unknown,    ///< no such pool or slot
    conflict,   ///< another command is under way, or reeve is leaving
    invalid,    ///< it makes no sense as it was given
    failed      ///< it was tried; what ran before still runs
};

std::string_view name(Verdict verdict) noexcept;

}  // namespace reeve::core
