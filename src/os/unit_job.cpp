// The few D-Bus messages that it takes to learn of a job, without a D-Bus library.
#include "os/unit_job.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <poll.h>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

#include "os/clock.hpp"
#include "os/fd.hpp"

namespace reeve::os {
namespace {

constexpr std::size_t message_max = std::size_t{64} * 1024;
constexpr std::size_t fixed_header = 16;
constexpr char type_return = 2;
constexpr char type_error = 3;
constexpr std::string_view properties = "org.freedesktop.DBus.Properties";

std::size_t aligned(std::size_t at, std::size_t to) { return (at + to - 1) / to * to; }

/// Values one after the other, each at its alignment, in the byte order of this machine.
class Writer {
public:
    void byte(char value) { bytes_ += value; }
    void number(std::uint32_t value) {
        align(sizeof value);
        bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
    }
    void string(std::string_view text) {
        number(static_cast<std::uint32_t>(text.size()));
        bytes_.append(text).push_back('\0');
    }
    void signature(std::string_view text) {
        byte(static_cast<char>(text.size()));
        bytes_.append(text).push_back('\0');
    }
    void field(char code, std::string_view type, std::string_view value) {
        align(8);
        byte(code);
        signature(type);
        type == "g" ? signature(value) : string(value);
    }
    void align(std::size_t to) { bytes_.resize(aligned(bytes_.size(), to)); }
    [[nodiscard]] const std::string& bytes() const { return bytes_; }

private:
    std::string bytes_;
};

/// The same the other way; nothing where the bytes end too early.
class Reader {
public:
    explicit Reader(std::string_view bytes) : bytes_{bytes} {}
    std::optional<std::uint32_t> number() {
        at_ = aligned(at_, sizeof(std::uint32_t));
        if (bytes_.size() < at_ + sizeof(std::uint32_t)) return std::nullopt;
        std::uint32_t value = 0;
        std::memcpy(&value, bytes_.data() + at_, sizeof value);
        at_ += sizeof value;
        return value;
    }
    std::optional<std::string> string() {
        const auto size = number();
        if (!size || *size >= bytes_.size() || bytes_.size() - *size <= at_) return std::nullopt;
        const std::string_view text = bytes_.substr(at_, *size);
        at_ += *size + 1;
        return std::string{text};
    }
    /// Of a variant: its type.
    std::optional<std::string> signature() {
        if (at_ >= bytes_.size()) return std::nullopt;
        const auto size = static_cast<std::uint8_t>(bytes_[at_]);
        if (bytes_.size() <= at_ + 1 + size) return std::nullopt;
        const std::string_view text = bytes_.substr(at_ + 1, size);
        at_ += size + std::size_t{2};
        return std::string{text};
    }
    void align(std::size_t to) { at_ = aligned(at_, to); }

private:
    std::string_view bytes_;
    std::size_t at_ = 0;
};

struct Call {
    std::string path;
    std::string_view interface;
    std::string_view member;
    std::string_view types;
    std::string body;
};

Call get_property(std::string path, std::string_view interface, std::string_view name) {
    Writer body;
    body.string(interface);
    body.string(name);
    return {std::move(path), properties, "Get", "ss", body.bytes()};
}

std::string marshal(const Call& call, std::uint32_t serial) {
    Writer fields;
    // They begin at a multiple of 8 in the message, so their own alignment is right.
    fields.field(1, "o", call.path);
    fields.field(2, "s", call.interface);
    fields.field(3, "s", call.member);
    fields.field(6, "s", "org.freedesktop.systemd1");
    fields.field(8, "g", call.types);
    constexpr std::uint16_t one = 1;
    char low = 0;
    std::memcpy(&low, &one, sizeof low);
    Writer message;
    message.byte(low == 1 ? 'l' : 'B');
    message.byte(1);  // a method call
    message.byte(0);
    message.byte(1);  // version of the protocol
    message.number(static_cast<std::uint32_t>(call.body.size()));
    message.number(serial);
    message.number(static_cast<std::uint32_t>(fields.bytes().size()));
    std::string bytes = message.bytes() + fields.bytes();
    bytes.resize(aligned(bytes.size(), 8));
    return bytes + call.body;
}

class Connection {
public:
    Connection(Fd fd, core::Time until) : fd_{std::move(fd)}, until_{until} {}

    Result<void> send(std::string_view bytes) {
        while (!bytes.empty()) {
            if (const auto ready = wait(POLLOUT); !ready) return ready;
            const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0 && errno != EINTR && errno != EAGAIN) return last_error();
            bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
        }
        return {};
    }

