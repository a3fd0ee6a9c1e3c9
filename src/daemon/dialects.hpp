// What a worker says in the protocols of others: sd_notify, a line on a pipe, einhorn.
#pragma once

#include <cstdint>
#include <optional>
#include <sys/types.h>

#include "core/ids.hpp"
#include "daemon/einhorn_socket.hpp"
#include "daemon/inbox.hpp"
#include "daemon/loop.hpp"
#include "daemon/ready_dialer.hpp"
#include "daemon/said.hpp"
#include "os/notify_socket.hpp"

namespace reeve::daemon {

class Dialects {
public:
    struct Parts {
        os::NotifySocket notify;  ///< empty where none was offered
        uid_t uid = 0;            ///< whom the worker was started as
        os::Fd ready_pipe;        ///< a line on it says that it is ready
        std::optional<os::Listener> einhorn;
        os::Fd einhorn_own;  ///< our end of the connection that it inherits
        std::optional<ReadyQuestion> question;
    };

    Dialects(Inbox& inbox, core::Incarnation incarnation, pid_t pid, Parts parts);

    Dialects(const Dialects&) = delete;
    Dialects& operator=(const Dialects&) = delete;

    /// Throws std::system_error when the kernel will not watch one more descriptor.
    void start(Loop& loop);
    /// Asks whether it is ready; false where there is nothing to ask.
    bool ask();
    /// Everything that was said and not read yet.
    void drain();
    /// It floods: nothing is listened to any more.
    void ignore();

    [[nodiscard]] const SaidOfItself& said() const noexcept { return said_; }

private:
    void read_notify(int at_most);
    void read_ready_pipe();
    void on_einhorn(EinhornWord word);
    [[nodiscard]] bool is_own(const os::Sender& sender) const;
    void take(const os::NotifyMessage& message);

    Inbox& inbox_;
    core::Incarnation incarnation_{};
    pid_t pid_ = 0;
    uid_t uid_ = 0;
    os::NotifySocket notify_;
    os::Fd ready_pipe_;
    std::optional<EinhornSocket> einhorn_;
    std::optional<ReadyDialer> dialer_;
    SaidOfItself said_;
    Loop* loop_ = nullptr;
    Watch notify_watch_;
    Watch ready_watch_;
};

}  // namespace reeve::daemon
