// What each generation of each pool is started as: configuration, identity and sockets.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/action.hpp"
#include "core/config.hpp"
#include "core/ids.hpp"
#include "daemon/environment.hpp"
#include "daemon/sockets.hpp"

namespace reeve::daemon {

/// A pool's configuration made ready to start workers from.
struct Edition {
    core::PoolConfig config;
    PoolIdentity identity;
    PoolSockets sockets;
    std::uint64_t env_file_hash = 0;  ///< of its contents when it was read; 0 = none
};

class Editions {
public:
    /// Makes ready what can fail: users, groups, sockets. Throws StartError.
    static std::shared_ptr<const Edition> make(const core::PoolConfig& pool, Sockets& sockets,
                                               const os::ResourceLimit& own_nofile);

    /// From here on that generation can be asked for. The first of a pool is in force.
    void add(core::PoolIndex pool, core::Generation generation,
             std::shared_ptr<const Edition> edition);
    /// It is the one in force; connections to what it does not listen on any more are refused.
    void keep(core::PoolIndex pool, core::Generation generation);
    /// Its sockets close, where no other edition has them.
    void end(core::PoolIndex pool, core::Generation generation);
    /// Lets new connections go to these places, of each socket to workers that have it. What went
    /// wrong.
    std::vector<std::string> steer(const core::Steer& wanted) const;
    /// Sockets that somebody shut down listen again. What was found.
    std::vector<std::string> mend(core::PoolIndex pool) const;
    /// Connections that wait at each side of a seat.
    [[nodiscard]] std::array<std::uint32_t, 2> waiting(core::Seat seat) const;
    /// The pool leaves: connections to what only it listens on are refused.
    void refuse(core::PoolIndex pool);

    [[nodiscard]] const Edition& of(core::PoolIndex pool, core::Generation generation) const;
    [[nodiscard]] const Edition& in_force(core::PoolIndex pool) const;
    [[nodiscard]] const std::string& name(core::PoolIndex pool) const;

private:
    struct Entry {
        std::string name;
        std::uint64_t in_force = 0;
        std::shared_ptr<const Edition> last;  ///< what was in force when all had ended
        std::map<std::uint64_t, std::shared_ptr<const Edition>> generations;
        bool leaves = false;
    };
    [[nodiscard]] bool is_wanted(const std::shared_ptr<os::Listener>& listener) const;
    void refuse_unwanted(const Entry& entry) const;
    [[nodiscard]] std::vector<NamedListener> groups(core::PoolIndex pool) const;

    std::vector<Entry> entries_;
};

/// Of the file's contents; 0 where it cannot be read or there is none.
std::uint64_t hash_of_file(const std::string& path);

}  // namespace reeve::daemon
