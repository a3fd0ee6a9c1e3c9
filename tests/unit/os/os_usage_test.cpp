// What processes use: of this one and of one that is not there.
#include <fcntl.h>
#include <stdexcept>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/fd.hpp"
#include "os/own_memory.hpp"
#include "os/usage.hpp"

using reeve::os::open_descriptors;
using reeve::os::usage_of;

TEST_CASE("what a process uses would be read from the wrong field") {
    const auto usage = usage_of(::getpid()).value();
    CHECK(usage.parent == ::getppid());
    CHECK(usage.resident_bytes > 100'000);
    CHECK(usage.resident_bytes < (std::uint64_t{1} << 40U));
    CHECK(usage.cpu_time < std::chrono::hours{1});
    CHECK(usage_of(0x3fffffff).has_error());
}

TEST_CASE("a worker that leaks descriptors would not be seen to") {
    const auto before = open_descriptors(::getpid()).value();
    const reeve::os::Fd more{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    CHECK(open_descriptors(::getpid()).value() == before + 1);
    CHECK(open_descriptors(0x3fffffff).has_error());
}

TEST_CASE("reeve would say nothing of itself") {
    CHECK(reeve::os::own_cpu_time() > reeve::core::Duration::zero());
    CHECK(reeve::os::own_descriptor_limit().value_or(0) > 0);
}

TEST_CASE("pages that were dropped would be lost, or none be dropped") {
    static int written = 41;
    written++;
    const auto resident = [] { return usage_of(::getpid()).value().resident_bytes; };
    const auto before = resident();
    reeve::os::drop_clean_pages();
    CHECK(resident() < before);
    CHECK(written == 42);
    // Through a table of addresses, which is written while loading and read-only from then on.
    CHECK_THROWS_AS(throw std::runtime_error{"still unwinds"}, std::runtime_error);
}
