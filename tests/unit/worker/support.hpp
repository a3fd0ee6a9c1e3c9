// A supervisor for one worker in the same process: the other ends of its pipe and its channel.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <reeve/protocol.h>
#include <reeve/worker.h>

namespace unit {

/// A descriptor that is closed when it goes.
class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int number) : number_(number) {}
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~Descriptor() { reset(); }
    [[nodiscard]] int get() const { return number_; }
    int release() { return std::exchange(number_, -1); }
    void reset() {
        if (number_ >= 0) close(std::exchange(number_, -1));
    }

private:
    int number_ = -1;
};

/// How the worker's end of the heartbeat pipe is opened; reeve opens it for both.
enum class Writer { both_ways, write_only };

/// Sets up the environment and both ends; `open()` is the worker's start. The worker's ends belong
/// to the worker once it is open.
class Supervisor {
public:
    explicit Supervisor(Writer writer = Writer::both_ways) {
        forget_environment();
        std::array<int, 2> ends{};
        REQUIRE(pipe2(ends.data(), O_DIRECT | O_NONBLOCK | O_CLOEXEC) == 0);
        beats_ = Descriptor{ends[0]};
        worker_heartbeat_ = Descriptor{ends[1]};
        if (writer == Writer::both_ways) {
            const auto path = "/proc/self/fd/" + std::to_string(ends[1]);
            worker_heartbeat_ = Descriptor{::open(path.c_str(), O_RDWR | O_NONBLOCK)};
            REQUIRE(fcntl(worker_heartbeat_.get(), F_SETFL, O_DIRECT | O_NONBLOCK) == 0);
        }
        REQUIRE(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0);
        control_ = Descriptor{ends[0]};
        worker_control_ = Descriptor{ends[1]};
        set("REEVE_PROTOCOL", "1");
        set("REEVE_HEARTBEAT_FD", std::to_string(worker_heartbeat_.get()));
        set("REEVE_CONTROL_FD", std::to_string(worker_control_.get()));
        set("REEVE_BEAT_INTERVAL", "60000");
    }
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;
    ~Supervisor() {
        reeve_worker_close(worker_);
        forget_environment();
    }

    static void set(const char* name, const std::string& value) { setenv(name, value.c_str(), 1); }

    static void forget_environment() {
        for (const char* name :
             {"REEVE_PROTOCOL", "REEVE_CONTROL_FD", "REEVE_HEARTBEAT_FD", "REEVE_BEAT_INTERVAL",
              "REEVE_QUOTA", "REEVE_POOL", "REEVE_SLOT", "REEVE_ACCESS_LOG",
              "REEVE_ACCESS_LOG_FORMAT", "REEVE_SLOW_REQUEST", "LISTEN_FDS", "LISTEN_PID",
              "LISTEN_FDNAMES"}) {
            unsetenv(name);
        }
    }

    reeve_worker* open(unsigned flags = REEVE_WORKER_DRAINS) {
        REQUIRE(reeve_worker_open(&worker_, flags) == REEVE_WORKER_OK);
        worker_heartbeat_.release();
        worker_control_.release();
        return worker_;
    }

    /// All beats that wait in the pipe.
    [[nodiscard]] std::vector<reeve_beat> beats() const {
        std::vector<reeve_beat> found;
        reeve_beat beat{};
        ssize_t got = 0;
        while ((got = read(beats_.get(), &beat, sizeof beat)) > 0) {
            REQUIRE(got == static_cast<ssize_t>(sizeof beat));
            found.push_back(beat);
        }
        return found;
    }

    /// The one beat that waits in the pipe.
    [[nodiscard]] reeve_beat beat() const {
        const auto found = beats();
        REQUIRE(found.size() == 1);
        return found.front();
    }

    /// The next message of the worker; empty when there is none.
    [[nodiscard]] std::vector<unsigned char> message() const {
        std::vector<unsigned char> bytes(REEVE_CONTROL_SIZE_MAX);
        const auto got = recv(control_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
        bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return bytes;
    }

    template <typename Message>
    [[nodiscard]] Message message_as() const {
        const auto bytes = message();
        Message message{};
        REQUIRE(bytes.size() == sizeof message);
        std::memcpy(&message, bytes.data(), sizeof message);
        return message;
    }

    void send_bytes(const void* bytes, std::size_t size, const std::vector<int>& fds = {}) const {
        iovec part{const_cast<void*>(bytes), size};
        std::vector<char> space(CMSG_SPACE(sizeof(int) * fds.size()));
        msghdr header{};
        header.msg_iov = &part;
        header.msg_iovlen = 1;
        if (!fds.empty()) {
            header.msg_control = space.data();
            header.msg_controllen = space.size();
            cmsghdr* rights = CMSG_FIRSTHDR(&header);
            rights->cmsg_level = SOL_SOCKET;
            rights->cmsg_type = SCM_RIGHTS;
            rights->cmsg_len = CMSG_LEN(sizeof(int) * fds.size());
            std::memcpy(CMSG_DATA(rights), fds.data(), sizeof(int) * fds.size());
        }
        REQUIRE(sendmsg(control_.get(), &header, MSG_NOSIGNAL) == static_cast<ssize_t>(size));
    }

    /// `names`: NUL-terminated, one after the other. `claimed`: sockets that the message speaks of.
    void send_welcome(const std::vector<int>& fds, const std::string& names, std::size_t claimed,
                      std::uint32_t flags = 0) const {
        reeve_welcome welcome{};
        const auto size = sizeof welcome + names.size();
        welcome.header = {REEVE_CONTROL_MAGIC, REEVE_PROTOCOL_VERSION, REEVE_WELCOME,
                          static_cast<std::uint32_t>(size)};
        welcome.flags = flags;
        welcome.sockets = static_cast<std::uint32_t>(claimed);
        welcome.names_size = static_cast<std::uint32_t>(names.size());
        std::vector<char> bytes(size);
        std::memcpy(bytes.data(), &welcome, sizeof welcome);
        std::memcpy(bytes.data() + sizeof welcome, names.data(), names.size());
        send_bytes(bytes.data(), bytes.size(), fds);
    }

    void send_drain(std::uint32_t deadline_ms) const {
        const reeve_drain drain{
            {REEVE_CONTROL_MAGIC, REEVE_PROTOCOL_VERSION, REEVE_DRAIN, sizeof(reeve_drain)},
            deadline_ms};
        send_bytes(&drain, sizeof drain);
    }

    /// What a SIGKILL of reeve looks like from the worker.
    void die() {
        beats_.reset();
        control_.reset();
    }

private:
    Descriptor beats_;
    Descriptor control_;
    Descriptor worker_heartbeat_;
    Descriptor worker_control_;
    reeve_worker* worker_ = nullptr;
};

inline bool is_cloexec(int fd) { return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }

}  // namespace unit
