// Beats and counters: what reeve reads from the pipe is what the program did.
#include <atomic>
#include <cstdint>
#include <fcntl.h>
#include <numeric>
#include <set>
#include <signal.h>
#include <thread>
#include <time.h>
#include <vector>

#include <doctest/doctest.h>

#include "support.hpp"
#include <reeve/worker.h>

namespace {

using unit::Supervisor;
using unit::Writer;

std::uint64_t monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(now.tv_nsec);
}

void wait_ms(int milliseconds) { poll(nullptr, 0, milliseconds); }

std::uint64_t bucket_sum(const reeve_beat& beat) {
    return std::accumulate(std::begin(beat.latency_counts), std::end(beat.latency_counts),
                           std::uint64_t{0});
}

bool sigpipe_pending() {
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, SIGPIPE) == 1;
}

}  // namespace

TEST_CASE("a worker whose beats are malformed would be taken for a hung one") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    const auto before = monotonic_ns();
    reeve_worker_ready(worker);
    const auto beat = supervisor.beat();
    CHECK(beat.magic == REEVE_BEAT_MAGIC);
    CHECK(beat.version == 1);
    CHECK(beat.size == sizeof beat);
    CHECK(sizeof beat == 200);
    CHECK(beat.process == static_cast<std::uint32_t>(getpid()));
    CHECK(beat.image != 0);
    CHECK(beat.sequence == 1);
    CHECK(beat.state == REEVE_STATE_SERVING);
    CHECK(beat.sent_ns >= before);
    CHECK(beat.sent_ns <= monotonic_ns());
    CHECK(beat.in_flight == 0);
    CHECK(beat.oldest_ns == 0);
    reeve_worker_draining(worker);
    CHECK(supervisor.beat().state == REEVE_STATE_DRAINING);
    reeve_worker_stopping(worker);
    const auto last = supervisor.beat();
    CHECK(last.state == REEVE_STATE_STOPPING);
    CHECK(last.sequence == 3);
    CHECK(last.image == beat.image);
}

TEST_CASE("a rotation by requests needs counts that are exact") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    for (int i = 0; i < 1000; i++) {
        reeve_worker_request_end(worker, reeve_worker_request_begin(worker), i % 10 == 0);
    }
    reeve_worker_connection_opened(worker);
    reeve_worker_connection_opened(worker);
    reeve_worker_error(worker);
    reeve_worker_ready(worker);
    const auto beat = supervisor.beat();
    CHECK(beat.requests == 1000);
    CHECK(beat.errors == 101);
    CHECK(beat.connections == 2);
    CHECK(beat.in_flight == 0);
    CHECK(bucket_sum(beat) == 1000);
    CHECK(beat.latency_sum_ns > 0);
}

TEST_CASE("a slow request shows in the right bucket and in the sum, or the histogram lies") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    const auto before = monotonic_ns();
    const auto request = reeve_worker_request_begin(worker);
    wait_ms(12);
    reeve_worker_request_end(worker, request, 0);
    const auto took = monotonic_ns() - before;
    reeve_worker_ready(worker);
    const auto beat = supervisor.beat();
    CHECK(beat.latency_sum_ns > 11'900'000);
    CHECK(beat.latency_sum_ns <= took + took / 100);
    CHECK(bucket_sum(beat) == 1);
    CHECK(beat.latency_counts[0] == 0);
    CHECK(beat.latency_counts[3] == 0);  // up to 10 ms
}

TEST_CASE("a request that never ends is visible with its age, or request_timeout cannot see it") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    const auto before = monotonic_ns();
    const auto oldest = reeve_worker_request_begin(worker);
    const auto after = monotonic_ns();
    wait_ms(20);
    const auto younger = reeve_worker_request_begin(worker);
    reeve_worker_ready(worker);
    auto beat = supervisor.beat();
    CHECK(beat.in_flight == 2);
    CHECK(beat.oldest_ns + 100'000 >= before);
    CHECK(beat.oldest_ns <= after + 100'000);
    reeve_worker_request_end(worker, oldest, 0);
    reeve_worker_draining(worker);
    beat = supervisor.beat();
    CHECK(beat.in_flight == 1);
    CHECK(beat.oldest_ns > after + 15'000'000);
    reeve_worker_request_end(worker, younger, 0);
    reeve_worker_stopping(worker);
    beat = supervisor.beat();
    CHECK(beat.in_flight == 0);
    CHECK(beat.oldest_ns == 0);
}

TEST_CASE("more requests in flight than are tracked are counted all the same") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    std::vector<reeve_request> requests;
    requests.reserve(1500);
    for (int i = 0; i < 1500; i++) {
        requests.push_back(reeve_worker_request_begin(worker));
    }
    reeve_worker_ready(worker);
    auto beat = supervisor.beat();
    CHECK(beat.in_flight == 1500);
    CHECK(beat.requests == 0);
    CHECK(beat.oldest_ns != 0);
    for (const auto& request : requests) {
        reeve_worker_request_end(worker, request, 0);
    }
    reeve_worker_draining(worker);
    beat = supervisor.beat();
    CHECK(beat.in_flight == 0);
    CHECK(beat.requests == 1500);
    CHECK(bucket_sum(beat) == 1500);
}

