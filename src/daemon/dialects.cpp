// Turns what was said in foreign protocols into facts for the core.
#include "daemon/dialects.hpp"

#include <algorithm>
#include <array>
#include <unistd.h>
#include <utility>

#include "daemon/utf8.hpp"
#include "os/process.hpp"

namespace reeve::daemon {
namespace {

/// One worker's share of a turn.
constexpr int datagrams_a_turn = 4;
/// More than a socket's queue usually holds: enough to empty it at the end.
constexpr int datagrams_at_exit = 32;
constexpr std::size_t ready_bytes_a_turn = 512;

/// One line that a terminal can show.
std::string for_people(std::string text) {
    std::replace_if(
        text.begin(), text.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
    return valid_utf8(text);
}

}  // namespace

Dialects::Dialects(Inbox& inbox, core::Incarnation incarnation, pid_t pid, Parts parts)
    : inbox_(inbox),
      incarnation_(incarnation),
      pid_(pid),
      uid_(parts.uid),
      notify_(std::move(parts.notify)),
      ready_pipe_(std::move(parts.ready_pipe)) {
    if (parts.einhorn) {
        einhorn_.emplace(std::move(*parts.einhorn), std::move(parts.einhorn_own),
                         [this](EinhornWord word) { on_einhorn(word); });
    }
    if (parts.question) {
        dialer_.emplace(std::move(*parts.question), [this] {
            inbox_.put(core::SaidReady{incarnation_, core::ReadySign::probe});
        });
    }
}

void Dialects::start(Loop& loop) {
    loop_ = &loop;
    if (ready_pipe_) {
        ready_watch_ = loop.on_readable(ready_pipe_.get(), [this] { read_ready_pipe(); });
    }
    if (einhorn_) einhorn_->start(loop);
    if (notify_) {
        notify_watch_ = loop.on_readable(notify_.fd(), [this] { read_notify(datagrams_a_turn); });
    }
}

bool Dialects::ask() {
    if (!dialer_) return false;
    dialer_->attempt(*loop_);
    return true;
}

void Dialects::drain() {
    read_notify(datagrams_at_exit);
    read_ready_pipe();
    if (einhorn_) einhorn_->drain();
}

/// What stands before the newline does not matter, nor does what comes after.
void Dialects::read_ready_pipe() {
    if (!ready_pipe_) return;
    std::array<std::byte, ready_bytes_a_turn> buffer{};
    const auto count = os::read_some(ready_pipe_.get(), buffer);
    if (!count && os::would_block(count.error())) return;
    const bool ended = !count || *count == 0;
    const auto end = buffer.begin() + static_cast<std::ptrdiff_t>(ended ? 0 : *count);
    const bool line = std::find(buffer.begin(), end, std::byte{'\n'}) != end;
    if (line) inbox_.put(core::SaidReady{incarnation_, core::ReadySign::newline});
    if (!line && !ended) return;
    ready_watch_.stop();
    ready_pipe_.reset();
}

/// An acknowledgement is einhorn's own word, so it counts as the worker's.
void Dialects::on_einhorn(EinhornWord word) {
    switch (word) {
        case EinhornWord::ack: inbox_.put(core::SaidReady{incarnation_}); return;
        case EinhornWord::ping:
            inbox_.put(core::Notified{.incarnation = incarnation_, .alive = true});
            return;
        case EinhornWord::other: return;
        case EinhornWord::garbage:
            inbox_.put(core::Garbage{incarnation_, core::Garbage::Channel::einhorn, 1});
            return;
    }
}

void Dialects::ignore() {
    einhorn_.reset();
    notify_watch_.stop();
    notify_.close();
}

/// The path is closed to others, unless a worker may change its user: then whoever runs on the
/// machine could send.
bool Dialects::is_own(const os::Sender& sender) const {
    if (sender.uid == uid_ || sender.uid == 0) return true;
    return sender.pid > 0 && ::getpgid(sender.pid) == pid_;
}

void Dialects::read_notify(int at_most) {
    core::Notified news{.incarnation = incarnation_, .messages = 0};
    std::uint64_t garbage = 0;
    bool ready = false;
    for (int i = 0; i < at_most && notify_; ++i) {
        const auto datagram = notify_.receive();
        if (!datagram) break;
        if (!datagram->message || !is_own(datagram->sender)) {
            ++garbage;
            continue;
        }
        const os::NotifyMessage& message = *datagram->message;
        ++news.messages;
        news.alive |= message.alive;
        news.hung |= message.trigger;
        news.stopping |= message.stopping;
        news.reloading |= message.reloading;
        news.extension = std::max(news.extension, message.extension);
        ready |= message.ready;
        take(message);
    }
    if (garbage != 0) {
        inbox_.put(core::Garbage{incarnation_, core::Garbage::Channel::notify, garbage});
    }
    if (news.messages != 0) inbox_.put(news);
    if (ready) inbox_.put(core::SaidReady{incarnation_, core::ReadySign::notify});
}

void Dialects::take(const os::NotifyMessage& message) {
    if (message.status) said_.status = for_people(*message.status);
    if (message.bus_error) said_.bus_error = for_people(*message.bus_error);
    if (message.error) said_.error = *message.error;
    if (!message.main_pid || *message.main_pid == said_.main_pid) return;
    const auto tree = os::tree_of(pid_);
    if (std::ranges::find(tree, *message.main_pid) != tree.end()) {
        said_.main_pid = *message.main_pid;
    }
}

}  // namespace reeve::daemon
