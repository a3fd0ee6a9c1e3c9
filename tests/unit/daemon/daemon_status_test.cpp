// The status as JSON: the names that scripts rely on.
#include <csignal>
#include <string>

#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "daemon/status.hpp"
#include "unit/daemon/support.hpp"

namespace reeve::daemon::test {
namespace {

namespace json = boost::json;

View small_view() {
    View view;
    view.version = "1.2.3";
    view.pid = 42;
    view.uptime = milliseconds{1500};
    PoolView& pool = view.pools.emplace_back();
    pool.name = "web";
    pool.generation = 2;
    pool.configured = 1;
    pool.desired = 3;
    pool.sockets = {{"http", "tcp://0.0.0.0:8000", 1, 2048}};
    pool.settings = {{"timeout", true}, {"max_requests", false}};
    WorkerView& worker = pool.workers.emplace_back();
    worker.state = core::State::serving;
    worker.pid = 77;
    worker.age = seconds{9};
    worker.beat_age = milliseconds{250};
    worker.beats = true;
    worker.requests = 11;
    worker.sample = Sample{seconds{1}, 4096, 5};
    return view;
}

json::object parsed(const View& view) { return json::parse(status_json(view)).as_object(); }

json::object web(const View& view) {
    return parsed(view).at("pools").as_object().at("web").as_object();
}

void check_keys(const json::object& object, std::initializer_list<const char*> names) {
    for (const char* name : names) CHECK_MESSAGE(object.contains(name), std::string{name});
}

TEST_CASE("scripts would not find what the documentation promises") {
    const View view = small_view();
    check_keys(parsed(view), {"version", "pid", "pools", "uptime_seconds", "stopping"});
    const json::object pool = web(view);
    check_keys(pool, {"generation", "configured", "desired", "ready", "restarts", "last_death",
                      "last_reload", "config_diverged", "not_enforced", "sockets", "workers",
                      "degraded", "held", "draining"});
    const json::object& socket = pool.at("sockets").as_array().at(0).as_object();
    check_keys(socket, {"name", "address", "queue", "queue_max"});
    CHECK(socket.at("queue_max") == 2048);
    const json::object& worker = pool.at("workers").as_array().at(0).as_object();
    check_keys(worker, {"slot", "pid", "state", "generation", "incarnation", "age_seconds",
                        "beat_age_seconds", "requests", "in_flight", "resident_bytes", "liveness",
                        "handoff", "reason", "due", "role"});
    CHECK(worker.at("state") == "serving");
    CHECK(worker.at("beat_age_seconds") == 0.25);
    CHECK(worker.at("liveness") == "native");
    CHECK(worker.at("role") == "current");
    CHECK(worker.at("reason").is_null());
    CHECK(pool.at("not_enforced") == json::array{"max_requests"});
}

TEST_CASE("what is not known would be shown as zero") {
    View view = small_view();
    view.pools[0].workers[0] = WorkerView{};
    const json::object pool = web(view);
    const json::object& worker = pool.at("workers").as_array().at(0).as_object();
    for (const char* name :
         {"pid", "age_seconds", "beat_age_seconds", "requests", "in_flight", "resident_bytes"}) {
        CHECK_MESSAGE(worker.at(name).is_null(), std::string{name});
    }
    CHECK(pool.at("last_death").is_null());
    CHECK(pool.at("last_reload").is_null());
}

TEST_CASE("a death could not be understood") {
    View view = small_view();
    Death death;
    death.pid = 9;
    death.status = core::KilledBy{SIGSEGV};
    death.cause = "crash";
    death.time =
        WallTime{std::chrono::sys_days{std::chrono::year{2024} / 2 / 29}} + milliseconds{3'723'004};
    death.last_output = "bad \xff byte\n";
    view.pools[0].past.last_death = death;
    const json::object pool = web(view);
    const json::object& shown = pool.at("last_death").as_object();
    CHECK(shown.at("status") == "killed by SIGSEGV");
    CHECK(shown.at("signal") == "SIGSEGV");
    CHECK(shown.at("exit_code").is_null());
    CHECK(shown.at("time") == "2024-02-29T01:02:03.004Z");
    CHECK(shown.at("last_output") == "bad ? byte\n");
}

TEST_CASE("a refused reload could not be understood") {
    View view = small_view();
    view.pools[0].past.last_reload =
        LastReload{ReloadResult::rolled_back, {}, seconds{4}, "web/0 exited with code 3"};
    view.pools[0].past.diverged = true;
    const json::object pool = web(view);
    CHECK(pool.at("config_diverged") == true);
    const json::object& reload = pool.at("last_reload").as_object();
    CHECK(reload.at("result") == "rolled_back");
    CHECK(reload.at("took_seconds") == 4.0);
    CHECK(reload.at("why") == "web/0 exited with code 3");
}

}  // namespace
}  // namespace reeve::daemon::test
