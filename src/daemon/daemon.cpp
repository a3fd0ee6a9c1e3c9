// The shell: start-up, the turn of the loop, the end.
#include "daemon/daemon.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <optional>
#include <random>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "core/supervisor.hpp"
#include "daemon/admin.hpp"
#include "daemon/backend.hpp"
#include "daemon/control.hpp"
#include "daemon/editions.hpp"
#include "daemon/fleet.hpp"
#include "daemon/inbox.hpp"
#include "daemon/left_over.hpp"
#include "daemon/log.hpp"
#include "daemon/loop.hpp"
#include "daemon/monitor.hpp"
#include "daemon/reload.hpp"
#include "daemon/render_parts.hpp"
#include "daemon/service.hpp"
#include "daemon/socket_store.hpp"
#include "daemon/sockets.hpp"
#include "daemon/start_error.hpp"
#include "daemon/surroundings.hpp"
#include "os/clock.hpp"
#include "os/inherited.hpp"
#include "os/notify.hpp"
#include "os/own_memory.hpp"
#include "os/pidfd.hpp"
#include "os/signals.hpp"
#include "os/spawn.hpp"

namespace reeve::daemon {
namespace {

constexpr std::array caught_signals{SIGTERM, SIGINT,  SIGQUIT, SIGHUP,   SIGTTIN,
                                    SIGTTOU, SIGUSR1, SIGUSR2, SIGWINCH, SIGCHLD};

/// Readers of the log get this long for the last lines.
constexpr int last_flush_milliseconds = 200;

/// Facts that answer actions are applied in the same pass of the loop, but not without end.
constexpr int turns_a_pass = 8;

os::ResourceLimit own_nofile() {
    const auto before = os::raise_nofile();
    if (!before) throw StartError(exit_code_resource, "NOFILE limit: " + before.error().message());
    return *before;
}

void check_orphans(const core::Config& config) {
    for (const core::PoolConfig& pool : config.pools) {
        if (pool.process.orphans == core::Orphans::keep && getpid() == 1) {
            throw StartError(exit_code_config,
                             "pools." + pool.name +
                                 ".orphans: keep: not as PID 1, whose end is the end of everybody");
        }
    }
}

/// More than this is no accident: ending is better than spinning.
constexpr int failures_in_a_row_max = 100;

std::uint64_t random_seed() {
    std::random_device device;
    return (std::uint64_t{device()} << 32U) ^ device();
}

class Daemon final : public Backend {
public:
    Daemon(const core::Config& config, const RunOptions& options,
           std::vector<os::InheritedFd> passed)
        : service_(loop_, os::Notifier::from_environment()),
          log_(loop_, config.log),
          store_(service_, log_, std::move(passed), config),
          left_overs_(loop_, log_, config),
          sockets_(loop_, inbox_, log_, store_),
          reloads_(log_, sockets_, editions_, config, options.load, own_nofile()),
          fleet_(loop_, inbox_, log_, editions_, config.name),
          supervisor_(config, random_seed()),
          monitor_(supervisor_, fleet_, around_, options.version),
          control_(inbox_, log_, reloads_, supervisor_,
                   [this](const auto& why) {
                       monitor_.note_files(why);
                       surface_.forget();
                   }),
          timer_(loop_.make_timer([this] { inbox_.put(core::Tick{}); })),
          surface_(loop_, log_, *this, config, options.version) {
        loop_.on_signals(caught_signals, [this](int number) { on_signal(number); });
        announce(config, options);
    }

    int run() {
        // The first turn is a pass like any other: what fails in it must be seen by a second one.
        loop_.wake();
        store_.leave_to_next(false);
        while (!exit_code_) pass();
        control_.leave();
        surface_.close();
        fleet_.kill_hooks();
        // A service that failed is started again.
        if (*exit_code_ != 0) store_.leave_to_next(true);
        sockets_.close();
        log_.flush(last_flush_milliseconds);
        return *exit_code_;
    }

