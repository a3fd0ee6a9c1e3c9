// A probe that another worker, or reeve itself, would answer must not pass for a sign of readiness.
#include <string>

#include <doctest/doctest.h>

#include "config/checks_ready.hpp"

namespace reeve::config {
namespace {

core::PoolConfig probing(const std::string& address, core::ReadyBy by = core::ReadyBy::tcp) {
    core::PoolConfig pool;
    pool.policy.ready = by;
    pool.policy.workers = 1;
    pool.policy.update = core::Update::recreate;
    pool.process.ready_address = address;
    return pool;
}

std::string problem(const core::PoolConfig& pool) {
    const auto found = check_ready(pool);
    return found ? std::string{found->option} + ": " + found->text : std::string{};
}

bool says(const core::PoolConfig& pool, const std::string& text) {
    CAPTURE(problem(pool));
    return problem(pool).find(text) != std::string::npos;
}

TEST_CASE("an address that reaches one worker alone is taken") {
    for (const auto by : {core::ReadyBy::tcp, core::ReadyBy::http}) {
        CHECK(problem(probing("127.0.0.1:81", by)).empty());
        CHECK(problem(probing("[::1]:81", by)).empty());
        CHECK(problem(probing("unix:/run/x.sock", by)).empty());
        CHECK(problem(probing("unix:@x", by)).empty());
    }
    auto several = probing("127.0.0.1:810{slot}");
    several.policy.workers = 4;
    CHECK(problem(several).empty());
    auto rolling = probing("unix:/run/{incarnation}.sock");
    rolling.policy.update = core::Update::rolling;
    rolling.policy.workers = 4;
    CHECK(problem(rolling).empty());
}

TEST_CASE("an address that says nothing of the worker is refused, with the reason") {
    CHECK(says(probing(""), "ready: tcp and http need a ready_address"));
    CHECK(says(probing("nonsense"), "ready_address: "));
    CHECK(says(probing("localhost:81"), "names are not looked up"));
    CHECK(says(probing("127.0.0.1:0"), "an IP address with a port"));
    CHECK(says(probing("systemd:web"), "no connection can be made"));

    auto several = probing("127.0.0.1:81");
    several.policy.workers = 2;
    CHECK(says(several, "the same for all workers"));
    auto rolling = probing("127.0.0.1:81");
    rolling.policy.update = core::Update::rolling;
    CHECK(says(rolling, "answered by the predecessor"));

    auto own = probing("127.0.0.1:81");
    own.listen.emplace_back();
    own.listen.back().host = "127.0.0.1";
    own.listen.back().port = 81;
    CHECK(says(own, "reeve itself listens"));
    auto shared = probing("");
    shared.listen = own.listen;
    CHECK(says(shared, "reeve itself listens"));
}

TEST_CASE("{ready_fd} is a number only where there is a pipe") {
    core::PoolConfig pool;
    pool.process.command = {"x", "-d{ready_fd}"};
    CHECK(says(pool, "command: {ready_fd} needs ready: newline"));
    pool.policy.ready = core::ReadyBy::newline;
    CHECK(problem(pool).empty());
    core::PoolConfig other;
    other.process.env["FD"] = "{ready_fd}";
    CHECK(says(other, "env: {ready_fd} needs ready: newline"));
}

}  // namespace
}  // namespace reeve::config
