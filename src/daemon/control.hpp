// Orders from outside, led to the core and their answers back: reloads, commands, signals.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "core/supervisor.hpp"
#include "daemon/backend.hpp"
#include "daemon/inbox.hpp"
#include "daemon/log.hpp"
#include "daemon/reload.hpp"

namespace reeve::daemon {

class Control {
public:
    using Respond = std::function<void(const Answer&)>;
    /// Told why a configuration could not be taken; nothing: the files say what runs already.
    using Refused = std::function<void(const std::optional<std::string>& why)>;

    Control(Inbox& inbox, Log& log, Reloads& reloads, const core::Supervisor& supervisor,
            Refused refused);

    /// As Backend::submit. Orders without a caller come from signals.
    void submit(const Order& order, Respond respond);

    /// SIGHUP. While a reload is under way the next one is remembered, once.
    void on_hangup();
    /// SIGTTIN and SIGTTOU.
    void on_scale_signal(std::int64_t by);

    void carry_out(const core::Reply& action);
    /// Keeps what makes an answer clear: why a reload failed.
    void note(const core::Record& record, const LogLine& line);
    /// The daemon leaves: whoever still waits is told.
    void leave();

    [[nodiscard]] Readiness readiness() const;
    /// JSON: the configuration in force as YAML text, and whether the files say something else.
    [[nodiscard]] std::string config() const;

private:
    void reload(const ReloadOrder& order, Respond respond);
    void give(core::Command command, Respond respond);
    void log_answer(const Answer& answer, std::string_view what);

    Inbox& inbox_;
    Log& log_;
    Reloads& reloads_;
    const core::Supervisor& supervisor_;
    Refused refused_;
    std::uint64_t last_id_ = 0;
    std::map<std::uint64_t, Respond> waiting_;
    std::optional<std::uint64_t> reload_;  ///< the command that is a reload under way
    bool whole_ = false;                   ///< that reload is about all pools
    std::string failure_;
    bool hangup_again_ = false;
};

}  // namespace reeve::daemon
