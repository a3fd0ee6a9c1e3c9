// The question for a unit's job: asked in systemd's own words, and never waited for too long.
#include <array>
#include <chrono>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <thread>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/unit_job.hpp"
#include "support.hpp"

using reeve::os::Fd;
using reeve::os::own_unit_job;
using reeve::os::testing::TempDirectory;

namespace {

using std::chrono::milliseconds;

/// Answers one conversation with these bytes, one piece for each thing that it hears.
class Systemd {
public:
    Systemd(const std::string& path, std::vector<std::string> answers)
        : listener_{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        std::memcpy(at.sun_path, path.data(), path.size());
        REQUIRE(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
        REQUIRE(::listen(listener_.get(), 1) == 0);
        thread_ = std::thread{[this, answers = std::move(answers)] { talk(answers); }};
    }
    Systemd(const Systemd&) = delete;
    Systemd& operator=(const Systemd&) = delete;
    ~Systemd() { thread_.join(); }

private:
    void talk(const std::vector<std::string>& answers) const {
        const Fd peer{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        std::array<char, 4096> heard{};
        for (const std::string& answer : answers) {
            if (::recv(peer.get(), heard.data(), heard.size(), 0) <= 0) return;
            static_cast<void>(::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL));
        }
        while (::recv(peer.get(), heard.data(), heard.size(), 0) > 0) {
        }
    }

    Fd listener_;
    std::thread thread_;
};

void add_number(std::string& bytes, std::uint32_t value) {
    bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string text(const std::string& value) {
    std::string bytes;
    add_number(bytes, static_cast<std::uint32_t>(value.size()));
    return bytes + value + '\0';
}

/// A method's return without header fields.
std::string message(const std::string& body, char type = 2) {
    std::string bytes{'l', type, 0, 1};
    add_number(bytes, static_cast<std::uint32_t>(body.size()));
    add_number(bytes, 7);
    add_number(bytes, 0);
    return bytes + body;
}

std::string job_of(std::uint32_t id, const std::string& path) {
    std::string body = std::string{"\4(uo)\0", 6} + std::string(2, '\0');
    add_number(body, id);
    return message(body + text(path));
}

}  // namespace

TEST_CASE("a restart would be taken for a stop, and its clients refused") {
    TempDirectory directory;
    const std::string path = directory.path / "private";
    const std::string type = std::string{"\1s\0\0", 4} + text("restart");
    const Systemd systemd{path,
                          {"OK 1234\r\n", message(text("/unit")),
                           message("", 4) + job_of(17, "/job/17"), message(type)}};
    CHECK(own_unit_job(path, milliseconds{5000}).value() == "restart");
}

TEST_CASE("a stop by hand would be taken for a restart") {
    TempDirectory directory;
    const std::string path = directory.path / "private";
    const Systemd systemd{path, {"OK 1234\r\n", message(text("/unit")), job_of(0, "/")}};
    CHECK(own_unit_job(path, milliseconds{5000}).value().empty());
}

TEST_CASE("a stop would hang, or end reeve, because of what systemd says") {
    TempDirectory directory;
    const auto error_of = [&](std::vector<std::string> answers) {
        const std::string path = directory.path / "private";
        std::filesystem::remove(path);
        const Systemd systemd{path, std::move(answers)};
        return own_unit_job(path, milliseconds{200}).error().value();
    };
    CHECK(error_of({}) == ETIMEDOUT);
    CHECK(error_of({"REJECTED EXTERNAL\r\n"}) == EACCES);
    CHECK(error_of({"OK 1\r\n"}) == ETIMEDOUT);
    CHECK(error_of({"OK 1\r\n", message("", 3)}) == ENOENT);
    CHECK(error_of({"OK 1\r\n", message("short")}) == EPROTO);
    CHECK(error_of({"OK 1\r\n", message(std::string(4, '\xff'))}) == EPROTO);
    CHECK(error_of({"OK 1\r\n", std::string(16, '\xff')}) == EPROTO);
    CHECK(error_of({"OK 1\r\n", message(text("/unit")), message(text("no variant"))}) == EPROTO);
    CHECK(own_unit_job(directory.path / "nobody", milliseconds{200}).error().value() == ENOENT);
    CHECK(own_unit_job(std::string(200, 'x'), milliseconds{200}).error().value() == ENAMETOOLONG);
}
