// What becomes of a bind is written in handle() and below; docs/handoff.md tells it to people.
#include "daemon/adoption.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <netinet/in.h>
#include <optional>
#include <utility>

#include "daemon/render_parts.hpp"
#include "os/clock.hpp"
#include "os/spawn.hpp"

namespace reeve::daemon {
namespace {

/// One worker's share of our time: so many answers, and then the others for the rest of it.
constexpr int answers_max = 32;
constexpr auto answers_window = std::chrono::milliseconds{10};
/// More addresses than these are not told.
constexpr std::size_t untouched_max = 8;
/// A worker that binds on and on must not fill the log.
constexpr std::size_t told_max = 64;

std::string joined(const std::vector<std::string_view>& words) {
    std::string all;
    for (const auto word : words) all.append(all.empty() ? "" : ", ").append(word);
    return all;
}

std::optional<os::BindAddress> address_of(int fd) {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return std::nullopt;
    auto address = os::parse_address(storage, size);
    auto* inet = address ? std::get_if<os::InetAddress>(&*address) : nullptr;
    if (inet != nullptr && inet->v6) {
        int only = 0;
        socklen_t length = sizeof only;
        (void)::getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &length);
        inet->v6only = only != 0;
    }
    return address;
}

int domain_of(int fd) {
    int domain = 0;
    socklen_t size = sizeof domain;
    (void)::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    return domain;
}

bool is_stream(const os::BindTarget& target) {
    if (target.type != SOCK_STREAM) return false;
    if (target.domain == AF_UNIX) return true;
    return target.protocol == IPPROTO_TCP || target.protocol == IPPROTO_MPTCP;
}

}  // namespace

/// The pool's socket that fits best, if one does.
struct Adoption::Choice {
    const Adoptable* socket = nullptr;
    os::Fit fit = os::Fit::none;
    bool other_family = false;
    bool v6only = false;  ///< of the pool's socket
};

Adoption::Adoption(Inbox& inbox, core::Incarnation incarnation, os::Fd channel,
                   std::vector<Adoptable> sockets, Tell tell)
    : inbox_(inbox),
      incarnation_(incarnation),
      channel_(std::move(channel)),
      sockets_(std::move(sockets)),
      tell_(std::move(tell)) {}

void Adoption::start(Loop& loop) {
    loop_ = &loop;
    pause_ = loop.make_timer([this] { watch(); });
    watch_ = loop.on_readable(channel_.get(), [this] { receive(); });
}

void Adoption::receive() {
    auto received = os::receive_notices(channel_.get());
    if (received && !*received) return;
    watch_.stop();
    channel_.reset();
    // Without it the child has failed, which it reports where it reports everything.
    if (!received) return;
    notices_ = os::BindNotices{os::keep_high(std::move(**received))};
    watch();
}

void Adoption::watch() {
    watch_ = loop_->on_readable(notices_.fd(), [this] { serve(); });
}

void Adoption::serve() {
    const core::Time now = os::now();
    if (now - window_ >= answers_window) {
        window_ = now;
        served_ = 0;
    }
    for (;; ++served_) {
        if (served_ >= answers_max) {
            watch_.stop();
            return pause_.set(window_ + answers_window);
        }
        const auto notice = notices_.next();
        if (!notice) {
            watch_.stop();
            notices_.close();
            return;
        }
        if (!*notice) return;
        try {
            handle(**notice);
        } catch (...) {
            // Whatever it was: the worker must not wait for ever.
            (void)notices_.let_through(**notice);
            throw;
        }
    }
}

void Adoption::handle(const os::BindNotice& notice) {
    switch (notice.call) {
        case os::BindNotice::Call::listen: return on_listen(notice);
        case os::BindNotice::Call::bind: return on_bind(notice);
    }
}

const Adoptable* Adoption::holder_of(ino_t inode) const {
    const auto found = std::ranges::find_if(
        sockets_, [&](const Adoptable& one) { return one.listener->inode() == inode; });
    return found == sockets_.end() ? nullptr : &*found;
}

/// The pool's sockets listen already, and with the backlog that the pool has.
void Adoption::on_listen(const os::BindNotice& notice) {
    const auto inode = os::target_inode(notice);
    if (!inode || holder_of(*inode) == nullptr) {
        (void)notices_.let_through(notice);
        return;
    }
    if (notices_.answer(notice, 0)) {
        inbox_.put(core::SaidReady{incarnation_, core::ReadySign::listening});
    }
}

Adoption::Choice Adoption::choose(const os::BindNotice& notice, const os::BindAddress& asked,
                                  const os::BindTarget& target) const {
    Choice best;
    for (const Adoptable& socket : sockets_) {
        const auto ours = address_of(socket.listener->fd());
        if (!ours || ours->index() != asked.index()) continue;
        Choice choice{&socket, os::Fit::none, false, false};
        if (const auto* inet = std::get_if<os::InetAddress>(&asked)) {
            const auto& own = std::get<os::InetAddress>(*ours);
            os::InetAddress wanted = *inet;
            wanted.v6only = target.v6only;
            choice.fit = os::fit_of(wanted, own);
            choice.other_family = domain_of(socket.listener->fd()) != target.domain;
            choice.v6only = own.v6only;
        } else if (const auto* path = std::get_if<os::UnixPath>(&asked)) {
            const std::string root = os::target_link(notice, "root");
            std::string absolute = os::absolute_path(path->path, os::target_link(notice, "cwd"));
            if (root.size() > 1 && path->path.starts_with('/')) absolute = root + absolute;
            if (socket.listener->is_path(absolute)) choice.fit = os::Fit::same;
        } else if (asked == *ours) {
            choice.fit = os::Fit::same;
        }
        const auto rank = [](const Choice& one) { return std::pair{one.other_family, one.fit}; };
        if (choice.fit != os::Fit::none && (best.socket == nullptr || rank(choice) < rank(best))) {
            best = choice;
        }
    }
    return best;
}

