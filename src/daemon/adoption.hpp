// handoff: adopt: answers one worker's bind and listen with the sockets of its pool.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.hpp"
#include "daemon/inbox.hpp"
#include "daemon/log.hpp"
#include "daemon/loop.hpp"
#include "os/bind_address.hpp"
#include "os/bind_filter.hpp"
#include "os/bind_notice.hpp"
#include "os/bind_target.hpp"
#include "os/listener.hpp"

namespace reeve::daemon {

/// One socket that a worker may get.
struct Adoptable {
    std::string name;
    std::shared_ptr<const os::Listener> listener;
};

class Adoption {
public:
    /// Puts the worker's name into a line and writes it.
    using Tell = std::function<void(LogLine)>;

    /// `channel`: NoticeChannel::ours.
    Adoption(Inbox& inbox, core::Incarnation incarnation, os::Fd channel,
             std::vector<Adoptable> sockets, Tell tell);

    /// Throws std::system_error when the kernel will not watch one more descriptor.
    void start(Loop& loop);

    /// Unix paths that the worker unlinked lead to the pool's sockets again.
    void restore_paths();

    /// Names of the sockets that it has adopted, each once, in that order.
    [[nodiscard]] const std::vector<std::string>& adopted() const noexcept { return adopted_; }

private:
    struct Choice;
    void receive();
    void watch();
    void serve();
    void handle(const os::BindNotice& notice);
    void on_listen(const os::BindNotice& notice);
    void on_bind(const os::BindNotice& notice);
    void adopt(const os::BindNotice& notice, const os::BindTarget& target, const Choice& choice,
               const std::string& asked);
    void refuse(const os::BindNotice& notice, int error, const std::string& asked,
                const std::string& why);
    void note_untouched(const std::string& asked);
    [[nodiscard]] const Adoptable* holder_of(ino_t inode) const;
    [[nodiscard]] Choice choose(const os::BindNotice& notice, const os::BindAddress& asked,
                                const os::BindTarget& target) const;

    Inbox& inbox_;
    core::Incarnation incarnation_;
    os::Fd channel_;
    os::BindNotices notices_;
    std::vector<Adoptable> sockets_;
    std::vector<std::string> adopted_;
    std::vector<std::string> untouched_;  ///< told once each
    Tell tell_;
    Loop* loop_ = nullptr;
    Watch watch_;
    Timer pause_;
    core::Time window_{};
    int served_ = 0;  ///< since then
    std::size_t told_ = 0;
    bool distrusted_ = false;
};

}  // namespace reeve::daemon
