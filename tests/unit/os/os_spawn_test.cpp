// Spawning: a child gets exactly what it was promised, and says where it failed.
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/spawn.hpp"
#include "support.hpp"

using reeve::os::ResourceLimit;
using reeve::os::SpawnFailure;
using reeve::os::SpawnRequest;
using reeve::os::SpawnStage;
using reeve::os::testing::child_program;
using reeve::os::testing::readable;
using reeve::os::testing::TempDirectory;
using reeve::os::testing::TestChild;

namespace {

std::string identity(int fd) {
    struct stat status {};
    ::fstat(fd, &status);
    return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

std::string identity_in(const std::string& value) { return value.substr(0, value.find(' ')); }

SpawnFailure failure_of(const SpawnRequest& request) {
    auto spawned = reeve::os::spawn(request);
    REQUIRE(spawned.has_value());
    REQUIRE(readable(spawned->exec.fd()));
    const auto told = spawned->exec.read();
    REQUIRE(told.has_value());
    REQUIRE(told->has_error());
    REQUIRE(readable(spawned->child.pidfd()));
    CHECK(spawned->child.reap()->status == reeve::core::ExitStatus{reeve::core::ExitedWith{127}});
    return told->error();
}

}  // namespace

TEST_CASE("a worker would see foreign descriptors, masks or signal states if hygiene failed") {
    // A parent in a bad state: SIGPIPE ignored, a signal blocked, an inheritable descriptor.
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGUSR1, [](int) {});
    sigset_t blocked;
    sigset_t before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    const int leak = ::fcntl(0, F_DUPFD, 700);
    auto pipe = reeve::os::make_pipe().value();
    {
        SpawnRequest request;
        request.env = {"A=1", "LISTEN_PID=wrong"};
        request.pid_variables = {"LISTEN_PID", "WATCHDOG_PID"};
        request.fds = {{pipe.reader.get(), 3}, {pipe.writer.get(), 4}};
        TestChild child{request, {"state"}};
        auto state = child.state();
        CHECK(state["fds"] == "0 1 2 3 4 ");
        CHECK(state["fd0"].ends_with(" /dev/null"));
        CHECK(identity_in(state["fd3"]) == identity(pipe.reader.get()));
        CHECK(identity_in(state["fd4"]) == identity(pipe.writer.get()));
        CHECK(identity_in(state["fd2"]) == identity(2));
        CHECK(state["SigBlk"] == "0000000000000000");
        CHECK(state["SigIgn"] == "0000000000000000");
        CHECK(state["SigCgt"] == "0000000000000000");
        CHECK(state["SigPnd"] == "0000000000000000");
        CHECK(state["pid"] == std::to_string(child.child.pid()));
        CHECK(state["pgid"] == state["pid"]);
        CHECK(state["listen_pid"] == state["pid"]);
        CHECK(state["env"] ==
              "A=1 LISTEN_PID=" + state["pid"] + " WATCHDOG_PID=" + state["pid"] + " ");
        CHECK(state["argv0"] == child_program());
        CHECK(state["pdeathsig"] == "0");
        CHECK(child.exec.read()->has_value());
        CHECK(child.finish().status == reeve::core::ExitStatus{reeve::core::ExitedWith{0}});
    }
    ::close(leak);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    std::signal(SIGUSR1, SIG_DFL);
}

TEST_CASE("a worker's own variables would be lost beside those that all share") {
    const std::vector<std::string> base{"A=1", "AB=2", "LISTEN_PID=3", "B=4"};
    SpawnRequest request;
    request.env = {"A=own", "C="};
    request.env_base = base;
    request.pid_variables = {"LISTEN_PID"};
    TestChild child{request, {"state"}};
    auto state = child.state();
    CHECK(state["env"] == "A=own C= LISTEN_PID=" + state["pid"] + " AB=2 B=4 ");
}

