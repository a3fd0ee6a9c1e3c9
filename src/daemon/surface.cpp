// Opens the two servers, and asks both of them once a turn.
#include "daemon/admin.hpp"
#include "daemon/render_parts.hpp"
#include "daemon/runtime_path.hpp"
#include "daemon/start_error.hpp"
#include "os/peer.hpp"
#include "os/user.hpp"

namespace reeve::daemon {
namespace {

constexpr int backlog = 128;

os::UnixPathAddress address_of(const core::AdminConfig& config, std::string path) {
    os::UnixPathAddress address{.path = std::move(path), .mode = config.mode};
    if (!config.owner.empty()) {
        const auto user = os::find_user(config.owner);
        if (!user) throw StartError(exit_code_config, "admin.owner: " + user.error().text());
        address.owner = user->uid;
    }
    if (!config.group.empty()) {
        const auto group = os::find_group(config.group);
        if (!group) throw StartError(exit_code_config, "admin.group: " + group.error().text());
        address.group = *group;
    }
    return address;
}

void announce(Log& log, std::string_view event, std::string_view what, const std::string& address) {
    LogLine line{core::LogLevel::info, event, {}, text(what, " on ", address)};
    add(line, "address", address);
    log.write(line);
}

/// The daemon never waits for a client, so not in accept either.
os::Listener nonblocking(os::Listener listener) {
    if (const auto done = os::set_nonblocking(listener.fd()); !done) {
        throw StartError(exit_code_resource, listener.address() + ": " + done.error().message());
    }
    return listener;
}

}  // namespace

Surface::Surface(Loop& loop, Log& log, Backend& backend, const core::Config& config,
                 const std::string& version)
    : snapshots_(backend), common_(backend, snapshots_) {
    if (config.admin.enabled) open_admin(loop, log, backend, config, version);
    if (config.metrics.listen) open_scrape(loop, log, config.metrics, version);
}

void Surface::open_admin(Loop& loop, Log& log, Backend& backend, const core::Config& config,
                         const std::string& version) {
    const bool written = !config.admin.path.empty();
    const std::string path = written ? config.admin.path : default_admin_path(config.name);
    AccessRules rules{config.admin, getuid()};
    const os::UnixPathAddress address = address_of(config.admin, path);
    const auto made = written ? os::Outcome<void>{} : make_directories(path);
    auto opened =
        made ? os::Listener::open(address, backlog) : os::Outcome<os::Listener>{made.error()};
    if (!opened && !written && opened.error().error != EADDRINUSE) {
        LogLine line{core::LogLevel::warning, "admin_unavailable", {}, {}};
        line.message = text("no admin socket: ", opened.error().text(),
                            "; --admin PATH puts it elsewhere, --admin none does without");
        add(line, "path", path);
        return log.write(line);
    }
    if (!opened) {
        const bool taken = opened.error().error == EADDRINUSE;
        throw StartError(exit_code_resource,
                         "admin.path: " + opened.error().text() +
                             (taken ? "; if it is another reeve, give this one --name NAME or "
                                      "--admin PATH"
                                    : ""));
    }
    admin_ = std::make_unique<Admin>(loop, log, backend, common_, std::move(rules),
                                     nonblocking(std::move(*opened)), version);
    announce(log, "admin_listening", "admin socket", admin_->address());
}

void Surface::open_scrape(Loop& loop, Log& log, const core::MetricsConfig& config,
                          const std::string& version) {
    const core::Listen& listen = *config.listen;
    auto opened = os::Listener::open(
        os::TcpAddress{listen.host, listen.port, listen.v6only, listen.nodelay}, backlog);
    if (!opened) throw StartError(exit_code_resource, "metrics.listen: " + opened.error().text());
    scrape_ = std::make_unique<Scrape>(loop, common_, nonblocking(std::move(*opened)), version);
    announce(log, "metrics_listening", "metrics", scrape_->address());
}

void Surface::publish(const LogLine& line) {
    if (admin_) admin_->publish(line);
}

bool Surface::serve() noexcept {
    snapshots_.new_turn();
    const bool more_admin = admin_ && admin_->serve();
    const bool more_scrape = scrape_ && scrape_->serve();
    return more_admin || more_scrape;
}

void Surface::close() noexcept {
    if (admin_) admin_->close();
    if (scrape_) scrape_->close();
}

}  // namespace reeve::daemon
