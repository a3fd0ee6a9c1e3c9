// CPU quotas and OOM counts, from trees as the kernel would show them.
#include <fstream>

#include <doctest/doctest.h>

#include "os/cgroup.hpp"
#include "support.hpp"

using reeve::os::available_cpus;
using reeve::os::CgroupRoots;
using reeve::os::OomCounter;
using reeve::os::testing::TempDirectory;

namespace {

/// A made-up /proc/self and a mounted hierarchy.
class FakeTree {
public:
    FakeTree(const std::string& cgroup, const std::string& mountinfo) {
        write("self/cgroup", cgroup);
        write("self/mountinfo", mountinfo);
    }
    void write(const std::string& name, const std::string& text) {
        const auto path = directory_.path / name;
        std::filesystem::create_directories(path.parent_path());
        std::ofstream{path} << text;
    }
    [[nodiscard]] CgroupRoots roots() const {
        return {directory_.path / "self/cgroup", directory_.path / "self/mountinfo",
                directory_.path};
    }

private:
    TempDirectory directory_;
};

const std::string v2_mount = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";

}  // namespace

TEST_CASE("a container with a quota of 2 CPUs would start workers for the whole machine") {
    FakeTree tree{"0::/\n", v2_mount};
    tree.write("sys/fs/cgroup/cpu.max", "200000 100000\n");
    const auto count = available_cpus(tree.roots(), 64);
    CHECK(count.cpus == 2);
    CHECK(count.affinity == 64);
    CHECK(count.quota == 2.0);
    CHECK(count.explanation == "2 CPUs: cgroup quota 200000/100000 us (/) rounded up, affinity 64");
}

TEST_CASE("the quota of an ancestor would be overlooked") {
    FakeTree tree{"0::/pod/app/main\n", v2_mount};
    tree.write("sys/fs/cgroup/pod/app/main/cpu.max", "max 100000\n");
    tree.write("sys/fs/cgroup/pod/app/cpu.max", "400000 100000\n");
    tree.write("sys/fs/cgroup/pod/cpu.max", "125000 50000\n");
    const auto count = available_cpus(tree.roots(), 16);
    CHECK(count.cpus == 3);
    CHECK(count.quota == 2.5);
    CHECK(count.explanation ==
          "3 CPUs: cgroup quota 125000/50000 us (/pod) rounded up, affinity 16");
}

TEST_CASE("no quota, a quota above the affinity and a tiny one would be miscounted") {
    FakeTree tree{"0::/a\n", v2_mount};
    tree.write("sys/fs/cgroup/a/cpu.max", "max 100000\n");
    CHECK(available_cpus(tree.roots(), 4).cpus == 4);
    CHECK(available_cpus(tree.roots(), 4).explanation == "4 CPUs: no cgroup quota, affinity 4");
    tree.write("sys/fs/cgroup/a/cpu.max", "800000 100000\n");
    CHECK(available_cpus(tree.roots(), 4).cpus == 4);
    tree.write("sys/fs/cgroup/a/cpu.max", "1000 100000\n");
    CHECK(available_cpus(tree.roots(), 4).cpus == 1);
    CHECK(available_cpus(tree.roots(), 4).explanation.starts_with("1 CPU: "));
    tree.write("sys/fs/cgroup/a/cpu.max", "garbage\n");
    CHECK(available_cpus(tree.roots(), 4).cpus == 4);
    CHECK(available_cpus({"/nowhere", "/nowhere", "/nowhere"}, 3).cpus == 3);
    CHECK(available_cpus().cpus >= 1);
}

TEST_CASE("cgroup v1 would be ignored") {
    SUBCASE("nested, controllers mounted together") {
        FakeTree tree{
            "4:memory:/x\n3:cpu,cpuacct:/outer/inner\n0::/\n",
            "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
            "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"};
        const std::string base = "sys/fs/cgroup/cpu,cpuacct/outer/";
        tree.write(base + "inner/cpu.cfs_quota_us", "-1\n");
        tree.write(base + "inner/cpu.cfs_period_us", "100000\n");
        tree.write(base + "cpu.cfs_quota_us", "200000\n");
        tree.write(base + "cpu.cfs_period_us", "100000\n");
        CHECK(available_cpus(tree.roots(), 8).cpus == 2);
        CHECK(available_cpus(tree.roots(), 8).explanation ==
              "2 CPUs: cgroup quota 200000/100000 us (/outer) rounded up, affinity 8");
    }
    SUBCASE("in a container: the mount's root is our own cgroup") {
        FakeTree tree{
            "3:cpu,cpuacct:/docker/abc\n",
            "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu,cpuacct\n"};
        tree.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");
        tree.write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
        CHECK(available_cpus(tree.roots(), 8).cpus == 2);
    }
}

TEST_CASE("a kill by the OOM killer would be taken for a foreign signal") {
    SUBCASE("v2") {
        FakeTree tree{"0::/a\n", v2_mount};
        tree.write("sys/fs/cgroup/a/memory.events", "low 0\nmax 3\noom 2\noom_kill 7\n");
        const auto counter = OomCounter::open(tree.roots()).value();
        CHECK(counter.read().value() == 7);
        tree.write("sys/fs/cgroup/a/memory.events", "low 0\nmax 3\noom 2\noom_kill 8\n");
        CHECK(counter.read().value() == 8);
    }
    SUBCASE("v1") {
        FakeTree tree{"4:memory:/x\n", "32 31 0:29 / /cg/memory rw - cgroup cgroup rw,memory\n"};
        tree.write("cg/memory/x/memory.oom_control",
                   "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
        CHECK(OomCounter::open(tree.roots())->read().value() == 1);
    }
    SUBCASE("neither") {
        FakeTree tree{"", ""};
        CHECK(OomCounter::open(tree.roots()).has_error());
        tree.write("proc/vmstat", "nr_free_pages 1\noom_kill 5\n");
        CHECK(OomCounter::open(tree.roots())->read().value() == 5);
    }
    SUBCASE("here") {
        const auto counter = OomCounter::open();
        REQUIRE(counter.has_value());
        CHECK(counter->read().has_value());
        MESSAGE(counter->source().string());
    }
}
