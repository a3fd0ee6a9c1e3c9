// The beat account: sums of several processes that never go backwards, whatever is sent.
#include <doctest/doctest.h>

#include "core/beat.hpp"
#include "core/limits.hpp"

namespace reeve::core::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Time now{seconds{1000}};

BeatFrame frame(ProcessKey process, std::uint64_t sequence, std::uint64_t requests) {
    BeatFrame made;
    made.process = process;
    made.sequence = sequence;
    made.sent = now;
    made.counters.requests = requests;
    return made;
}

TEST_CASE("requests of all processes of a worker count towards its quota") {
    BeatAccount account;
    account.add(frame({1, 1}, 1, 10), now);
    account.add(frame({2, 1}, 1, 5), now);
    account.add(frame({1, 1}, 2, 12), now);
    CHECK(account.totals().requests == 17);
}

TEST_CASE("a counter that restarts must not take the sum back") {
    BeatAccount account;
    account.add(frame({1, 1}, 1, 10), now);
    account.add(frame({1, 1}, 2, 3), now);
    CHECK(account.totals().requests == 13);
    account.add(frame({1, 1}, 3, UINT64_MAX), now);
    CHECK(account.totals().requests == UINT64_MAX);
    account.add(frame({1, 1}, 4, 5), now);
    CHECK(account.totals().requests == UINT64_MAX);
}

TEST_CASE("an older beat that arrives late changes nothing") {
    BeatAccount account;
    account.add(frame({1, 1}, 5, 10), now);
    CHECK(account.add(frame({1, 1}, 4, 50), now) == BeatAccount::Outcome::stale);
    CHECK(account.add(frame({1, 1}, 5, 50), now) == BeatAccount::Outcome::stale);
    CHECK(account.totals().requests == 10);
}

TEST_CASE("a program that is executed in place of another has its own silence and counters") {
    BeatAccount account;
    account.add(frame({1, 1}, 9, 10), now);
    account.add(frame({1, 2}, 1, 4), now);
    CHECK(account.streams().size() == 1);
    CHECK(account.totals().requests == 14);
}

TEST_CASE("a fork bomb that beats must not grow reeve") {
    BeatAccount account;
    for (std::uint32_t i = 1; i <= beat_streams_max; ++i) {
        CHECK(account.add(frame({i, 1}, 1, 1), now) == BeatAccount::Outcome::counted);
    }
    CHECK(account.add(frame({99, 1}, 1, 1), now) == BeatAccount::Outcome::crowded);
    account.drop({3, 1});
    CHECK(account.add(frame({99, 1}, 1, 1), now) == BeatAccount::Outcome::counted);
    CHECK(account.streams().size() == beat_streams_max);
}

TEST_CASE("a process that says goodbye twice must not have its requests counted twice") {
    BeatAccount account;
    BeatFrame last = frame({1, 1}, 1, 100);
    last.phase = Phase::stopping;
    account.add(last, now);
    CHECK(account.empty());
    last.sequence = 2;
    last.counters.requests = 101;
    account.add(last, now);
    CHECK(account.empty());
    CHECK(account.totals().requests == 101);
}

TEST_CASE("a beat that was still in the pipe when its process was found gone counts once") {
    BeatAccount account;
    account.add(frame({1, 1}, 1, 100), now);
    account.drop({1, 1});
    account.add(frame({1, 1}, 2, 103), now);
    CHECK(account.totals().requests == 103);
}

TEST_CASE("a new process with the pid of an old one is heard at once") {
    BeatAccount account;
    account.add(frame({1, 1}, 5000, 100), now);
    account.drop_all();
    CHECK(account.add(frame({1, 1}, 1, 7), now) == BeatAccount::Outcome::counted);
    CHECK(account.totals().requests == 107);
}

TEST_CASE("a beat that was read late counts from now, a fresh one from when it was sent") {
    BeatAccount account;
    BeatFrame fresh = frame({1, 1}, 1, 0);
    fresh.sent = now - milliseconds{50};
    account.add(fresh, now);
    CHECK(account.streams().front().last_sign == now - milliseconds{50});
    BeatFrame late = frame({1, 1}, 2, 0);
    late.sent = now - seconds{40};
    account.add(late, now);
    CHECK(account.streams().front().last_sign == now);
    BeatFrame early = frame({1, 1}, 3, 0);
    early.sent = now + seconds{40};
    account.add(early, now);
    CHECK(account.streams().front().last_sign == now);
}

TEST_CASE("hostile times and counts must not overflow") {
    BeatAccount account;
    BeatFrame hostile = frame({1, 1}, 1, 0);
    hostile.sent = Time::min();
    hostile.oldest = Time::min();
    hostile.in_flight = UINT32_MAX;
    account.add(hostile, now);
    hostile.process = {2, 1};
    hostile.oldest = Time::max();
    account.add(hostile, now);
    CHECK(account.oldest() == Time{});
    CHECK(account.streams().back().oldest == now);
    CHECK(account.in_flight() == UINT32_MAX);
}

}  // namespace
}  // namespace reeve::core::test