TEST_CASE("a token that is ended twice, or made up, must not count twice") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    const auto request = reeve_worker_request_begin(worker);
    reeve_worker_request_end(worker, request, 0);
    reeve_worker_request_end(worker, request, 0);
    reeve_worker_request_end(worker, reeve_request{}, 0);
    reeve_worker_request_end(worker, reeve_request{1, ~std::uint64_t{0}}, 0);
    reeve_worker_ready(worker);
    CHECK(supervisor.beat().requests == 1);
}

TEST_CASE("a beat at every turn of a busy loop would flood the pipe") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    for (int i = 0; i < 10000; i++) {
        reeve_worker_beat(worker);
    }
    CHECK(supervisor.beats().size() == 1);
}

TEST_CASE("a loop that sleeps as long as it is told to is never late with a beat") {
    Supervisor::set("REEVE_BEAT_INTERVAL", "60000");
    Supervisor supervisor;
    Supervisor::set("REEVE_BEAT_INTERVAL", "40");
    auto* worker = supervisor.open();
    reeve_worker_beat(worker);
    const auto first = supervisor.beat();
    CHECK(reeve_worker_wait_ms(worker, 3) == 3);
    CHECK(reeve_worker_wait_ms(worker, 0) == 0);
    const int wait = reeve_worker_wait_ms(worker, -1);
    CHECK(wait > 10);
    CHECK(wait <= 50);
    wait_ms(wait);
    reeve_worker_beat(worker);
    const auto second = supervisor.beat();
    CHECK(second.sent_ns - first.sent_ns >= 25'000'000);
}

TEST_CASE("the request that crosses the quota beats at once, or a worker overshoots it by far") {
    Supervisor supervisor;
    Supervisor::set("REEVE_QUOTA", "5");
    auto* worker = supervisor.open();
    reeve_worker_ready(worker);
    CHECK(supervisor.beats().size() == 1);
    for (int i = 0; i < 4; i++) {
        reeve_worker_request_end(worker, reeve_worker_request_begin(worker), 0);
    }
    CHECK(supervisor.beats().empty());
    reeve_worker_request_end(worker, reeve_worker_request_begin(worker), 0);
    CHECK(supervisor.beat().requests == 5);
    reeve_worker_request_end(worker, reeve_worker_request_begin(worker), 0);
    CHECK(supervisor.beats().empty());
}

TEST_CASE("a full pipe neither blocks a worker nor loses a count") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    for (int i = 0; i < 1000; i++) {
        reeve_worker_request_end(worker, reeve_worker_request_begin(worker), 0);
        reeve_worker_draining(worker);
    }
    const auto waiting = supervisor.beats();
    CHECK(waiting.size() < 1000);
    CHECK(waiting.back().requests < 1000);
    reeve_worker_stopping(worker);
    CHECK(supervisor.beat().requests == 1000);
}

TEST_CASE("a worker outlives its supervisor: no SIGPIPE from either kind of pipe") {
    for (const auto writer : {Writer::both_ways, Writer::write_only}) {
        Supervisor supervisor{writer};
        auto* worker = supervisor.open();
        supervisor.die();
        errno = 0;
        reeve_worker_ready(worker);
        for (int i = 0; i < 100; i++) {
            reeve_worker_draining(worker);
        }
        CHECK(errno == 0);
        CHECK_FALSE(sigpipe_pending());
        sigset_t mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        CHECK(sigismember(&mask, SIGPIPE) == 0);
    }
}

