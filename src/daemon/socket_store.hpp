// Where listening sockets come from: passed by the service manager, kept in its store, or opened.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/config.hpp"
#include "daemon/log.hpp"
#include "daemon/service.hpp"
#include "os/inherited.hpp"
#include "os/listener.hpp"

namespace reeve::daemon {

/// What opens the socket. Throws StartError (78) for an unknown owner; `place` names the option.
os::ListenAddress listen_address(const core::Listen& listen, const std::string& place);

/// Every socket that reeve opens is given into the service manager's store, and taken out before it
/// closes, so that the next reeve finds it open and nobody is refused in between.
class SocketStore {
public:
    /// Of what the manager passed, keeps what the configuration wants; the rest of its store goes.
    SocketStore(Service& service, Log& log, std::vector<os::InheritedFd> passed,
                const core::Config& config);
    SocketStore(const SocketStore&) = delete;
    SocketStore& operator=(const SocketStore&) = delete;

    /// The socket, wherever it comes from. Throws StartError (69 or 78); `place` as above. It must
    /// not outlive the store.
    std::shared_ptr<os::Listener> open(const std::string& pool, const core::Listen& listen,
                                       const std::string& place);

    /// Whether what is in the store stays there, for the reeve that comes next, when this one goes
    /// from now on. So it is until this is called: a start that fails leaves everything there.
    void leave_to_next(bool on);
    /// Takes everything out of the store, unless it was left there: the end.
    void empty();

private:
    struct Claim {
        core::Listen listen;
        os::Listener listener;
    };

    void claim(const std::string& pool, const core::Listen& listen);
    void drop_unclaimed();
    [[nodiscard]] os::Outcome<os::Listener> adopt(const core::Listen& listen) const;
    std::shared_ptr<os::Listener> share(std::string name, os::Listener& listener);
    void forget(const std::string& name);

    Service& service_;
    Log& log_;
    std::vector<os::InheritedFd> passed_;                      ///< by socket units
    std::vector<os::InheritedFd> stored_;                      ///< only while starting
    std::vector<Claim> claims_;                                ///< not opened yet
    std::map<std::string, std::weak_ptr<os::Listener>> kept_;  ///< in the store, by name there
    bool left_to_next_ = true;
};

}  // namespace reeve::daemon
