// When which notification goes to the service manager.
#include "daemon/service.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <poll.h>
#include <unistd.h>
#include <utility>

#include "daemon/render_parts.hpp"
#include "os/clock.hpp"
#include "os/unit_job.hpp"

namespace reeve::daemon {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

/// People read the status; more often would only cost.
constexpr auto status_interval = milliseconds{250};
/// How long the manager is asked to be patient, and how often, while reeve starts, rolls or stops:
/// the core bounds each of these itself.
constexpr auto extend_by = std::chrono::seconds{15};
constexpr auto extend_interval = std::chrono::seconds{5};
constexpr auto retry_interval = milliseconds{50};
/// More than one for each socket and state; beyond it the manager is not coming back.
constexpr std::size_t letters_max = 256;
constexpr int sync_milliseconds = 1000;
constexpr auto job_patience = milliseconds{500};
/// With more pools the status says only how many workers there are, and which pools lack some.
constexpr std::size_t pools_named_max = 6;

std::string usec(core::Duration duration) {
    return std::to_string(duration_cast<microseconds>(duration).count());
}

bool all_up(const core::Supervisor& supervisor) {
    return std::ranges::all_of(
        supervisor.pools(), [](const core::Pool& pool) { return pool.removed() || pool.is_up(); });
}

}  // namespace

std::string service_status(const core::Supervisor& supervisor) {
    const auto& pools = supervisor.pools();
    if (supervisor.stop_phase() != core::StopPhase::running) {
        std::uint32_t left = 0;
        for (const core::Pool& pool : pools) left += pool.processes();
        return text("stopping, ", left, left == 1 ? " process left" : " processes left");
    }
    std::string each;
    std::string lacking;
    std::size_t count = 0;
    std::uint64_t ready = 0;
    std::uint64_t wanted = 0;
    for (const core::Pool& pool : pools) {
        if (pool.removed()) continue;
        ++count;
        ready += pool.ready();
        wanted += pool.wanted();
        const std::string one = text(pool.name(), ' ', pool.ready(), '/', pool.wanted());
        each += (each.empty() ? "" : ", ") + one + " ready" + (pool.held() ? " (stopped)" : "");
        if (pool.ready() < pool.wanted()) lacking += (lacking.empty() ? "" : ", ") + one;
    }
    if (count > pools_named_max) {
        each = text(count, " pools, ", ready, '/', wanted, " workers ready");
        if (!lacking.empty()) each += "; lacking: " + lacking;
    }
    constexpr std::size_t line_max = 200;
    if (each.size() > line_max) each = each.substr(0, line_max) + "...";
    return (supervisor.reloading() ? "reloading; " : "") + each;
}

Service::Service(Loop& loop, os::Notifier notifier)
    : notifier_(std::move(notifier)),
      timer_(loop.make_timer([this] { on_time(); })),
      watchdog_(loop.make_timer([this] { feed_watchdog(); })) {
    if (!notifier_) return;
    extend_due_ = os::now() + extend_interval;
    set_timer();
    if (notifier_.watchdog()) feed_watchdog();
}

void Service::feed_watchdog() {
    // Not through the queue: an old one would be no sign of life.
    (void)notifier_.send("WATCHDOG=1");
    watchdog_.set(os::now() + *notifier_.watchdog() / 2);
}

void Service::post(std::string lines, int fd) {
    if (!notifier_ || waiting_.size() >= letters_max) return;
    Letter letter{std::move(lines), os::Fd{}};
    if (fd >= 0) {
        auto copy = os::duplicate(fd);
        if (!copy) return;
        letter.fd = std::move(*copy);
    }
    waiting_.push_back(std::move(letter));
    deliver();
}

void Service::deliver() {
    while (!waiting_.empty()) {
        const Letter& letter = waiting_.front();
        const std::array fds{letter.fd.get()};
        const std::span<const int> with =
            letter.fd ? std::span<const int>{fds} : std::span<const int>{};
        const auto sent = notifier_.send(letter.lines, with);
        // A manager that is gone (or never was there) is not waited for.
        if (!sent && os::would_block(sent.error())) {
            retry_due_ = os::now() + retry_interval;
            return set_timer();
        }
        waiting_.pop_front();
    }
    retry_due_.reset();
}

