// Runs a program to its end and keeps what it says.
#include "os/capture.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <poll.h>

#include "os/clock.hpp"
#include "os/process.hpp"
#include "os/spawn.hpp"

namespace reeve::os {

namespace {

/// One stream of the child.
struct Stream {
    Fd fd;
    std::string* into = nullptr;
    std::size_t max = 0;

    /// Whether more came than there is room for.
    bool read() {
        std::array<std::byte, 16384> buffer;
        const auto count = read_some(fd.get(), buffer);
        if (!count || *count == 0) {
            fd.reset();
            return false;
        }
        const auto room = max - into->size();
        into->append(reinterpret_cast<const char*>(buffer.data()), std::min(*count, room));
        return *count > room;
    }
};

int milliseconds_until(core::Time deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now()).count();
    return static_cast<int>(std::clamp<long long>(left, 0, 60'000));
}

/// Reads both streams until the child has exited; what then still holds them is not waited for.
Captured::End read_all(const Child& child, Stream& output, Stream& errors, core::Time deadline) {
    for (;;) {
        std::array<pollfd, 3> watched{{{child.pidfd(), POLLIN, 0},
                                       {output.fd.get(), POLLIN, 0},
                                       {errors.fd.get(), POLLIN, 0}}};
        (void)::poll(watched.data(), watched.size(), milliseconds_until(deadline));
        if (watched[1].revents != 0 && output.read()) return Captured::End::too_much;
        if (watched[2].revents != 0) (void)errors.read();
        const bool quiet = watched[1].revents == 0 && watched[2].revents == 0;
        if (watched[0].revents != 0 && quiet) return Captured::End::exited;
        if (now() >= deadline) return Captured::End::too_late;
    }
}

}  // namespace

Outcome<Captured> capture(const CaptureRequest& request) {
    const std::string name = request.argv.empty() ? "" : request.argv.front();
    auto output_pipe = make_pipe();
    auto errors_pipe = make_pipe();
    if (!output_pipe || !errors_pipe) return Failure{name, errno};
    SpawnRequest spawn_request;
    spawn_request.argv = request.argv;
    spawn_request.env = request.env;
    spawn_request.cwd = request.cwd;
    spawn_request.standard_output = output_pipe->writer.get();
    spawn_request.standard_error = errors_pipe->writer.get();
    spawn_request.parent_death_signal = SIGKILL;
    auto spawned = spawn(std::move(spawn_request));
    if (!spawned) return Failure{spawned.error().text, 0};
    output_pipe->writer.reset();
    errors_pipe->writer.reset();

    Captured out;
    Stream output{std::move(output_pipe->reader), &out.output, request.output_max};
    Stream errors{std::move(errors_pipe->reader), &out.errors, request.errors_max};
    auto& child = spawned->child;
    out.end = read_all(child, output, errors, now() + request.within);
    if (out.end != Captured::End::exited) {
        (void)signal_tree(child, SIGKILL);
        pollfd gone{child.pidfd(), POLLIN, 0};
        while (::poll(&gone, 1, -1) < 0) {
        }
    }
    // What it left in its group must not outlive it.
    (void)child.signal_group(SIGKILL);
    if (const auto departure = child.reap()) out.status = departure->status;
    const auto failed = spawned->exec.read();
    if (failed && failed->has_error()) return Failure{failed->error().text, 0};
    return out;
}

}  // namespace reeve::os