TEST_CASE("sockets would arrive at the wrong numbers if sources and targets overlap") {
    auto one = reeve::os::make_pipe().value();
    auto two = reeve::os::make_pipe().value();
    auto three = reeve::os::make_pipe().value();
    const int a = one.reader.get();
    const int b = one.writer.get();
    const int c = two.reader.get();
    REQUIRE(a <= 5);  // so that sources are targets of others, crosswise
    for (const auto& order : {std::vector{c, b, a}, std::vector{b, c, a}, std::vector{b, a, c},
                              std::vector{a, a, b}, std::vector{three.writer.get(), c, a, b}}) {
        SpawnRequest request;
        for (std::size_t at = 0; at < order.size(); ++at) {
            request.fds.push_back({order[at], static_cast<int>(at) + 3});
        }
        TestChild child{request, {"state"}};
        auto state = child.state();
        CHECK(state["fds"] == (order.size() == 3 ? "0 1 2 3 4 5 " : "0 1 2 3 4 5 6 "));
        for (std::size_t at = 0; at < order.size(); ++at) {
            CHECK(identity_in(state["fd" + std::to_string(at + 3)]) == identity(order[at]));
        }
    }
}

TEST_CASE("a child that starts with our table would hold or close what is others'") {
    std::vector<reeve::os::Fd> many;
    while (many.empty() || many.back().get() < 400) {
        many.push_back(reeve::os::duplicate(0).value());
    }
    // First with high numbers, which a child cannot take over that way, then with low ones.
    for (const bool low : {false, true}) {
        if (low) {
            many.erase(many.begin(), many.begin() + 20);
        }
        auto pipe = reeve::os::make_pipe().value();
        CHECK((pipe.writer.get() < 256) == low);
        const auto writer = identity(pipe.writer.get());
        SpawnRequest request;
        request.fds = {{pipe.reader.get(), 3}, {pipe.writer.get(), 4}};
        std::vector<reeve::os::Fd> given;
        given.push_back(std::move(pipe.writer));
        TestChild child{request, {"state"}, std::move(given)};
        auto state = child.state();
        CHECK(state["fds"] == "0 1 2 3 4 ");
        CHECK(identity_in(state["fd3"]) == identity(pipe.reader.get()));
        CHECK(identity_in(state["fd4"]) == writer);
        CHECK(child.finish().status == reeve::core::ExitStatus{reeve::core::ExitedWith{0}});
        CHECK(child.exec.read()->has_value());
        std::byte none{};
        CHECK(reeve::os::read_some(pipe.reader.get(), {&none, 1}).value() == 0);  // nobody writes
        CHECK(::fcntl(many.back().get(), F_GETFD) == FD_CLOEXEC);
    }
}

TEST_CASE("a command that is not there would look started to who shares a table with it") {
    auto pipe = reeve::os::make_pipe().value();
    SpawnRequest request;
    request.argv = {"/nonexistent/program"};
    request.fds = {{pipe.writer.get(), 3}};
    std::vector<reeve::os::Fd> given;
    given.push_back(std::move(pipe.writer));
    auto spawned = reeve::os::spawn(request, std::move(given));
    REQUIRE(spawned.has_value());
    REQUIRE(readable(spawned->child.pidfd()));
    const auto told = spawned->exec.read();
    REQUIRE(told.has_value());
    REQUIRE(told->has_error());
    CHECK(told->error().stage == SpawnStage::exec);
    CHECK(spawned->child.reap()->status == reeve::core::ExitStatus{reeve::core::ExitedWith{127}});
}

TEST_CASE("per-worker settings would silently not apply") {
    cpu_set_t allowed;
    ::sched_getaffinity(0, sizeof allowed, &allowed);
    unsigned cpu = 0;
    while (!CPU_ISSET(cpu, &allowed)) {
        ++cpu;
    }
    TempDirectory directory;
    SpawnRequest request;
    request.cwd = directory.path;
    request.umask = 027;
    request.nice = 5;
    request.limits = {{RLIMIT_NOFILE, 99, 123}};
    request.cpus = {cpu};
    request.parent_death_signal = SIGTERM;
    TestChild child{request, {"state"}};
    auto state = child.state();
    CHECK(state["cwd"] == directory.path);
    CHECK(state["Umask"] == "0027");
    CHECK(state["nice"] == "5");
    CHECK(state["nofile"] == "99 123");
    CHECK(state["Cpus_allowed_list"] == std::to_string(cpu));
    CHECK(state["pdeathsig"] == std::to_string(SIGTERM));
    CHECK(state["env"] == "");
}

