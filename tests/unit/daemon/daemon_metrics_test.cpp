// The metrics as text: names, labels, and what must never happen to a counter.
#include <string>

#include <doctest/doctest.h>

#include "daemon/metrics.hpp"
#include "unit/daemon/support.hpp"

namespace reeve::daemon::test {
namespace {

View view_of_pools(std::initializer_list<const char*> names) {
    View view;
    view.version = "1.2.3";
    for (const char* name : names) view.pools.emplace_back().name = name;
    return view;
}

bool has(const std::string& page, const std::string& line) {
    return ("\n" + page).find("\n" + line) != std::string::npos;
}

TEST_CASE("dashboards would not find what the documentation promises") {
    Metrics metrics;
    View view = view_of_pools({"web"});
    PoolView& pool = view.pools[0];
    pool.sockets = {{"http", "tcp://0.0.0.0:8000", 1, 2048}};
    pool.settings = {{"timeout", false}};
    pool.cpu_time = {{0, milliseconds{1500}}};
    pool.by_state[static_cast<std::size_t>(core::State::serving)] = 2;
    WorkerView& worker = pool.workers.emplace_back();
    worker.beat_age = milliseconds{250};
    worker.sample = Sample{{}, 4096, 5};
    const std::string page = metrics.render(view);
    for (const char* line : {
             R"(reeve_workers{pool="web",state="serving"} 2)",
             R"(reeve_workers{pool="web",state="failed"} 0)",
             R"(reeve_worker_restarts_total{pool="web",reason="crash"} 0)",
             R"(reeve_requests_total{pool="web"} 0)",
             R"(reeve_requests_in_flight{pool="web"} 0)",
             R"(reeve_request_duration_seconds_count{pool="web"} 0)",
             R"(reeve_heartbeat_age_seconds{pool="web",slot="0"} 0.25)",
             R"(reeve_accept_queue{pool="web",socket="http"} 1)",
             R"(reeve_accept_queue_limit{pool="web",socket="http"} 2048)",
             R"(reeve_worker_start_duration_seconds_count{pool="web"} 0)",
             R"(reeve_worker_cpu_seconds_total{pool="web",slot="0"} 1.5)",
             R"(reeve_worker_resident_memory_bytes{pool="web",slot="0"} 4096)",
             R"(reeve_worker_open_fds{pool="web",slot="0"} 5)",
             R"(reeve_reloads_total{pool="web",result="rolled_back"} 0)",
             R"(reeve_last_reload_successful 1)",
             R"(reeve_last_reload_timestamp_seconds )",
             R"(reeve_config_diverged 0)",
             R"(reeve_workers_desired{pool="web"} 0)",
             R"(reeve_workers_busy{pool="web"} 0)",
             R"(reeve_setting_enforced{pool="web",setting="timeout"} 0)",
             R"(reeve_build_info{version="1.2.3"} 1)",
         }) {
        CHECK_MESSAGE(has(page, line), line);
    }
}

TEST_CASE("what happens between two scrapes would not be counted") {
    Shell shell;
    Metrics metrics;
    metrics.count(starting(core::Reason::crash), shell);
    metrics.count(starting(core::Reason::start), shell);
    metrics.count(died(1, 5), shell);
    metrics.count(core::WorkerReady{about(2), core::ReadySign::word, milliseconds{30}}, shell);
    metrics.count(core::PoolReload{core::PoolIndex{0}, core::Generation{1}, false, {}}, shell);
    metrics.count_invalid_reload({"web"});
    const std::string page = metrics.render(view_of_pools({"web"}));
    CHECK(has(page, R"(reeve_worker_restarts_total{pool="web",reason="crash"} 1)"));
    CHECK(has(page, R"(reeve_worker_deaths_total{cause="exit_code",pool="web"} 1)"));
    CHECK(has(page, R"(reeve_worker_start_duration_seconds_bucket{pool="web",le="0.05"} 1)"));
    CHECK(has(page, R"(reeve_worker_start_duration_seconds_bucket{pool="web",le="0.025"} 0)"));
    CHECK(has(page, R"(reeve_reloads_total{pool="web",result="rolled_back"} 1)"));
    CHECK(has(page, R"(reeve_reloads_total{pool="web",result="invalid"} 1)"));
    CHECK_FALSE(has(page, R"(reeve_worker_restarts_total{pool="web",reason="start"})"));
}

TEST_CASE("latencies would be wrong, or break the histogram's rules") {
    Metrics metrics;
    View view = view_of_pools({"web"});
    core::Counters& counters = view.pools[0].counters;
    counters.requests = 10;
    counters.latency_counts[0] = 4;
    counters.latency_counts[2] = 3;
    counters.latency_sum_ns = 2'500'000'000;
    std::string page = metrics.render(view);
    CHECK(has(page, R"(reeve_request_duration_seconds_bucket{pool="web",le="0.001"} 4)"));
    CHECK(has(page, R"(reeve_request_duration_seconds_bucket{pool="web",le="0.0025"} 4)"));
    CHECK(has(page, R"(reeve_request_duration_seconds_bucket{pool="web",le="60"} 7)"));
    CHECK(has(page, R"(reeve_request_duration_seconds_bucket{pool="web",le="+Inf"} 10)"));
    CHECK(has(page, R"(reeve_request_duration_seconds_count{pool="web"} 10)"));
    CHECK(has(page, R"(reeve_request_duration_seconds_sum{pool="web"} 2.5)"));
    SUBCASE("a worker that only counts has no durations") {
        counters = {};
        counters.requests = 10;
        page = metrics.render(view);
        CHECK(has(page, R"(reeve_request_duration_seconds_count{pool="web"} 0)"));
        CHECK(has(page, R"(reeve_requests_total{pool="web"} 10)"));
    }
}

TEST_CASE("a pool that is gone would be scraped for ever") {
    Shell shell;
    Metrics metrics;
    metrics.count(starting(core::Reason::crash), shell);
    metrics.count(starting(core::Reason::crash, 1), shell);
    CHECK(metrics.render(view_of_pools({"web", "queue"})).find("\"queue\"") != std::string::npos);
    CHECK(metrics.render(view_of_pools({"web"})).find("\"queue\"") == std::string::npos);
    CHECK(has(metrics.render(view_of_pools({"web", "queue"})),
              R"(reeve_worker_restarts_total{pool="queue",reason="crash"} 0)"));
}

TEST_CASE("gauges of a slot would speak of the worker that leaves it") {
    Metrics metrics;
    View view = view_of_pools({"web"});
    for (const Role role : {Role::leaving, Role::current, Role::successor}) {
        WorkerView& worker = view.pools[0].workers.emplace_back();
        worker.role = role;
        worker.sample = Sample{{}, role == Role::current ? 7U : 9U, std::nullopt};
    }
    const std::string page = metrics.render(view);
    CHECK(has(page, R"(reeve_worker_resident_memory_bytes{pool="web",slot="0"} 7)"));
    CHECK_FALSE(has(page, R"(reeve_worker_resident_memory_bytes{pool="web",slot="0"} 9)"));
}

TEST_CASE("a name with quotes would break the page") {
    Metrics metrics;
    const std::string page = metrics.render(view_of_pools({"a\"b\\c\nd"}));
    CHECK(has(page, R"(reeve_requests_total{pool="a\"b\\c\nd"} 0)"));
}

}  // namespace
}  // namespace reeve::daemon::test
