// Which calls are asked about, on every architecture: the seccomp program in a small interpreter.
#include <cstring>
#include <linux/audit.h>
#include <linux/seccomp.h>

#include <doctest/doctest.h>

#include "os/bind_program.hpp"

namespace {

using reeve::os::Abi;

std::uint32_t run(const reeve::os::BindProgram& program, const seccomp_data& call) {
    std::uint32_t accumulator = 0;
    for (std::size_t at = 0; at < program.size(); ++at) {
        const sock_filter& step = program[at];
        const bool takes = (step.code == (BPF_JMP | BPF_JEQ | BPF_K) && accumulator == step.k) ||
                           (step.code == (BPF_JMP | BPF_JGE | BPF_K) && accumulator >= step.k);
        switch (BPF_CLASS(step.code)) {
            case BPF_LD:
                REQUIRE(step.k + sizeof accumulator <= sizeof call);
                std::memcpy(&accumulator, reinterpret_cast<const char*>(&call) + step.k,
                            sizeof accumulator);
                break;
            case BPF_JMP: at += takes ? step.jt : step.jf; break;
            case BPF_RET: return step.k;
            default: FAIL("an instruction of another class");
        }
    }
    FAIL("the program runs off its end");
    return 0;
}

bool is_asked(Abi abi, std::uint32_t arch, std::uint32_t number, std::uint64_t third = 16) {
    seccomp_data call{};
    call.arch = arch;
    call.nr = static_cast<int>(number);
    call.args[2] = third;
    const std::uint32_t verdict = run(reeve::os::bind_program(abi), call);
    REQUIRE((verdict == SECCOMP_RET_ALLOW || verdict == SECCOMP_RET_USER_NOTIF));
    return verdict == SECCOMP_RET_USER_NOTIF;
}

TEST_CASE("a bind or a listen would pass unseen, or any other call be held up") {
    for (const Abi abi : {reeve::os::x86_64, reeve::os::aarch64}) {
        CAPTURE(abi.arch);
        for (std::uint32_t number = 0; number < 1024; ++number) {
            CAPTURE(number);
            CHECK(is_asked(abi, abi.arch, number) == (number == abi.bind || number == abi.listen));
        }
    }
}

TEST_CASE("a name look-up would wait for reeve: its netlink bind is told by its size") {
    for (const Abi abi : {reeve::os::x86_64, reeve::os::aarch64}) {
        CHECK_FALSE(is_asked(abi, abi.arch, abi.bind, 12));
        CHECK(is_asked(abi, abi.arch, abi.listen, 12));
        CHECK(is_asked(abi, abi.arch, abi.bind, 110));
        CHECK(is_asked(abi, abi.arch, abi.bind, (std::uint64_t{7} << 32U) | 16));
    }
}

TEST_CASE("a 32-bit program's calls would be taken for others of the same number") {
    constexpr std::uint32_t x32 = 0x40000000;
    CHECK_FALSE(is_asked(reeve::os::x86_64, AUDIT_ARCH_I386, reeve::os::x86_64.bind));
    CHECK_FALSE(is_asked(reeve::os::x86_64, AUDIT_ARCH_X86_64, x32 + reeve::os::x86_64.bind));
    CHECK_FALSE(is_asked(reeve::os::aarch64, AUDIT_ARCH_ARM, reeve::os::aarch64.bind));
    CHECK_FALSE(is_asked(reeve::os::aarch64, AUDIT_ARCH_X86_64, reeve::os::aarch64.bind));
}

}  // namespace
