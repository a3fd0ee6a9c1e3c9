// Who is in our cgroup: found where it is, and never somebody innocent.
#include <cstdlib>
#include <fstream>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/left_over.hpp"
#include "support.hpp"

using reeve::os::cgroup_processes;
using reeve::os::testing::TempDirectory;

namespace {

void write(const std::filesystem::path& path, const std::string& text) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream{path} << text;
}

const std::vector<pid_t> both{100, 200};

}  // namespace

TEST_CASE("workers that a dead reeve left would not be found") {
    TempDirectory root;
    const auto proc = root.path / "proc";
    write(proc / "cgroup", "4:memory:/x\n0::/system.slice/reeve.service\n");
    // The first mount is hidden by the second.
    write(proc / "mountinfo",
          "30 20 0:26 / /old rw - cgroup2 cgroup2 rw\n"
          "31 20 0:26 / /cg rw,nosuid shared:1 - cgroup2 cgroup2 rw\n");
    write(root.path / "old/system.slice/reeve.service/cgroup.procs", "300\n");
    write(root.path / "cg/system.slice/reeve.service/cgroup.procs", "100\n200\n");
    CHECK(cgroup_processes(200, proc, root.path) == both);
    CHECK(cgroup_processes(400, proc, root.path).empty());
}

TEST_CASE("on a machine with cgroups of version 1 they would not be found") {
    TempDirectory root;
    const auto proc = root.path / "proc";
    write(proc / "cgroup", "9:name=systemd:/system.slice/reeve.service\n0::/\n");
    write(proc / "mountinfo",
          "30 20 0:26 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n");
    write(root.path / "sys/fs/cgroup/systemd/system.slice/reeve.service/cgroup.procs",
          "100\n200\n");
    CHECK(cgroup_processes(100, proc, root.path) == both);
}

TEST_CASE("reeve started by hand would end everybody in the shell's cgroup") {
    ::unsetenv("SYSTEMD_EXEC_PID");
    CHECK(reeve::os::find_left_over().empty());
    ::setenv("SYSTEMD_EXEC_PID", std::to_string(::getppid()).c_str(), 1);
    CHECK(reeve::os::find_left_over().empty());
    ::unsetenv("SYSTEMD_EXEC_PID");
    // The root of a hierarchy is everybody's.
    TempDirectory root;
    write(root.path / "proc/cgroup", "0::/\n");
    write(root.path / "proc/mountinfo", "31 20 0:26 / /cg rw - cgroup2 cgroup2 rw\n");
    write(root.path / "cg/cgroup.procs", "100\n");
    CHECK(cgroup_processes(100, root.path / "proc", root.path).empty());
}
