// The seccomp program: two calls are asked about, everything else passes at its usual speed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>

namespace reeve::os {

/// How the kernel names an architecture and its calls.
struct Abi {
    std::uint32_t arch;  ///< linux/audit.h
    std::uint32_t bind;
    std::uint32_t listen;
};

constexpr Abi x86_64{AUDIT_ARCH_X86_64, 49, 50};
constexpr Abi aarch64{AUDIT_ARCH_AARCH64, 200, 201};

using BindProgram = std::array<sock_filter, 10>;

/// Foreign calls (32-bit, x32) pass untouched: their numbers mean other things. So does the bind of
/// every getaddrinfo, which is of a netlink socket.
constexpr BindProgram bind_program(Abi abi) noexcept {
    // Numbers from here on are x32's, whose calls look like ours. No other architecture comes near.
    constexpr std::uint32_t foreign_from = 0x40000000;
    constexpr std::uint32_t low_half = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 4;
    constexpr auto size_of_address =
        static_cast<std::uint32_t>(offsetof(seccomp_data, args)) + 2 * 8 + low_half;
    return {{
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, arch)},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 6, abi.arch},  // else: allow
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
        {BPF_JMP | BPF_JGE | BPF_K, 4, 0, foreign_from},
        {BPF_JMP | BPF_JEQ | BPF_K, 4, 0, abi.listen},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 2, abi.bind},
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, size_of_address},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, sizeof(sockaddr_nl)},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF},
    }};
}

}  // namespace reeve::os
