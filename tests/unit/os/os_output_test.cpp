// Output: a reader that stops reading stops nobody, and nobody's flags are changed.
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/output.hpp"
#include "support.hpp"

using reeve::os::Fd;
using reeve::os::Output;
using reeve::os::testing::TempDirectory;

namespace {

/// Writes until it would block, at most so many times.
bool fills_up(Output& output) {
    const std::string bytes(4096, 'x');
    for (int turn = 0; turn < 10'000; ++turn) {
        const auto count = output.write(bytes);
        if (!count) {
            return reeve::os::would_block(count.error());
        }
    }
    return false;
}

}  // namespace

TEST_CASE("a log reader that stops reading would stop supervision") {
    SUBCASE("pipe") {
        const auto pipe = reeve::os::make_pipe().value();
        auto output = Output::open(pipe.writer.get()).value();
        CHECK(output.pollable());
        CHECK(fills_up(output));
        CHECK((::fcntl(pipe.writer.get(), F_GETFL) & O_NONBLOCK) == 0);
    }
    SUBCASE("socket") {
        int ends[2];
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
        const Fd reader{ends[0]};
        const Fd writer{ends[1]};
        auto output = Output::open(writer.get()).value();
        CHECK(fills_up(output));
        CHECK((::fcntl(writer.get(), F_GETFL) & O_NONBLOCK) == 0);
    }
}

TEST_CASE("a reader that is gone would end the supervisor") {
    std::signal(SIGPIPE, SIG_IGN);  // as the daemon does
    auto pipe = reeve::os::make_pipe().value();
    auto output = Output::open(pipe.writer.get()).value();
    pipe.reader.reset();
    CHECK(output.write("line\n").error().value() == EPIPE);

    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    auto socket = Output::open(ends[1]).value();
    ::close(ends[0]);
    CHECK(socket.write("line\n").error().value() == EPIPE);
    ::close(ends[1]);
}

TEST_CASE("lines would be lost in files, or a full disk would be fatal") {
    TempDirectory directory;
    const Fd file{::open((directory.path / "log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    auto output = Output::open(file.get()).value();
    CHECK_FALSE(output.pollable());
    CHECK(output.write("one\n").value() == 4);
    CHECK(output.write("two\n").value() == 4);
    CHECK(std::filesystem::file_size(directory.path / "log") == 8);

    const Fd full{::open("/dev/full", O_WRONLY | O_CLOEXEC)};
    CHECK(Output::open(full.get())->write("x").error().value() == ENOSPC);
}