    void submit(const Caller& /*caller*/, const Order& order,
                std::function<void(const Answer&)> reply) override {
        control_.submit(order, [this, reply = std::move(reply)](const Answer& answer) {
            surface_.forget();
            reply(answer);
        });
    }
    std::string status() override { return monitor_.status(); }
    std::string metrics() override { return monitor_.metrics(); }
    std::string config() override { return control_.config(); }
    [[nodiscard]] Readiness readiness() const override { return control_.readiness(); }

private:
    void announce(const core::Config& config, const RunOptions& options) {
        LogLine start{core::LogLevel::info, "reeve_started", {}, {}};
        start.message = text("reeve ", options.version, ", pid ", getpid(), ", ",
                             config.pools.size(), config.pools.size() == 1 ? " pool" : " pools");
        add(start, "version", options.version);
        add(start, "pid", getpid());
        log_.write(start);
        for (const std::string& note : options.notes) {
            log_.write({core::LogLevel::info, "note", {}, note});
        }
        for (const std::string& warning : options.warnings) {
            log_.write({core::LogLevel::warning, "config_warning", {}, warning});
        }
        for (const core::PoolConfig& pool : config.pools) {
            if (getuid() != 0 || !pool.process.user.empty()) continue;
            LogLine line{core::LogLevel::warning, "runs_as_root", pool.name,
                         "workers run as root: set `user`"};
            add(line, "pool", pool.name);
            log_.write(line);
        }
    }

    void on_signal(int number) {
        switch (number) {
            case SIGCHLD: orphans_ = true; return;
            case SIGTERM:
                log_signal(number, "graceful stop");
                return inbox_.put(core::StopRequested{core::StopMode::graceful});
            case SIGINT:
            case SIGQUIT:
                log_signal(number, "fast stop");
                return inbox_.put(core::StopRequested{core::StopMode::fast});
            case SIGHUP:
                log_signal(number, "reload");
                service_.reload_asked(os::now());
                return control_.on_hangup();
            case SIGTTIN: log_signal(number, "one worker more"); return control_.on_scale_signal(1);
            case SIGTTOU:
                log_signal(number, "one worker less");
                return control_.on_scale_signal(-1);
            case SIGUSR1: return reopen_logs();
            default: log_signal(number, "it has no meaning in this version: nothing changes");
        }
    }

    void reopen_logs() {
        log_signal(SIGUSR1, "log files are opened anew");
        const auto files = log_.reopen();
        const auto workers = fleet_.reopen_logs();
        LogLine line{core::LogLevel::info, "logs_reopened", {}, {}};
        line.message = text(files.size(), " of reeve's own, and ", workers,
                            " workers were asked to do the same");
        for (const std::string& file : files) line.message += "; " + file;
        add(line, "files", files.size());
        add(line, "workers", workers);
        log_.write(line);
    }

    void log_signal(int number, std::string_view meaning) {
        LogLine line{core::LogLevel::info, "signal", {}, {}};
        line.message = text(os::signal_name(number), ": ", meaning);
        add(line, "signal", os::signal_name(number));
        log_.write(line);
    }

    /// The end of the supervisor is everybody's end, so a failure of one pass does not end it.
    void pass() {
        try {
            loop_.wait();
            for (int i = 0; i < turns_a_pass && !exit_code_; ++i) {
                turn();
                if (inbox_.empty()) break;
            }
            // With many workers the kernel looks at each to answer: no successor waits for it.
            if (std::exchange(orphans_, false)) fleet_.reap_orphans();
            const bool clients_wait = surface_.serve();
            if (!inbox_.empty() || spawns_wait_ || clients_wait) loop_.wake();
            failures_in_a_row_ = 0;
        } catch (const std::exception& error) {
            if (++failures_in_a_row_ > failures_in_a_row_max) throw;
            LogLine line{core::LogLevel::critical, "internal_error", {}, error.what()};
            log_.write(line);
            loop_.wake();
        }
    }