void Adoption::on_bind(const os::BindNotice& notice) {
    const auto let_through = [&] { (void)notices_.let_through(notice); };
    const auto bytes = os::read_address(notice);
    if (!bytes) {
        if (bytes.error().value() == EPERM || bytes.error().value() == EACCES) {
            note_untouched("an address that reeve has no right to read");
        }
        return let_through();
    }
    const auto asked = os::parse_address(bytes->storage, bytes->size);
    if (!asked || distrusted_) return let_through();
    const auto target = os::look_at_target(notice);
    if (!target) {
        if (target.error().value() == EXDEV) {
            distrusted_ = true;
            note_untouched(
                "a descriptor that was exchanged meanwhile (nothing is adopted by "
                "this worker any more)");
        }
        return let_through();
    }
    // An address of another family than the socket's is an error that the kernel knows best.
    if (!is_stream(*target) || bytes->storage.ss_family != target->domain) return let_through();
    if (!notices_.waits(notice)) return;
    const std::string shown = os::text_of(*asked);
    const Choice choice = choose(notice, *asked, *target);
    if (const Adoptable* held = holder_of(target->inode)) {
        // Bound again: to the same address that is no news, to another one the kernel refuses it.
        if (held != choice.socket) return let_through();
        (void)held->listener->restore_path();
        (void)notices_.answer(notice, 0);
        return;
    }
    if (choice.socket == nullptr) {
        const auto* inet = std::get_if<os::InetAddress>(&*asked);
        if (inet == nullptr || inet->port != 0) note_untouched(shown);
        return let_through();
    }
    adopt(notice, *target, choice, shown);
}

void Adoption::adopt(const os::BindNotice& notice, const os::BindTarget& target,
                     const Choice& choice, const std::string& asked) {
    const os::Listener& listener = *choice.socket->listener;
    if (os::in_epoll_set(notice, target.inode)) {
        return refuse(notice, EADDRINUSE, asked,
                      "its socket is in an epoll set already, which the pool's would not be in");
    }
    if (const auto restored = listener.restore_path(); !restored) {
        return refuse(
            notice, restored.error().value(), asked,
            "the path cannot be led back to the pool's socket: " + restored.error().message());
    }
    std::vector<std::string_view> differences;
    if (choice.fit == os::Fit::narrower) differences.push_back("narrower");
    if (choice.fit == os::Fit::wider) differences.push_back("wider");
    if (choice.other_family) differences.push_back("family");
    if (target.domain == AF_INET6 && !choice.other_family && target.v6only != choice.v6only) {
        differences.push_back("v6only");
    }
    if (target.protocol == IPPROTO_MPTCP) differences.push_back("mptcp");
    if (target.reuse_port) differences.push_back("reuse_port");
    // A flag that all holders of the socket share: who asks for it gets it, for all.
    if (target.nonblocking) {
        (void)os::set_nonblocking(listener.fd());
    } else if (os::is_nonblocking(listener.fd())) {
        differences.push_back("nonblocking");
    }
    const auto options = os::copy_options(target, listener.fd());
    for (const auto option : options.failed) differences.push_back(option);
    if (const auto done = notices_.replace(notice, listener.fd(), target.close_on_exec); !done) {
        if (done.error().value() == ENOENT) return;  // killed meanwhile
        return refuse(notice, done.error().value(), asked,
                      "its descriptor cannot be replaced: " + done.error().message());
    }
    (void)notices_.answer(notice, 0);

    const std::string& name = choice.socket->name;
    if (std::ranges::find(adopted_, name) == adopted_.end()) adopted_.push_back(name);
    if (told_ >= told_max) return;
    ++told_;
    LogLine line{core::LogLevel::info, "socket_adopted", {}, {}};
    line.message =
        text("bind to ", asked, " got the pool's socket ", name, " (", listener.address(), ")");
    if (!differences.empty()) line.message += "; it differs: " + joined(differences);
    if (!options.set.empty()) line.message += "; it took over " + joined(options.set);
    add(line, "asked", asked);
    add(line, "socket", name);
    add(line, "address", listener.address());
    add(line, "thread", notice.thread);
    add(line, "differences", joined(differences));
    add(line, "options", joined(options.set));
    tell_(std::move(line));
}

void Adoption::refuse(const os::BindNotice& notice, int error, const std::string& asked,
                      const std::string& why) {
    (void)notices_.answer(notice, error);
    if (told_ >= told_max) return;
    ++told_;
    LogLine line{core::LogLevel::error, "bind_refused", {}, {}};
    line.message = text("bind to ", asked, " is refused: ", why);
    add(line, "asked", asked);
    add(line, "why", why);
    tell_(std::move(line));
}

/// The worker's own business; but where the pool's address was meant, somebody wants to know.
void Adoption::note_untouched(const std::string& asked) {
    if (untouched_.size() >= untouched_max ||
        std::ranges::find(untouched_, asked) != untouched_.end()) {
        return;
    }
    untouched_.push_back(asked);
    LogLine line{core::LogLevel::info, "bind_untouched", {}, {}};
    line.message = text("bind to ", asked, " is left to the kernel: no socket of the pool");
    add(line, "asked", asked);
    tell_(std::move(line));
}

void Adoption::restore_paths() {
    for (const Adoptable& socket : sockets_) (void)socket.listener->restore_path();
}

}  // namespace reeve::daemon
