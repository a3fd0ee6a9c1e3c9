// A child installs the filter, becomes the worker's user and binds; we do what we do for workers.
#include "os/bind_probe.hpp"

#include <csignal>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/bind_filter.hpp"
#include "os/bind_target.hpp"
#include "os/spawn_child.hpp"

namespace reeve::os {
namespace {

constexpr int patience_ms = 10'000;  // of a machine that is out of breath

/// What the child sends instead of its descriptor.
struct ChildFailure {
    std::int32_t error = 0;
};

/// No memory may be allocated here, and libc's own setuid would not do.
[[noreturn]] void run_probe(int channel, int failures, const Credentials* who) noexcept {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ChildFailure failure{install_bind_filter(channel)};
    if (failure.error == 0) {
        if (who != nullptr && change_user(*who)) {
            failure.error = errno;
        } else {
            const sockaddr_in nowhere{AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
            const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            if (fd < 0 ||
                ::bind(fd, reinterpret_cast<const sockaddr*>(&nowhere), sizeof nowhere) != 0) {
                failure.error = errno;
            }
        }
    }
    static_cast<void>(::write(failures, &failure, sizeof failure));
    ::_exit(failure.error == 0 ? 0 : 1);
}

Failure missing(std::string_view what, int error, std::string hint) {
    return {"handoff: adopt: " + std::string{what}, error, std::move(hint)};
}

constexpr const char* kernel_hint = "needs Linux 5.19 or newer with seccomp user notification";
constexpr const char* memory_hint =
    "run reeve as the workers' user, or with CAP_SYS_PTRACE, and where the system lets it look "
    "into their processes (kernel.yama.ptrace_scope)";

Failure install_failure(int error) {
    if (error == EBUSY) {
        return missing("install the filter", error,
                       "whoever started reeve watches its system calls in the same way, and a "
                       "process can be watched by one only");
    }
    return missing("install the filter", error, kernel_hint);
}

bool wait_readable(int fd) noexcept {
    pollfd asked{fd, POLLIN, 0};
    int count = -1;
    do {
        count = ::poll(&asked, 1, patience_ms);
    } while (count < 0 && errno == EINTR);
    return count == 1;
}

/// The errno that the child ends with, 0 = it did what it was to do.
int told(const Fd& failures) noexcept {
    ChildFailure failure;
    const auto into = std::as_writable_bytes(std::span{&failure, 1});
    if (!wait_readable(failures.get())) {
        return ETIMEDOUT;
    }
    const auto size = read_some(failures.get(), into);
    return size && *size == sizeof failure ? failure.error : EPIPE;
}

/// What is done for a worker's bind.
Outcome<void> answer_bind(const BindNotices& notices, const Fd& other, const Fd& failures) {
    if (!wait_readable(notices.fd())) {
        return missing("wait for a bind", ETIMEDOUT, {});
    }
    const auto notice = notices.next();
    if (!notice && notice.error().value() == EPIPE) {
        return missing("become the workers' user", told(failures), {});
    }
    if (!notice || !*notice) {
        return missing("receive a bind", notice ? EPIPE : notice.error().value(), kernel_hint);
    }
    if (const auto address = read_address(**notice); !address) {
        return missing("read a worker's memory", address.error().value(), memory_hint);
    }
    if (const auto target = look_at_target(**notice); !target) {
        return missing("look at a worker's sockets", target.error().value(), memory_hint);
    }
    if (const auto done = notices.replace(**notice, other.get(), true); !done) {
        return missing("replace a worker's socket", done.error().value(), kernel_hint);
    }
    if (const auto done = notices.answer(**notice, 0); !done) {
        return missing("answer a bind", done.error().value(), kernel_hint);
    }
    return {};
}

Outcome<void> watch_child(const Fd& channel, const Fd& failures) {
    if (!wait_readable(channel.get())) {
        return missing("wait for the filter", ETIMEDOUT, {});
    }
    auto received = receive_notices(channel.get());
    if (!received || !*received) {
        return install_failure(told(failures));
    }
    const BindNotices notices{std::move(**received)};
    const Fd other{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (const auto done = answer_bind(notices, other, failures); !done) {
        return done.error();
    }
    if (const int error = told(failures); error != 0) {
        return missing("try a bind", error, kernel_hint);
    }
    return {};
}

}  // namespace

Outcome<void> probe_bind_filter(const Credentials* who) {
    auto channel = make_notice_channel();
    auto failures = make_pipe();
    if (!channel || !failures) {
        return missing("prepare", channel ? failures.error().value() : channel.error().value(), {});
    }
    const pid_t child = ::fork();
    if (child == 0) {
        channel->ours.reset();
        run_probe(channel->theirs.get(), failures->writer.get(), ::geteuid() == 0 ? who : nullptr);
    }
    if (child < 0) {
        return missing("fork", errno, {});
    }
    channel->theirs.reset();
    failures->writer.reset();
    auto result = watch_child(channel->ours, failures->reader);
    if (!result) {
        ::kill(child, SIGKILL);
    }
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
    return result;
}

}  // namespace reeve::os