    void turn() {
        const core::Time now = os::now();
        const core::Output out = supervisor_.turn(inbox_.take(), now);
        for (const core::Action& action : out.actions) {
            std::visit([this](const auto& wanted) { carry_out(wanted); }, action);
        }
        spawns_wait_ = fleet_.spawn_waiting();
        for (const core::Record& record : out.records) publish(record);
        service_.look(supervisor_, !out.records.empty(), now);
        if (service_.has_been_ready()) left_overs_.end_all();
        for (const core::Reply& reply : std::exchange(replies_, {})) control_.carry_out(reply);
        fleet_.tell_descriptions();
        fleet_.bury();
        timer_.set(supervisor_.next_deadline());
    }

    template <typename Action>
    void carry_out(const Action& action) {
        fleet_.carry_out(action);
    }
    void carry_out(const core::Spawn& action) {
        mend(action.seat.pool);
        fleet_.carry_out(action);
    }
    void carry_out(const core::Steer& action) {
        mend(action.pool);
        for (const std::string& trouble : editions_.steer(action)) {
            LogLine line{core::LogLevel::error, "steering_failed", fleet_.pool(action.pool),
                         trouble};
            log_.write(line);
        }
        LogLine line{core::LogLevel::debug, "steered", fleet_.pool(action.pool), {}};
        line.message = steered_text(action);
        log_.write(line);
    }
    void carry_out(const core::RefuseConnections&) {
        store_.leave_to_next(service_.comes_again());
        sockets_.refuse_new_connections();
    }
    void carry_out(const core::BeginGeneration& action) { reloads_.begin(action); }
    void carry_out(const core::KeepGeneration& action) {
        editions_.keep(action.pool, action.generation);
    }
    void carry_out(const core::EndGeneration& action) {
        editions_.end(action.pool, action.generation);
    }
    /// What an answer tells is in records of the same turn.
    void carry_out(const core::Reply& action) { replies_.push_back(action); }
    void carry_out(const core::Leave& action) { exit_code_ = action.exit_code; }

    void mend(core::PoolIndex pool) {
        for (const std::string& found : editions_.mend(pool)) {
            LogLine line{core::LogLevel::warning, "socket_mended", fleet_.pool(pool), found};
            log_.write(line);
        }
    }

    void publish(const core::Record& record) {
        const LogLine line = render(record, fleet_);
        log_.write(line);
        surface_.publish(line);
        control_.note(record, line);
        monitor_.note(record);
        if (std::holds_alternative<core::Reload>(record)) surface_.forget();
        if (const auto* removed = std::get_if<core::PoolRemoved>(&record)) {
            editions_.refuse(removed->pool);
        }
        const auto* ready = std::get_if<core::PoolReady>(&record);
        if (ready != nullptr && ready->complete && !std::exchange(settled_, true)) {
            os::drop_clean_pages();
        }
    }

    Loop loop_;
    Inbox inbox_;
    Service service_;
    Log log_;
    SocketStore store_;
    LeftOvers left_overs_;
    Sockets sockets_;
    Editions editions_;
    Reloads reloads_;
    Fleet fleet_;
    core::Supervisor supervisor_;
    ShellSurroundings around_{editions_, log_};
    Monitor monitor_;
    Control control_;
    Timer timer_;
    Surface surface_;
    std::vector<core::Reply> replies_;
    bool spawns_wait_ = false;
    bool settled_ = false;  ///< a pool is complete: what only the start needed can go
    bool orphans_ = false;  ///< somebody has died who may not be a worker
    int failures_in_a_row_ = 0;
    std::optional<int> exit_code_;
};

int fail(const char* what, int code) {
    (void)std::fprintf(stderr, "reeve: %s\n", what);
    return code;
}

}  // namespace

int run(const core::Config& config, const RunOptions& options) noexcept {
    try {
        (void)std::signal(SIGPIPE, SIG_IGN);
        check_orphans(config);
        if (const auto subreaper = os::become_subreaper(); !subreaper) {
            return fail(("subreaper: " + subreaper.error().message()).c_str(), exit_code_resource);
        }
        Daemon daemon{config, options, os::take_passed_fds()};
        return daemon.run();
    } catch (const StartError& error) {
        return fail(error.what(), error.exit_code);
    } catch (const std::system_error& error) {
        return fail(error.what(), exit_code_resource);
    } catch (const std::exception& error) {
        return fail(error.what(), 1);
    }
}

}  // namespace reeve::daemon
