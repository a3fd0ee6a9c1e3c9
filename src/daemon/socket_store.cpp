// Matches what the service manager passed with what the configuration wants.
#include "daemon/socket_store.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "daemon/render_parts.hpp"
#include "daemon/start_error.hpp"
#include "os/user.hpp"

namespace reeve::daemon {
namespace {

constexpr std::string_view prefix = "reeve/";

/// Unique among the open sockets, and in the characters that the store takes for a name.
std::string store_name(const std::string& pool, const core::Listen& listen,
                       const std::string& address) {
    constexpr std::size_t name_max = 255;
    std::string name = text(prefix, pool, '/', listen.name, '/', address).substr(0, name_max);
    for (char& c : name) {
        if (c <= ' ' || c >= 127) c = '_';
        if (c == ':') c = '|';
    }
    return name;
}

std::string names_of(const std::vector<os::InheritedFd>& passed) {
    if (passed.empty()) return "systemd passed no socket: is the socket unit there and started?";
    std::string names;
    for (const os::InheritedFd& one : passed) names += (names.empty() ? "" : ", ") + one.name;
    return "systemd passed these: " + names;
}

}  // namespace

os::ListenAddress listen_address(const core::Listen& listen, const std::string& place) {
    switch (listen.kind) {
        case core::Listen::Kind::tcp:
            return os::TcpAddress{listen.host, listen.port, listen.v6only, listen.nodelay};
        case core::Listen::Kind::unix_abstract: return os::UnixAbstractAddress{listen.path};
        case core::Listen::Kind::inherited:
        case core::Listen::Kind::unix_path: break;
    }
    os::UnixPathAddress address{.path = listen.path, .mode = listen.mode};
    if (!listen.owner.empty()) {
        const auto user = os::find_user(listen.owner);
        if (!user) throw StartError(exit_code_config, place + ": owner: " + user.error().text());
        address.owner = user->uid;
    }
    if (!listen.group.empty()) {
        const auto group = os::find_group(listen.group);
        if (!group) throw StartError(exit_code_config, place + ": group: " + group.error().text());
        address.group = *group;
    }
    return address;
}

SocketStore::SocketStore(Service& service, Log& log, std::vector<os::InheritedFd> passed,
                         const core::Config& config)
    : service_(service), log_(log) {
    for (os::InheritedFd& one : passed) {
        (one.name.starts_with(prefix) ? stored_ : passed_).push_back(std::move(one));
    }
    if (stored_.empty()) return;
    for (const core::PoolConfig& pool : config.pools) {
        for (const core::Listen& listen : pool.listen) claim(pool.name, listen);
    }
    drop_unclaimed();
}

/// Not by name alone: where a pool was renamed, its address still is held by the store, and opening
/// it anew would fail. But a port of the kernel's choice belongs to who had it.
void SocketStore::claim(const std::string& pool, const core::Listen& listen) {
    if (listen.kind == core::Listen::Kind::inherited) return;
    const std::string place = "pools." + pool + ".listen." + listen.name;
    const os::ListenAddress wanted = listen_address(listen, place);
    const std::string own = store_name(pool, listen, "");
    const bool any_port = listen.kind == core::Listen::Kind::tcp && listen.port == 0;
    for (const bool by_name : {true, false}) {
        if (!by_name && any_port) continue;
        for (auto at = stored_.begin(); at != stored_.end(); ++at) {
            if (by_name != at->name.starts_with(own)) continue;
            auto copy = os::duplicate(at->fd.get());
            if (!copy) continue;
            auto back = os::Listener::take_back(std::move(*copy), wanted, listen.backlog);
            if (!back) continue;
            LogLine line{core::LogLevel::info, "socket_kept", place, {}};
            line.message = text("took ", back->address(), " back from the service manager's store");
            log_.write(line);
            // Under its new name it is put there again when it is opened.
            if (at->name != store_name(pool, listen, back->address())) {
                service_.post("FDSTOREREMOVE=1\nFDNAME=" + at->name);
            } else {
                kept_[at->name];
            }
            back->keep(true);
            claims_.push_back({listen, std::move(*back)});
            stored_.erase(at);
            return;
        }
    }
}

void SocketStore::drop_unclaimed() {
    if (stored_.empty()) return;
    for (const os::InheritedFd& one : stored_) {
        service_.post("FDSTOREREMOVE=1\nFDNAME=" + one.name);
        LogLine line{core::LogLevel::info, "socket_dropped", {}, {}};
        line.message = text("the configuration has no use for the stored socket ", one.name);
        log_.write(line);
    }
    stored_.clear();
    // An address that overlaps can be had only when the manager has closed its copy.
    service_.sync();
}

os::Outcome<os::Listener> SocketStore::adopt(const core::Listen& listen) const {
    const auto named = [&](const os::InheritedFd& one) { return one.name == listen.path; };
    const auto found = std::ranges::find_if(passed_, named);
    const std::string what = "listen systemd:" + listen.path;
    if (found == passed_.end()) {
        return os::Failure{what + ": no socket of this name", 0, names_of(passed_)};
    }
    if (std::ranges::count_if(passed_, named) > 1) {
        return os::Failure{what + ": several sockets have this name", 0,
                           "give each its own FileDescriptorName="};
    }
    auto copy = os::duplicate(found->fd.get());
    if (!copy) return os::Failure{what, copy.error().value()};
    return os::Listener::adopt(std::move(*copy), listen.path, listen.nodelay);
}

std::shared_ptr<os::Listener> SocketStore::open(const std::string& pool, const core::Listen& listen,
                                                const std::string& place) {
    const auto or_throw = [&](os::Outcome<os::Listener> opened) {
        if (!opened) throw StartError(exit_code_resource, place + ": " + opened.error().text());
        return std::move(*opened);
    };
    if (listen.kind == core::Listen::Kind::inherited) {
        return std::make_shared<os::Listener>(or_throw(adopt(listen)));
    }
    const auto claimed =
        std::ranges::find_if(claims_, [&](const Claim& claim) { return claim.listen == listen; });
    os::Listener listener;
    if (claimed != claims_.end()) {
        listener = std::move(claimed->listener);
        claims_.erase(claimed);
    } else {
        listener = or_throw(os::Listener::open(listen_address(listen, place), listen.backlog));
    }
    if (!service_) return std::make_shared<os::Listener>(std::move(listener));
    return share(store_name(pool, listen, listener.address()), listener);
}

std::shared_ptr<os::Listener> SocketStore::share(std::string name, os::Listener& listener) {
    // A path that was lost and made anew has two sockets, until the workers of the first are gone.
    while (kept_.contains(name) && !kept_[name].expired()) name += '+';
    if (!kept_.contains(name)) service_.post("FDSTORE=1\nFDNAME=" + name, listener.fd());
    listener.keep(left_to_next_);
    auto made = std::make_unique<os::Listener>(std::move(listener));
    std::shared_ptr<os::Listener> shared{made.release(), [this, name](os::Listener* last) {
                                             forget(name);
                                             delete last;
                                         }};
    kept_[name] = shared;
    return shared;
}

/// Before it closes: what is in the store only still takes connections that nobody accepts.
void SocketStore::forget(const std::string& name) {
    if (kept_.erase(name) == 0 || left_to_next_) return;
    service_.post("FDSTOREREMOVE=1\nFDNAME=" + name);
}

void SocketStore::empty() {
    while (!kept_.empty()) forget(std::string{kept_.begin()->first});
}

void SocketStore::leave_to_next(bool on) {
    left_to_next_ = on;
    for (const auto& [name, listener] : kept_) {
        if (const auto alive = listener.lock()) alive->keep(on);
    }
}

}  // namespace reeve::daemon
