// Looking at real processes: this one.
#include <unistd.h>

#include <doctest/doctest.h>

#include "unit/daemon/support.hpp"

namespace reeve::daemon::test {
namespace {

constexpr core::Incarnation self{1};
const core::Time start{seconds{100}};

TEST_CASE("memory and CPU of a worker would stay unknown") {
    Sampler sampler;
    CHECK(sampler.find(self) == nullptr);
    sampler.refresh(start, {{self, getpid()}});
    const Sample* sample = sampler.find(self);
    REQUIRE(sample != nullptr);
    CHECK(sample->resident_bytes > 100'000);
    CHECK(sample->open_descriptors.value_or(0) >= 3);
}

TEST_CASE("many who ask would keep reeve reading /proc") {
    Sampler sampler;
    sampler.refresh(start, {});
    sampler.refresh(start + milliseconds{249}, {{self, getpid()}});
    CHECK(sampler.find(self) == nullptr);
    sampler.refresh(start + milliseconds{250}, {{self, getpid()}});
    CHECK(sampler.find(self) != nullptr);
}

TEST_CASE("what the dead used would be shown for ever") {
    Sampler sampler;
    sampler.refresh(start, {{self, getpid()}});
    sampler.refresh(start + seconds{1}, {});
    CHECK(sampler.find(self) == nullptr);
}

TEST_CASE("a process that is gone would be shown with nonsense") {
    Sampler sampler;
    sampler.refresh(start, {{self, 0x3fffffff}});
    CHECK(sampler.find(self) == nullptr);
}

}  // namespace
}  // namespace reeve::daemon::test
