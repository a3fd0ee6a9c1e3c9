// The routes of the HTTP surface, who may use them, and the log of who did.
#include "daemon/admin.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>
#include <variant>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "daemon/admin_order.hpp"
#include "daemon/render_parts.hpp"
#include "daemon/utf8.hpp"
#include "os/clock.hpp"

namespace reeve::daemon {
namespace {

constexpr std::size_t admin_connections_max = 64;
constexpr std::size_t scrape_connections_max = 32;

/// Of the connections above, those that are not for commanders: an operator must find a free one.
constexpr std::size_t reader_connections_max = 48;
constexpr std::size_t stranger_connections_max = 16;

/// A refused client that keeps asking must not fill the log.
constexpr auto refusal_interval = std::chrono::seconds{1};

constexpr std::string_view json_type = "application/json";
constexpr std::string_view text_type = "text/plain; charset=utf-8";
constexpr std::string_view metrics_type = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::string_view command_prefix = "/v1/";

constexpr std::array common_paths{"/metrics", "/healthz", "/readyz"};
constexpr std::array admin_paths{"/v1/status", "/v1/events", "/v1/config"};

/// Every answer about a command or a mistake has this shape.
HttpAnswer verdict(unsigned status, std::string_view word, std::string_view explanation) {
    boost::json::object object;
    object["verdict"] = boost::json::string_view{word.data(), word.size()};
    if (!explanation.empty()) object["text"] = valid_utf8(explanation);
    return {HttpAnswer::Kind::now,
            text_response(status, json_type, boost::json::serialize(object) + "\n")};
}

unsigned status_of(core::Verdict verdict) {
    switch (verdict) {
        case core::Verdict::done:
        case core::Verdict::unchanged: return 200;
        case core::Verdict::unknown: return 404;
        case core::Verdict::conflict: return 409;
        case core::Verdict::invalid: return 422;
        case core::Verdict::failed: return 500;
    }
    return 500;
}

HttpAnswer answer_of(const Answer& answer) {
    return verdict(status_of(answer.verdict), core::name(answer.verdict), answer.text);
}

HttpAnswer wrong_method(const HttpRequest& request, std::string_view allowed) {
    auto answer = verdict(405, "invalid",
                          text(request.path, " is for ", allowed, ", not for ", request.method));
    answer.response.allow = allowed;
    return answer;
}

template <typename Paths>
bool contains(const Paths& paths, std::string_view path) {
    return std::find(paths.begin(), paths.end(), path) != paths.end();
}

template <typename Paths>
void list(std::string& out, std::string_view method, const Paths& paths, std::string_view prefix) {
    for (const std::string_view path : paths) {
        out.append(out.empty() ? "" : ", ").append(method).append(prefix).append(path);
    }
}

HttpAnswer no_such_path(bool admin) {
    std::string known;
    if (admin) list(known, "GET ", admin_paths, "");
    list(known, "GET ", common_paths, "");
    if (admin) list(known, "POST ", order_names(), command_prefix);
    return verdict(404, "unknown", "no such path; there are " + known);
}

bool is_get(const HttpRequest& request) {
    return request.method == "GET" || request.method == "HEAD";
}

std::string by(const Caller& caller) {
    return text("by ", caller.user.empty() ? "nobody known" : caller.user, " (uid ", caller.uid,
                ", pid ", caller.pid, ")");
}

void add_caller(LogLine& line, const Caller& caller) {
    add(line, "uid", caller.uid);
    add(line, "user", caller.user);
    add(line, "caller_pid", caller.pid);
}

}  // namespace

std::optional<HttpAnswer> CommonRoutes::handle(const std::string& path) {
    const auto plain = [](unsigned status, std::string body) {
        return HttpAnswer{HttpAnswer::Kind::now, text_response(status, text_type, std::move(body))};
    };
    if (path == "/metrics") return snapshot(Snapshots::Of::metrics, metrics_type);
    if (path == "/healthz") return plain(200, "ok\n");
    if (path != "/readyz") return std::nullopt;
    const Readiness readiness = backend_.readiness();
    return readiness.ready ? plain(200, "ready\n") : plain(503, readiness.why + "\n");
}

HttpAnswer CommonRoutes::snapshot(Snapshots::Of what, std::string_view content_type) {
    auto body = snapshots_.get(what);
    if (!body) return {HttpAnswer::Kind::again};
    return {HttpAnswer::Kind::now, {200, content_type, std::move(body)}};
}

Admin::Admin(Loop& loop, Log& log, Backend& backend, CommonRoutes& common, AccessRules rules,
             os::Listener listener, const std::string& version)
    : log_(log),
      backend_(backend),
      common_(common),
      rules_(std::move(rules)),
      server_(loop, std::move(listener), admin_connections_max, version, *this) {}

void Admin::publish(const LogLine& line) {
    // Counted also while nobody listens: a gap in the numbers is then a gap in time.
    ++last_event_;
    if (server_.streams() == 0) return;
    server_.broadcast(
        text("id: ", last_event_, "\nevent: ", line.event, "\ndata: ", json_text(line), "\n\n"));
}

bool Admin::admit(ConnectionId id, int fd, std::size_t open) {
    const auto peer = os::peer_of(fd);
    if (!peer) return false;
    const Access access = rules_.access_of(*peer);
    if (access == Access::none && open >= stranger_connections_max) return false;
    if (access == Access::read && open >= reader_connections_max) return false;
    visitors_[id] = {access, {peer->uid, peer->pid, {}}};
    return true;
}

HttpAnswer Admin::handle(ConnectionId id, const HttpRequest& request) {
    Visitor& visitor = visitors_[id];
    if (visitor.access == Access::none) return refuse(visitor, request);
    if (contains(admin_paths, request.path) || contains(common_paths, request.path)) {
        if (!is_get(request)) return wrong_method(request, "GET, HEAD");
        return get(request.path);
    }
    if (!request.path.starts_with(command_prefix)) return no_such_path(true);
    const std::string_view name = std::string_view{request.path}.substr(command_prefix.size());
    if (!contains(order_names(), name)) return no_such_path(true);
    if (request.method != "POST") return wrong_method(request, "POST");
    if (visitor.access != Access::command) return refuse(visitor, request);
    if (visitor.caller.user.empty()) visitor.caller.user = os::local_user_name(visitor.caller.uid);
    return command(id, visitor.caller, request, name);
}

HttpAnswer Admin::get(const std::string& path) {
    if (path == "/v1/status") return common_.snapshot(Snapshots::Of::status, json_type);
    if (path == "/v1/config") return common_.snapshot(Snapshots::Of::config, json_type);
    if (path == "/v1/events") return {HttpAnswer::Kind::stream};
    return common_.handle(path).value_or(no_such_path(true));
}

/// Lives until the daemon has answered, which may be long after the client has left.
struct Admin::Pending {
    std::string summary;
    std::optional<Answer> answer;  ///< came before submit() returned
    bool submitted = false;
    bool wait = true;
};

HttpAnswer Admin::command(ConnectionId id, const Caller& caller, const HttpRequest& request,
                          std::string_view name) {
    const auto read = read_order(name, request.query, request.body);
    if (const auto* problem = std::get_if<OrderProblem>(&read)) {
        return verdict(problem->status, "invalid", problem->text);
    }
    const auto& order = std::get<OrderRequest>(read);
    tell_command(caller, order.summary);
    const auto pending = std::make_shared<Pending>();
    pending->summary = order.summary;
    pending->wait = order.wait;
    backend_.submit(caller, order.order, [this, id, pending](const Answer& answer) {
        tell_outcome(pending->summary, answer);
        if (!pending->submitted) {
            pending->answer = answer;
        } else if (pending->wait) {
            server_.answer(id, answer_of(answer).response);
        }
    });
    pending->submitted = true;
    if (pending->answer) return answer_of(*pending->answer);
    if (!order.wait) return verdict(202, "accepted", {});
    return {HttpAnswer::Kind::later};
}

HttpAnswer Admin::refuse(const Visitor& visitor, const HttpRequest& request) {
    const core::Time now = os::now();
    if (told_refusal_ && now - *told_refusal_ < refusal_interval) {
        ++untold_refusals_;
    } else {
        LogLine line{core::LogLevel::warning, "admin_refused", {}, {}};
        constexpr std::size_t path_max = 64;
        line.message = text(request.method, " ", request.path.substr(0, path_max), " refused, ",
                            by(visitor.caller));
        if (untold_refusals_ > 0) line.message += text("; ", untold_refusals_, " more before");
        add_caller(line, visitor.caller);
        add(line, "untold", std::exchange(untold_refusals_, 0));
        log_.write(line);
        told_refusal_ = now;
    }
    const bool reader = visitor.access == Access::read;
    return verdict(403, "forbidden",
                   text("uid ", visitor.caller.uid,
                        reader ? " may look but not command; see admin.command_users and "
                                 "admin.command_groups"
                               : " is in no list of who may look or command; see admin.read_users "
                                 "and its neighbours"));
}

void Admin::tell_command(const Caller& caller, const std::string& summary) {
    LogLine line{core::LogLevel::info, "command", {}, summary + ", " + by(caller)};
    add(line, "command", summary);
    add_caller(line, caller);
    log_.write(line);
}

void Admin::tell_outcome(const std::string& summary, const Answer& answer) {
    const bool good = status_of(answer.verdict) == 200;
    LogLine line{good ? core::LogLevel::info : core::LogLevel::warning, "command_answer", {}, {}};
    line.message = text(summary, ": ", core::name(answer.verdict), answer.text.empty() ? "" : ": ",
                        answer.text);
    add(line, "command", summary);
    add(line, "verdict", core::name(answer.verdict));
    log_.write(line);
}

Scrape::Scrape(Loop& loop, CommonRoutes& common, os::Listener listener, const std::string& version)
    : common_(common), server_(loop, std::move(listener), scrape_connections_max, version, *this) {}

HttpAnswer Scrape::handle(ConnectionId /*id*/, const HttpRequest& request) {
    if (!contains(common_paths, request.path)) return no_such_path(false);
    if (!is_get(request)) return wrong_method(request, "GET, HEAD");
    return common_.handle(request.path).value_or(no_such_path(false));
}

}  // namespace reeve::daemon
