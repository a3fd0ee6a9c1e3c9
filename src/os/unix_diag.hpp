// What the kernel's socket diagnosis knows of a Unix socket, one attribute at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <sys/types.h>

#include "os/result.hpp"

namespace reeve::os {

/// Asks for what `show` (UDIAG_SHOW_*) selects of the socket with that inode, and fills `value`
/// with the attribute of that type (UNIX_DIAG_*). ENODATA where the answer does not have it.
[[nodiscard]] Result<void> ask_unix_diag(ino_t inode, std::uint32_t show, std::uint16_t attribute,
                                         std::span<std::byte> value) noexcept;

/// The same for an attribute that is one struct.
template <typename Value>
[[nodiscard]] Result<Value> unix_diag(ino_t inode, std::uint32_t show,
                                      std::uint16_t attribute) noexcept {
    Value value{};
    const auto done =
        ask_unix_diag(inode, show, attribute, std::as_writable_bytes(std::span{&value, 1}));
    if (!done) return done.error();
    return value;
}

}  // namespace reeve::os
