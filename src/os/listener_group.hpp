// Several listening sockets at one TCP address, and a program that says which of them take part.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "os/listener.hpp"

namespace reeve::os {

/// An SO_REUSEPORT group. New connections go, evenly and at random, to the members that were named
/// last; what waits in the others' queues stays there. The program is classic BPF, which needs no
/// privilege (SO_ATTACH_REUSEPORT_CBPF).
///
/// The kernel numbers the members in the order in which they began to listen, moves the last one
/// into the gap when one ends, and takes an answer beyond the last for none at all. So members are
/// made in order, never removed, and it is remembered at which position the kernel has each.
class ListenerGroup {
public:
    /// With more, the program may be more than the system takes (net.core.optmem_max).
    static constexpr std::size_t targets_max = 512;

    /// At least one member. Fails where anybody listens there already. Where the kernel picks the
    /// port, all members have that port.
    [[nodiscard]] static Outcome<ListenerGroup> open(const TcpAddress& address, int backlog,
                                                     std::size_t members);

    /// Makes more members, so that there are that many; the reason where that fails.
    [[nodiscard]] std::optional<Failure> grow(std::size_t members);

    [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }
    [[nodiscard]] const std::shared_ptr<Listener>& member(std::size_t index) const {
        return members_[index];
    }
    [[nodiscard]] std::uint16_t port() const noexcept { return address_.port; }

    /// From now on new connections go to these members only; at least one, all below size(), at
    /// most targets_max. EINVAL otherwise.
    [[nodiscard]] Result<void> steer(std::span<const std::size_t> members);

    /// What mend() found.
    struct Mended {
        std::size_t ended = 0;    ///< members that had been shut down, and listen again
        bool made_anew = false;   ///< their order was unknown: all were shut down
        std::uint32_t reset = 0;  ///< connections that waited in members which were well
    };
    /// Any holder of a member can shut it down, which changes the kernel's numbers. To be called
    /// often: of one that ended since the last time the new numbers are known; where it is more,
    /// all members are shut down and listen again in order. Steers again.
    [[nodiscard]] Result<Mended> mend();

    /// As of one listener, for all members, also those that are made later.
    [[nodiscard]] Result<void> refuse_new_connections() noexcept;
    [[nodiscard]] Result<void> accept_new_connections() noexcept;
    /// The sum; the limit is that of the members that new connections go to.
    [[nodiscard]] Result<AcceptQueue> queue_length() const noexcept;
    void close() noexcept;

private:
    Result<void> attach() noexcept;

    TcpAddress address_;
    int backlog_ = 0;
    std::vector<std::shared_ptr<Listener>> members_;
    std::vector<std::size_t> order_;    ///< by the kernel's number: the member
    std::vector<std::size_t> targets_;  ///< members
    bool refusing_ = false;
};

}  // namespace reeve::os