TEST_CASE("a worker would keep root's rights or lose the signal of its parent's death" *
          doctest::skip(::geteuid() != 0)) {
    SpawnRequest request;
    request.credentials = {65534, 65533, {65533, 4242}};
    request.parent_death_signal = SIGTERM;
    TestChild child{request, {"state"}};
    auto state = child.state();
    CHECK(state["Uid"] == "65534\t65534\t65534\t65534");
    CHECK(state["Gid"] == "65533\t65533\t65533\t65533");
    CHECK(state["Groups"].starts_with("4242 65533"));
    CHECK(state["pdeathsig"] == std::to_string(SIGTERM));
}

TEST_CASE("children would inherit the raised descriptor limit, and select(2) would break them") {
    const ResourceLimit before = reeve::os::raise_nofile().value();
    rlimit now{};
    ::getrlimit(RLIMIT_NOFILE, &now);
    CHECK(now.rlim_cur == now.rlim_max);
    SpawnRequest request;
    request.limits = {before};
    TestChild child{request, {"state"}};
    CHECK(child.state()["nofile"] ==
          std::to_string(before.soft) + " " + std::to_string(before.hard));
}

TEST_CASE("the operator would not learn which step of a start failed") {
    TempDirectory directory;
    SpawnRequest request;
    request.argv = {"no-such-program"};
    request.env = {"PATH=/usr/bin:/bin"};
    CHECK(failure_of(request) ==
          SpawnFailure{SpawnStage::exec, ENOENT,
                       "exec no-such-program: No such file or directory (looked in "
                       "PATH=/usr/bin:/bin)"});

    request.argv = {"./nothing"};
    CHECK(failure_of(request).text == "exec ./nothing: No such file or directory");

    request.argv = {directory.path};
    CHECK(failure_of(request).text == "exec " + directory.path.string() + ": Permission denied");

    request.argv = {directory.path / "script"};
    std::ofstream{directory.path / "script"} << "#!/no/such/interpreter\n";
    CHECK(failure_of(request).error == EACCES);
    std::filesystem::permissions(directory.path / "script", std::filesystem::perms::owner_all);
    CHECK(failure_of(request).text.ends_with("(the file is there: is its interpreter?)"));
    std::ofstream{directory.path / "script"} << "echo no interpreter line\n";
    CHECK(failure_of(request).text.ends_with("(no #! line, or made for another machine)"));

    request.argv = {"true"};
    request.cwd = "/no/such/directory";
    CHECK(failure_of(request) ==
          SpawnFailure{SpawnStage::cwd, ENOENT,
                       "chdir /no/such/directory: No such file or directory"});
    request.cwd.clear();
    request.limits = {{9999, 1, 1}};
    CHECK(failure_of(request).stage == SpawnStage::limits);
    request.limits.clear();
    request.cpus = {60'000};
    CHECK(failure_of(request).stage == SpawnStage::affinity);
    request.cpus.clear();
    request.fds = {{4000, 3}};
    CHECK(failure_of(request).stage == SpawnStage::descriptors);
}

TEST_CASE("a senseless request would be half carried out") {
    SpawnRequest request;
    CHECK(reeve::os::spawn(request).error().stage == SpawnStage::prepare);
    request.argv = {"true"};
    request.fds = {{0, 4}};
    CHECK(reeve::os::spawn(request).error().stage == SpawnStage::prepare);
}

TEST_CASE("a program in the working directory would not be found by a relative path") {
    TempDirectory directory;
    std::filesystem::create_symlink(child_program(), directory.path / "here");
    SpawnRequest request;
    request.argv = {"./here", "exit", "7"};
    request.cwd = directory.path;
    auto spawned = reeve::os::spawn(request);
    REQUIRE(readable(spawned->exec.fd()));
    CHECK(spawned->exec.read()->has_value());
    REQUIRE(readable(spawned->child.pidfd()));
    CHECK(spawned->child.reap()->status == reeve::core::ExitStatus{reeve::core::ExitedWith{7}});
}

TEST_CASE("a program would not be found along the PATH of its own environment") {
    TempDirectory directory;
    std::filesystem::create_symlink(child_program(), directory.path / "only-here");
    SpawnRequest request;
    request.argv = {"only-here", "exit", "0"};
    request.env = {"PATH=/nowhere:" + directory.path.string()};
    auto spawned = reeve::os::spawn(request);
    REQUIRE(readable(spawned->exec.fd()));
    CHECK(spawned->exec.read()->has_value());
    REQUIRE(readable(spawned->child.pidfd()));
    CHECK(spawned->child.reap().has_value());
}
