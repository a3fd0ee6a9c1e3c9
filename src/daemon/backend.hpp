// What the HTTP surface may ask of the daemon, so that neither needs to know the other's insides.
#pragma once

#include <functional>
#include <string>
#include <sys/types.h>
#include <variant>

#include "core/command.hpp"
#include "core/config.hpp"
#include "core/event.hpp"

namespace reeve::daemon {

/// Who gave a command, for the log. Of a signal or the local console: empty.
struct Caller {
    uid_t uid = 0;
    pid_t pid = 0;
    std::string user;
};

/// Read the configuration again and bring what runs to it.
struct ReloadOrder {
    std::string pool;      ///< only this one; empty = all
    bool changed = false;  ///< only those whose configuration or env_file differs
    bool dry_run = false;  ///< only say what would be done
};

struct LogLevelOrder {
    core::LogLevel level{};
};

struct ShutdownOrder {
    core::StopMode mode{};
};

using Order = std::variant<ReloadOrder, core::ScaleCommand, core::StartCommand, core::StopCommand,
                           core::RestartCommand, core::SignalCommand, LogLevelOrder, ShutdownOrder>;

struct Answer {
    core::Verdict verdict{};
    std::string text;  ///< one sentence, or several lines for a dry run
};

struct Readiness {
    bool ready = false;
    std::string why;  ///< "web: 0 of 1 ready"; empty when ready
};

class Backend {
public:
    /// Carries out an order. `reply` is called exactly once, maybe before this returns; when the
    /// daemon leaves before the order is done it is called with `conflict`.
    virtual void submit(const Caller& caller, const Order& order,
                        std::function<void(const Answer&)> reply) = 0;
    /// The body of GET /v1/status: JSON.
    virtual std::string status() = 0;
    /// The body of GET /metrics: the text exposition format.
    virtual std::string metrics() = 0;
    /// The body of GET /v1/config: JSON, with the values of environment variables left out.
    virtual std::string config() = 0;
    [[nodiscard]] virtual Readiness readiness() const = 0;

protected:
    ~Backend() = default;
};

}  // namespace reeve::daemon
