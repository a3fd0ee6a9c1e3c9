// StandardFile: who rotates a log file neither loses lines nor gets a file with a hole.
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/fd.hpp"
#include "os/standard_file.hpp"
#include "support.hpp"

using reeve::os::Fd;
using reeve::os::StandardFile;
using reeve::os::testing::TempDirectory;

namespace {

void say(int fd, std::string_view text) {
    REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
}

std::string content(const std::string& path) {
    std::ostringstream all;
    all << std::ifstream{path}.rdbuf();
    return all.str();
}

}  // namespace

TEST_CASE("lines would go on into a log file that was rotated away") {
    const TempDirectory directory;
    const std::string path = directory.path.string() + "/log";
    const Fd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    const StandardFile file{fd.get()};
    CHECK(file.path() == path);
    say(fd.get(), "one\n");
    std::filesystem::rename(path, path + ".1");
    say(fd.get(), "two\n");
    REQUIRE(file.reopen().has_value());
    say(fd.get(), "three\n");
    CHECK(content(path + ".1") == "one\ntwo\n");
    CHECK(content(path) == "three\n");
    CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::mask) ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("a log file that is truncated under reeve would get a hole of zeros") {
    const TempDirectory directory;
    const std::string path = directory.path.string() + "/log";
    const Fd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    const StandardFile file{fd.get()};
    say(fd.get(), "before the rotation\n");
    std::filesystem::resize_file(path, 0);
    say(fd.get(), "after\n");
    CHECK(content(path) == "after\n");
}

TEST_CASE("a log that cannot be opened anew would be lost, and a pipe be taken for a file") {
    const TempDirectory directory;
    const std::string folder = directory.path.string() + "/logs";
    std::filesystem::create_directory(folder);
    const std::string path = folder + "/log";
    const Fd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
    const StandardFile file{fd.get()};
    std::filesystem::rename(folder, folder + ".gone");
    CHECK(file.reopen().error().value() == ENOENT);
    say(fd.get(), "goes on\n");
    CHECK(content(folder + ".gone/log") == "goes on\n");

    const auto pipe = reeve::os::make_pipe().value();
    const StandardFile none{pipe.writer.get()};
    CHECK(none.path().empty());
    CHECK(none.reopen().has_value());
    CHECK((::fcntl(pipe.writer.get(), F_GETFL) & O_APPEND) == 0);
}
