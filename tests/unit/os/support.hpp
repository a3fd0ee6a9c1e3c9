// What the os tests share: starting the child helper, waiting for facts with a bound.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <map>
#include <poll.h>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "os/spawn.hpp"

namespace reeve::os::testing {

constexpr int patience_ms = 20'000;

inline bool readable(int fd, int milliseconds = patience_ms) {
    pollfd asked{fd, POLLIN, 0};
    return ::poll(&asked, 1, milliseconds) == 1;
}

inline std::string child_program() {
    const char* path = std::getenv("OS_TEST_CHILD");
    REQUIRE(path != nullptr);
    return path;
}

/// Everything up to end of file.
inline std::string read_all(int fd) {
    std::string all;
    char buffer[4096];
    while (readable(fd)) {
        const auto count = read_some(fd, std::as_writable_bytes(std::span{buffer}));
        if (!count || *count == 0) {
            break;
        }
        all.append(buffer, *count);
    }
    return all;
}

/// One line without its end.
inline std::string read_line(int fd) {
    std::string line;
    char one = 0;
    while (readable(fd)) {
        const auto count = read_some(fd, std::as_writable_bytes(std::span{&one, 1}));
        if (!count || *count == 0 || one == '\n') {
            break;
        }
        line += one;
    }
    return line;
}

/// A started child whose stdout we read. Killed and reaped at the end.
class TestChild {
public:
    TestChild(SpawnRequest request, std::vector<std::string> arguments,
              std::vector<Fd> given = {}) {
        auto pipe = make_pipe().value();
        request.argv.insert(request.argv.begin(), child_program());
        request.argv.insert(request.argv.end(), arguments.begin(), arguments.end());
        request.standard_output = pipe.writer.get();
        if (!given.empty()) {
            given.push_back(std::move(pipe.writer));
        }
        auto spawned = spawn(request, std::move(given));
        REQUIRE(spawned.has_value());
        child = std::move(spawned->child);
        exec = std::move(spawned->exec);
        output = std::move(pipe.reader);
    }
    TestChild(const TestChild&) = delete;
    TestChild& operator=(const TestChild&) = delete;
    ~TestChild() {
        static_cast<void>(child.signal_group(9));
        readable(child.pidfd());
        static_cast<void>(child.reap());
    }

    /// Waits for its end and reaps it.
    Departure finish() {
        REQUIRE(readable(child.pidfd()));
        return child.reap().value();
    }

    /// "key=value" lines of the mode "state".
    std::map<std::string, std::string> state() {
        std::map<std::string, std::string> values;
        const std::string all = read_all(output.get());
        for (std::size_t at = 0; at < all.size();) {
            const auto end = std::min(all.find('\n', at), all.size());
            const auto line = all.substr(at, end - at);
            values[line.substr(0, line.find('='))] = line.substr(line.find('=') + 1);
            at = end + 1;
        }
        return values;
    }

    Child child;
    ExecReport exec;
    Fd output;
};

/// A directory of its own, removed at the end.
class TempDirectory {
public:
    TempDirectory() {
        std::string name = std::filesystem::temp_directory_path() / "reeve-os-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    TempDirectory(const TempDirectory&) = delete;
    TempDirectory& operator=(const TempDirectory&) = delete;
    ~TempDirectory() { std::filesystem::remove_all(path); }

    std::filesystem::path path;
};

}  // namespace reeve::os::testing
