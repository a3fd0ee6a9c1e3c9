// Heartbeat pipes: packets stay whole, garbage is told apart, and neither end can hurt the other.
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/heartbeat_pipe.hpp"
#include "support.hpp"

using reeve::os::BeatVerdict;
using reeve::os::HeartbeatPipe;

namespace {

reeve_beat make_beat(std::uint64_t sequence) {
    reeve_beat beat{};
    beat.magic = REEVE_BEAT_MAGIC;
    beat.version = REEVE_PROTOCOL_VERSION;
    beat.size = sizeof beat;
    beat.process = 1;
    beat.image = 1;
    beat.sequence = sequence;
    beat.state = REEVE_STATE_SERVING;
    return beat;
}

void write_beat(const HeartbeatPipe& pipe, const reeve_beat& beat) {
    REQUIRE(::write(pipe.writer.get(), &beat, sizeof beat) == sizeof beat);
}

BeatVerdict next(const HeartbeatPipe& pipe) {
    return reeve::os::read_beat(pipe.reader.get())->verdict;
}

}  // namespace

TEST_CASE("two beats would run into one another") {
    const auto pipe = reeve::os::make_heartbeat_pipe().value();
    write_beat(pipe, make_beat(1));
    write_beat(pipe, make_beat(2));
    const auto one = reeve::os::read_beat(pipe.reader.get()).value();
    CHECK(one.verdict == BeatVerdict::beat);
    CHECK(one.beat.sequence == 1);
    CHECK(reeve::os::read_beat(pipe.reader.get())->beat.sequence == 2);
    CHECK(next(pipe) == BeatVerdict::empty);
}

TEST_CASE("a worker with a full pipe would block") {
    const auto pipe = reeve::os::make_heartbeat_pipe().value();
    CHECK(::fcntl(pipe.reader.get(), F_GETPIPE_SZ) == 16384);
    const auto beat = make_beat(1);
    int written = 0;
    while (written < 100 && ::write(pipe.writer.get(), &beat, sizeof beat) == sizeof beat) {
        ++written;
    }
    CHECK(errno == EAGAIN);
    CHECK(written == 4);
    for (int at = 0; at < written; ++at) {
        CHECK(next(pipe) == BeatVerdict::beat);
    }
    CHECK(next(pipe) == BeatVerdict::empty);
}

TEST_CASE("garbage on a pipe would count as life or hide the beat after it") {
    const auto pipe = reeve::os::make_heartbeat_pipe().value();
    const auto check_garbage = [&pipe](const void* bytes, std::size_t size) {
        REQUIRE(::write(pipe.writer.get(), bytes, size) == static_cast<ssize_t>(size));
        CHECK(next(pipe) == BeatVerdict::garbage);
        CHECK(next(pipe) == BeatVerdict::empty);
    };
    const std::string noise(4096, 'x');
    check_garbage(noise.data(), 1);
    check_garbage(noise.data(), sizeof(reeve_beat));
    check_garbage(noise.data(), noise.size());
    for (const auto spoil :
         {+[](reeve_beat& beat) { beat.magic = 0; }, +[](reeve_beat& beat) { beat.version = 2; },
          +[](reeve_beat& beat) { beat.size = 1; }, +[](reeve_beat& beat) { beat.image = 0; },
          +[](reeve_beat& beat) { beat.state = 0; }, +[](reeve_beat& beat) { beat.state = 5; }}) {
        auto beat = make_beat(1);
        spoil(beat);
        check_garbage(&beat, sizeof beat);
    }
    const auto beat = make_beat(1);
    check_garbage(&beat, sizeof beat - 1);
    write_beat(pipe, beat);
    CHECK(next(pipe) == BeatVerdict::beat);
}

TEST_CASE("the end of a worker's last process would go unseen") {
    auto pipe = reeve::os::make_heartbeat_pipe().value();
    write_beat(pipe, make_beat(1));
    pipe.writer.reset();
    CHECK(next(pipe) == BeatVerdict::beat);
    CHECK(next(pipe) == BeatVerdict::end);
    CHECK(next(pipe) == BeatVerdict::end);
}

TEST_CASE("workers would die of SIGPIPE when their supervisor is gone") {
    std::signal(SIGPIPE, SIG_DFL);  // as in a worker: a signal would end this test
    auto pipe = reeve::os::make_heartbeat_pipe().value();
    pipe.reader.reset();
    const auto beat = make_beat(1);
    for (int at = 0; at < 10; ++at) {
        const auto count = ::write(pipe.writer.get(), &beat, sizeof beat);
        CHECK((count == sizeof beat || errno == EAGAIN));
    }
}
