// reeve's HTTP surface: everything on the admin socket, figures and health on a TCP address.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/config.hpp"
#include "daemon/admin_access.hpp"
#include "daemon/backend.hpp"
#include "daemon/http_server.hpp"
#include "daemon/log.hpp"
#include "daemon/snapshots.hpp"
#include "os/listener.hpp"

namespace reeve::daemon {

class Loop;

/// The answers that both servers give: /metrics, /healthz, /readyz.
class CommonRoutes {
public:
    CommonRoutes(Backend& backend, Snapshots& snapshots)
        : backend_(backend), snapshots_(snapshots) {}

    /// Nothing for another path. Only for GET.
    [[nodiscard]] std::optional<HttpAnswer> handle(const std::string& path);
    /// Kind `again` when another large answer was rendered in this turn.
    [[nodiscard]] HttpAnswer snapshot(Snapshots::Of what, std::string_view content_type);

private:
    Backend& backend_;
    Snapshots& snapshots_;
};

/// The admin socket. Who connects is known by what the kernel says of the peer.
class Admin final : public HttpHandler {
public:
    Admin(Loop& loop, Log& log, Backend& backend, CommonRoutes& common, AccessRules rules,
          os::Listener listener, const std::string& version);

    void publish(const LogLine& line);
    bool serve() noexcept { return server_.serve(); }
    void close() noexcept { server_.close(); }
    [[nodiscard]] const std::string& address() const noexcept { return server_.address(); }

    bool admit(ConnectionId id, int fd, std::size_t open) override;
    void left(ConnectionId id) noexcept override { visitors_.erase(id); }
    HttpAnswer handle(ConnectionId id, const HttpRequest& request) override;

private:
    struct Visitor {
        Access access = Access::none;
        Caller caller;
    };
    struct Pending;

    HttpAnswer get(const std::string& path);
    HttpAnswer command(ConnectionId id, const Caller& caller, const HttpRequest& request,
                       std::string_view name);
    HttpAnswer refuse(const Visitor& visitor, const HttpRequest& request);
    void tell_command(const Caller& caller, const std::string& summary);
    void tell_outcome(const std::string& summary, const Answer& answer);

    Log& log_;
    Backend& backend_;
    CommonRoutes& common_;
    AccessRules rules_;
    std::map<ConnectionId, Visitor> visitors_;
    std::uint64_t last_event_ = 0;
    std::optional<core::Time> told_refusal_;
    std::uint64_t untold_refusals_ = 0;
    HttpServer server_;  // last: it calls the others until it is gone
};

/// The TCP address: read-only, for everybody who can reach it.
class Scrape final : public HttpHandler {
public:
    Scrape(Loop& loop, CommonRoutes& common, os::Listener listener, const std::string& version);

    bool serve() noexcept { return server_.serve(); }
    void close() noexcept { server_.close(); }
    [[nodiscard]] const std::string& address() const noexcept { return server_.address(); }

    bool admit(ConnectionId /*id*/, int /*fd*/, std::size_t /*open*/) override { return true; }
    void left(ConnectionId /*id*/) noexcept override {}
    HttpAnswer handle(ConnectionId id, const HttpRequest& request) override;

private:
    CommonRoutes& common_;
    HttpServer server_;
};

/// Both, as the configuration wants them.
class Surface {
public:
    /// Throws StartError: 69 for a socket that cannot be had, 78 for an unknown user or group. An
    /// admin socket that nobody asked for, in a place that cannot be written to, is a warning only.
    Surface(Loop& loop, Log& log, Backend& backend, const core::Config& config,
            const std::string& version);
    ~Surface() { close(); }
    Surface(const Surface&) = delete;
    Surface& operator=(const Surface&) = delete;

    /// One record, for the event streams.
    void publish(const LogLine& line);
    /// Lets the next answers show what was just changed.
    void forget() noexcept { snapshots_.forget(); }
    /// Answers some of who asked; true when more is left. For once a turn, after it.
    bool serve() noexcept;
    /// Ends all connections and removes the socket's file.
    void close() noexcept;

private:
    void open_admin(Loop& loop, Log& log, Backend& backend, const core::Config& config,
                    const std::string& version);
    void open_scrape(Loop& loop, Log& log, const core::MetricsConfig& config,
                     const std::string& version);

    Snapshots snapshots_;
    CommonRoutes common_;
    std::unique_ptr<Admin> admin_;
    std::unique_ptr<Scrape> scrape_;
};

}  // namespace reeve::daemon