TEST_CASE("a program that is not run under reeve works without it") {
    Supervisor::forget_environment();
    reeve_worker* worker = nullptr;
    CHECK(reeve_worker_open(&worker, REEVE_WORKER_DRAINS) == REEVE_WORKER_ALONE);
    for (auto* each : {worker, static_cast<reeve_worker*>(nullptr)}) {
        CHECK(reeve_worker_receive(each, 1000) == REEVE_WORKER_ALONE);
        CHECK(reeve_worker_socket_count(each) == 0);
        CHECK(reeve_worker_socket(each, nullptr, 0) == -1);
        CHECK(reeve_worker_socket_name(each, 0) == nullptr);
        CHECK(reeve_worker_control_fd(each) == -1);
        CHECK(reeve_worker_control(each, nullptr) == REEVE_WORKER_NOTHING);
        CHECK(reeve_worker_wait_ms(each, -1) == -1);
        CHECK(reeve_worker_wait_ms(each, 7) == 7);
        reeve_worker_ready(each);
        reeve_worker_beat(each);
        reeve_worker_request_end(each, reeve_worker_request_begin(each), 0);
        reeve_worker_connection_opened(each);
        reeve_worker_error(each);
        reeve_worker_draining(each);
        reeve_worker_stopping(each);
        reeve_worker_close(each);
    }
}

TEST_CASE("variables left over from a grandparent must not make a worker write into a file") {
    Supervisor::forget_environment();
    unit::Descriptor file{open("/dev/null", O_RDWR | O_CLOEXEC)};
    std::array<int, 2> ends{};
    REQUIRE(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) == 0);
    const unit::Descriptor reader{ends[0]};
    const unit::Descriptor writer{ends[1]};
    for (const auto& text : {std::to_string(file.get()), std::to_string(writer.get()),
                             std::string{"999"}, std::string{"-1"}, std::string{"3x"},
                             std::string{""}, std::string{"99999999999999999999"}}) {
        Supervisor::set("REEVE_HEARTBEAT_FD", text);
        Supervisor::set("REEVE_CONTROL_FD", text);
        reeve_worker* worker = nullptr;
        CHECK(reeve_worker_open(&worker, 0) == REEVE_WORKER_ALONE);
        reeve_worker_ready(worker);
        reeve_worker_close(worker);
        char byte = 0;
        CHECK(read(reader.get(), &byte, 1) == -1);
    }
    Supervisor::forget_environment();
}

TEST_CASE("two programs after each other in one process differ, or counters would go backwards") {
    Supervisor supervisor;
    const unit::Descriptor heartbeat{dup(atoi(getenv("REEVE_HEARTBEAT_FD")))};
    reeve_worker_ready(supervisor.open());
    const auto first = supervisor.beat();
    Supervisor::set("REEVE_HEARTBEAT_FD", std::to_string(heartbeat.get()));
    unsetenv("REEVE_CONTROL_FD");
    reeve_worker* second = nullptr;
    CHECK(reeve_worker_open(&second, 0) == REEVE_WORKER_OK);
    reeve_worker_ready(second);
    CHECK(supervisor.beat().image != first.image);
    CHECK(fcntl(heartbeat.get(), F_SETFD, 0) == 0);
}

TEST_CASE("a threaded worker loses no count, and no counter ever goes back") {
    Supervisor supervisor;
    Supervisor::set("REEVE_QUOTA", "1000");
    auto* worker = supervisor.open();
    constexpr int threads = 4;
    constexpr std::uint64_t pairs = 20000;
    std::atomic<int> running{threads};
    std::vector<std::thread> crowd;
    crowd.reserve(threads);
    for (int i = 0; i < threads; i++) {
        crowd.emplace_back([&] {
            for (std::uint64_t pair = 0; pair < pairs; pair++) {
                const auto request = reeve_worker_request_begin(worker);
                reeve_worker_beat(worker);
                if (pair % 100 == 0) reeve_worker_draining(worker);
                reeve_worker_request_end(worker, request, 0);
                reeve_worker_connection_opened(worker);
            }
            running--;
        });
    }
    reeve_beat before{};
    auto look = [&] {
        for (const auto& beat : supervisor.beats()) {
            REQUIRE(beat.sequence > before.sequence);
            REQUIRE(beat.requests >= before.requests);
            REQUIRE(beat.connections >= before.connections);
            REQUIRE(beat.latency_sum_ns >= before.latency_sum_ns);
            REQUIRE(bucket_sum(beat) >= bucket_sum(before));
            REQUIRE(beat.in_flight <= threads);
            before = beat;
        }
    };
    while (running > 0) {
        look();
    }
    for (auto& thread : crowd) {
        thread.join();
    }
    look();
    reeve_worker_stopping(worker);
    const auto last = supervisor.beat();
    CHECK(last.requests == threads * pairs);
    CHECK(last.connections == threads * pairs);
    CHECK(last.in_flight == 0);
}
