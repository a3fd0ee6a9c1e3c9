// What makes a worker ready: which signs count under which `ready`.
#include <array>
#include <optional>
#include <string>

#include <doctest/doctest.h>

#include "unit/core/bench.hpp"

namespace reeve::core::test {
namespace {

constexpr std::array said{ReadySign::word, ReadySign::listening, ReadySign::notify,
                          ReadySign::newline, ReadySign::probe};

/// A worker of this flavour that was executed and has shown nothing yet.
Bench booting(ReadyBy by, bool has_sockets = true) {
    PoolPolicy policy = calm_policy();
    policy.ready = by;
    policy.has_sockets = has_sockets;
    policy.start_timeout = seconds{5};
    policy.ready_after = seconds{2};
    Bench bench(policy);
    bench.turn();
    bench.turn({Spawned{bench.incarnation()}});
    return bench;
}

/// The sign that alone counts; nothing where several do.
std::optional<ReadySign> only_sign(ReadyBy by) {
    switch (by) {
        case ReadyBy::automatic: return std::nullopt;
        case ReadyBy::native: return ReadySign::word;
        case ReadyBy::listen: return ReadySign::listening;
        case ReadyBy::notify: return ReadySign::notify;
        case ReadyBy::newline: return ReadySign::newline;
        case ReadyBy::tcp:
        case ReadyBy::http: return ReadySign::probe;
        case ReadyBy::delay: return ReadySign::time;
    }
    return std::nullopt;
}

constexpr std::array flavours{ReadyBy::native,  ReadyBy::listen, ReadyBy::notify,
                              ReadyBy::newline, ReadyBy::tcp,    ReadyBy::http};

TEST_CASE("a worker must not serve on a sign that its pool does not go by") {
    for (const ReadyBy by : flavours) {
        for (const ReadySign sign : said) {
            CAPTURE(static_cast<int>(by));
            CAPTURE(std::string{name(sign)});
            Bench bench = booting(by);
            bench.turn({SaidReady{bench.incarnation(), sign}});
            const bool counts = sign == only_sign(by);
            CHECK((bench.state() == State::serving) == counts);
            if (counts) CHECK(only<WorkerReady>(bench.records)->by == sign);
        }
    }
}

TEST_CASE("a worker that owes a certain sign is ended by start_timeout, whatever else it shows") {
    for (const ReadyBy by : flavours) {
        CAPTURE(static_cast<int>(by));
        Bench bench = booting(by);
        bench.turn({Probed{bench.incarnation(), Probed::View::accepting}});
        if (by != ReadyBy::native) bench.turn({bench.beat(bench.incarnation())});
        bench.pass(seconds{5} - milliseconds{1});
        CHECK(bench.state() == State::starting);
        bench.pass(milliseconds{1});
        CHECK(count<StartTimeout>(bench.records) == 1);
        CHECK(bench.state() == State::draining);
    }
}

TEST_CASE("a worker that is to be asked must be asked, again and again, whatever it says itself") {
    for (const ReadyBy by : {ReadyBy::tcp, ReadyBy::http}) {
        Bench bench = booting(by, false);
        bench.pass(milliseconds{5});
        CHECK(count<Probe>(bench.actions) == 1);
        bench.turn({Greeted{bench.incarnation(), true}, bench.beat(bench.incarnation())});
        bench.pass(seconds{1});
        CHECK(count<Probe>(bench.actions) > 5);
        bench.turn({SaidReady{bench.incarnation(), ReadySign::probe}});
        const auto asked = count<Probe>(bench.actions);
        bench.pass(seconds{5});
        CHECK(count<Probe>(bench.actions) == asked);
    }
    for (const ReadyBy by : {ReadyBy::listen, ReadyBy::notify, ReadyBy::newline, ReadyBy::delay}) {
        Bench bench = booting(by);
        bench.pass(seconds{1});
        CHECK(count<Probe>(bench.actions) == 0);
    }
}

TEST_CASE("`ready: delay` is time alone: no word makes a worker ready before it") {
    Bench bench = booting(ReadyBy::delay);
    for (const ReadySign sign : said) bench.turn({SaidReady{bench.incarnation(), sign}});
    bench.turn({bench.beat(bench.incarnation())});
    CHECK(bench.state() == State::starting);
    bench.pass(seconds{2});
    CHECK(only<WorkerReady>(bench.records)->by == ReadySign::time);
}

TEST_CASE("`ready: auto` takes whatever sign comes first") {
    for (const ReadySign sign : said) {
        CAPTURE(std::string{name(sign)});
        Bench bench = booting(ReadyBy::automatic);
        bench.turn({SaidReady{bench.incarnation(), sign}});
        CHECK(only<WorkerReady>(bench.records)->by == sign);
    }
}

TEST_CASE("`ready: auto` takes a worker that speaks at its word, not at what is seen of it") {
    for (const ReadySign sign : said) {
        for (const bool beats : {false, true}) {
            CAPTURE(std::string{name(sign)});
            Bench bench = booting(ReadyBy::automatic);
            Event speaks = Greeted{bench.incarnation(), true};
            if (beats) speaks = bench.beat(bench.incarnation(), 0, Phase::starting);
            bench.turn({speaks});
            bench.turn({SaidReady{bench.incarnation(), sign}});
            const bool seen = sign == ReadySign::listening || sign == ReadySign::probe;
            CHECK((bench.state() == State::starting) == seen);
        }
    }
}

TEST_CASE("`ready: auto` waits for the listen of a worker that is to adopt, however quiet it is") {
    PoolPolicy policy = calm_policy();
    policy.ready = ReadyBy::automatic;
    policy.has_sockets = true;
    policy.adopts = true;
    policy.start_timeout = seconds{5};
    policy.ready_after = seconds{1};
    Bench bench(policy);
    bench.turn();
    SUBCASE("which may be known before the exec is") {
        bench.turn({SaidReady{bench.incarnation(), ReadySign::listening}});
        CHECK(only<WorkerReady>(bench.records)->by == ReadySign::listening);
    }
    SUBCASE("and ends it where it never listens") {
        bench.turn({Spawned{bench.incarnation()}});
        bench.turn({Probed{bench.incarnation(), Probed::View::quiet}});
        bench.pass(seconds{5} - milliseconds{1});
        bench.turn({Probed{bench.incarnation(), Probed::View::quiet}});
        CHECK(bench.state() == State::starting);
        bench.pass(milliseconds{1});
        CHECK(count<StartTimeout>(bench.records) == 1);
    }
    SUBCASE("but takes one that speaks at its word") {
        bench.turn({Spawned{bench.incarnation()}});
        bench.turn({Greeted{bench.incarnation(), true}});
        bench.turn({SaidReady{bench.incarnation(), ReadySign::listening}});
        CHECK(bench.state() == State::starting);
        bench.turn({SaidReady{bench.incarnation(), ReadySign::word}});
        CHECK(bench.state() == State::serving);
    }
}

}  // namespace
}  // namespace reeve::core::test
