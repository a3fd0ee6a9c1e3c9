// A worker's bind(2) and listen(2) as questions that wait for our answer.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <sys/socket.h>
#include <sys/types.h>

#include "os/fd.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// One call that does not return before it is answered. `thread` is the caller's.
struct BindNotice {
    enum class Call { bind, listen };
    std::uint64_t id = 0;
    pid_t thread = 0;
    Call call = Call::bind;
    int fd = -1;
    std::uint64_t address = 0;  ///< bind: where in the caller's memory
    std::uint32_t size = 0;     ///< bind: of the address
};

/// What a call was about can change while it is looked at: the number may become another
/// descriptor, the memory another address. So nothing here may decide over what somebody is
/// allowed to do; whoever cheats gets at most the socket that its pool has anyway.
class BindNotices {
public:
    BindNotices() noexcept = default;
    /// Takes what `receive_notices` gave. It becomes readable when somebody asks.
    explicit BindNotices(Fd fd) noexcept : fd_{std::move(fd)} {}

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
    void close() noexcept { fd_.reset(); }

    /// Never waits. nullopt: nobody asks. EPIPE: nobody is left who could.
    [[nodiscard]] Result<std::optional<BindNotice>> next() const noexcept;
    /// Whether the caller still waits, so that what was read of it was its own.
    [[nodiscard]] bool waits(const BindNotice& notice) const noexcept;

    /// The kernel carries the call out as if nobody had asked.
    Result<void> let_through(const BindNotice& notice) const noexcept;
    /// The call is not carried out and returns this errno, 0 = success.
    Result<void> answer(const BindNotice& notice, int error) const noexcept;
    /// Puts `fd` of ours in the place of the descriptor that the call was about. It still has to be
    /// answered.
    Result<void> replace(const BindNotice& notice, int fd, bool close_on_exec) const noexcept;

private:
    Fd fd_;
};

/// A socket address as it lay in the caller's memory.
struct AddressBytes {
    sockaddr_storage storage{};
    std::size_t size = 0;
};

/// EPERM: that memory may not be read. EFAULT: it is not there. EINVAL: no address is that long.
[[nodiscard]] Result<AddressBytes> read_address(const BindNotice& notice) noexcept;

}  // namespace reeve::os