void Service::sync() {
    if (!notifier_) return;
    auto pipe = os::make_pipe();
    if (!pipe) return;
    const std::array fds{pipe->writer.get()};
    if (!notifier_.send("BARRIER=1", fds)) return;
    // The manager closes its copy when it has come to this message.
    pipe->writer.reset();
    pollfd end{pipe->reader.get(), 0, 0};
    (void)::poll(&end, 1, sync_milliseconds);
}

bool Service::comes_again() const {
    if (!notifier_) return false;
    const auto job = os::own_unit_job(notifier_.directory() + "/private", job_patience);
    // Whom systemd does not tell had better leave the sockets open: it closes them if nobody comes.
    // But where there is no such socket there is no systemd, and nobody who would keep them.
    if (!job) return job.error().value() == EACCES || job.error().value() == ETIMEDOUT;
    return *job == "restart" || *job == "try-restart" || *job == "reload-or-start";
}

void Service::reloading(core::Time now) {
    said_ = Said::reloading;
    post(text("RELOADING=1\nMONOTONIC_USEC=", usec(now.time_since_epoch())));
    extend_due_ = now + extend_interval;
    set_timer();
}

void Service::reload_asked(core::Time now) {
    if (notifier_ && said_ == Said::ready) reloading(now);
}

void Service::look(const core::Supervisor& supervisor, bool news, core::Time now) {
    supervisor_ = &supervisor;
    if (!notifier_ || (!news && said_ == Said::ready && !supervisor.reloading())) return;
    say_phase(supervisor, now);
    if (news && !status_due_) {
        status_due_ = std::max(now, status_said_ + status_interval);
        if (*status_due_ == now) {
            say_status(supervisor, now);
        } else {
            set_timer();
        }
    }
}

void Service::say_phase(const core::Supervisor& supervisor, core::Time now) {
    if (said_ != Said::stopping && supervisor.stop_phase() != core::StopPhase::running) {
        said_ = Said::stopping;
        post(text("STOPPING=1\nEXTEND_TIMEOUT_USEC=", usec(extend_by)));
        extend_due_ = now + extend_interval;
        return set_timer();
    }
    switch (said_) {
        case Said::starting:
            if (!all_up(supervisor)) return;
            said_ = Said::ready;
            said_ready_ = true;
            // As the first process of a container, our number means nothing outside.
            status_ = service_status(supervisor);
            status_said_ = now;
            post("READY=1\nSTATUS=" + status_ +
                 (getpid() == 1 ? "" : text("\nMAINPID=", getpid())));
            extend_due_.reset();
            return set_timer();
        case Said::ready:
            if (supervisor.reloading()) reloading(now);
            return;
        case Said::reloading:
            if (supervisor.reloading()) return;
            said_ = Said::ready;
            post("READY=1");
            extend_due_.reset();
            return set_timer();
        case Said::stopping: return;
    }
}

void Service::say_status(const core::Supervisor& supervisor, core::Time now) {
    status_due_.reset();
    status_said_ = now;
    std::string status = service_status(supervisor);
    if (status == status_) return;
    status_ = std::move(status);
    post("STATUS=" + status_);
}

void Service::on_time() {
    const core::Time now = os::now();
    if (retry_due_ && *retry_due_ <= now) deliver();
    if (status_due_ && *status_due_ <= now && supervisor_ != nullptr) say_status(*supervisor_, now);
    if (extend_due_ && *extend_due_ <= now) {
        post(text("EXTEND_TIMEOUT_USEC=", usec(extend_by)));
        extend_due_ = now + extend_interval;
    }
    set_timer();
}

void Service::set_timer() {
    std::optional<core::Time> next = retry_due_;
    core::sooner(next, status_due_);
    core::sooner(next, extend_due_);
    timer_.set(next);
}

}  // namespace reeve::daemon