    Result<void> fill(std::size_t size) {
        while (received_.size() < size) {
            if (const auto ready = wait(POLLIN); !ready) return ready;
            std::array<std::byte, 4096> buffer{};
            const auto count = read_some(fd_.get(), buffer);
            if (!count) return count.error();
            if (*count == 0) return make_error(ECONNRESET);
            received_.append(reinterpret_cast<const char*>(buffer.data()), *count);
        }
        return {};
    }

    Result<void> greet() {
        std::string uid;
        constexpr std::string_view digits = "0123456789abcdef";
        for (const char c : std::to_string(::geteuid())) {
            uid += digits[static_cast<std::size_t>(c) / 16];
            uid += digits[static_cast<std::size_t>(c) % 16];
        }
        // All at once: systemd overlooks a call that it reads together with BEGIN. The zero byte is
        // for the sake of systems that send credentials with it.
        const std::string hello = std::string(1, '\0') + "AUTH EXTERNAL " + uid + "\r\nBEGIN\r\n";
        if (const auto sent = send(hello); !sent) return sent;
        std::size_t end = 0;
        while ((end = received_.find("\r\n")) == std::string::npos) {
            if (received_.size() > message_max) return make_error(EPROTO);
            if (const auto more = fill(received_.size() + 1); !more) return more;
        }
        const bool good = received_.starts_with("OK");
        received_.erase(0, end + 2);
        if (!good) return make_error(EACCES);
        return {};
    }

    /// The body of the answer.
    Result<std::string> ask(const Call& call) {
        if (const auto sent = send(marshal(call, ++serial_)); !sent) return sent.error();
        for (;;) {
            if (const auto some = fill(fixed_header); !some) return some.error();
            std::array<std::uint32_t, 4> head{};
            std::memcpy(head.data(), received_.data(), sizeof head);
            if (head[1] > message_max || head[3] > message_max) return make_error(EPROTO);
            const char type = received_[1];
            const std::size_t begin = aligned(fixed_header + head[3], 8);
            if (const auto all = fill(begin + head[1]); !all) return all.error();
            std::string body = received_.substr(begin, head[1]);
            received_.erase(0, begin + head[1]);
            if (type == type_error) return make_error(ENOENT);
            if (type == type_return) return body;
        }
    }

private:
    [[nodiscard]] Result<void> wait(short events) const {
        for (;;) {
            const auto left =
                std::chrono::duration_cast<std::chrono::milliseconds>(until_ - now()).count();
            pollfd asked{fd_.get(), events, 0};
            const int ready = ::poll(&asked, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
            if (ready > 0) return {};
            if (ready == 0) return make_error(ETIMEDOUT);
            if (errno != EINTR) return last_error();
        }
    }

    Fd fd_;
    core::Time until_;
    std::string received_;
    std::uint32_t serial_ = 0;
};

}  // namespace

Result<std::string> own_unit_job(const std::string& socket, core::Duration patience) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (socket.size() >= sizeof to.sun_path) return make_error(ENAMETOOLONG);
    std::memcpy(to.sun_path, socket.data(), socket.size());
    Fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        return last_error();
    }
    Connection systemd{std::move(fd), now() + patience};
    if (const auto met = systemd.greet(); !met) return met.error();

    Writer pid;
    pid.number(static_cast<std::uint32_t>(::getpid()));
    const auto unit = systemd.ask({"/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                                   "GetUnitByPID", "u", pid.bytes()});
    if (!unit) return unit.error();
    const auto unit_path = Reader{*unit}.string();
    if (!unit_path) return make_error(EPROTO);

    const auto job = systemd.ask(get_property(*unit_path, "org.freedesktop.systemd1.Unit", "Job"));
    if (!job) return job.error();
    Reader job_value{*job};
    if (job_value.signature() != "(uo)") return make_error(EPROTO);
    job_value.align(8);
    const auto id = job_value.number();
    const auto job_path = job_value.string();
    if (!id || !job_path) return make_error(EPROTO);
    if (*id == 0) return std::string{};

    const auto type =
        systemd.ask(get_property(*job_path, "org.freedesktop.systemd1.Job", "JobType"));
    if (!type) return type.error();
    Reader type_value{*type};
    if (type_value.signature() != "s") return make_error(EPROTO);
    const auto name = type_value.string();
    if (!name) return make_error(EPROTO);
    return *name;
}

}  // namespace reeve::os
