// Commands from queries and JSON: what is understood, and what is said about the rest.
#include "daemon/admin_order.hpp"

#include <doctest/doctest.h>

#include "daemon/admin_access.hpp"
#include "daemon/http_message.hpp"
#include "daemon/start_error.hpp"

namespace reeve::daemon {

namespace {

OrderRequest good(std::string_view name, std::string_view query, std::string_view body = {}) {
    const auto read = read_order(name, query, body);
    if (const auto* problem = std::get_if<OrderProblem>(&read)) {
        FAIL(problem->text);
        return {};
    }
    return std::get<OrderRequest>(read);
}

std::string bad(std::string_view name, std::string_view query, std::string_view body = {}) {
    const auto read = read_order(name, query, body);
    const auto* problem = std::get_if<OrderProblem>(&read);
    return problem == nullptr ? "understood"
                              : std::to_string(problem->status) + " " + problem->text;
}

std::optional<HttpRequest> read_all(HttpReader& reader, std::string_view bytes) {
    reader.add(bytes);
    return reader.next();
}

}  // namespace

TEST_CASE("curl users write arguments into the query, programs into a JSON body") {
    const auto from_query = good("scale", "pool=web&workers=+2&wait=no");
    const auto from_body = good("scale", "", R"({"pool": "web", "workers": "+2", "wait": false})");
    for (const auto& request : {from_query, from_body}) {
        const auto& scale = std::get<core::ScaleCommand>(request.order);
        CHECK(scale.pool == "web");
        CHECK(scale.amount == 2);
        CHECK(scale.relative);
        CHECK_FALSE(request.wait);
    }
    CHECK(from_query.summary == "scale pool=web wait=no workers=+2");
    CHECK(std::get<core::ScaleCommand>(good("scale", "workers=%2b2").order).relative);
    CHECK(std::get<core::ScaleCommand>(good("scale", "workers=-1").order).amount == -1);
    const auto absolute = std::get<core::ScaleCommand>(good("scale", "", R"({"workers":8})").order);
    CHECK(absolute.amount == 8);
    CHECK_FALSE(absolute.relative);
}

TEST_CASE("every command is understood with what it needs") {
    const auto reload = std::get<ReloadOrder>(good("reload", "changed&dry_run=1").order);
    CHECK(reload.changed);
    CHECK(reload.dry_run);
    CHECK(reload.pool.empty());
    CHECK(good("reload", "").wait);
    const auto restart = std::get<core::RestartCommand>(good("restart", "target=web/3").order);
    CHECK(restart.target.pool == "web");
    CHECK(restart.target.slot == core::SlotIndex{3});
    CHECK_FALSE(std::get<core::StopCommand>(good("stop", "target=web").order).target.slot);
    CHECK(std::get<core::StartCommand>(good("start", "target=web").order).target.pool == "web");
    CHECK(std::get<core::SignalCommand>(good("signal", "target=web&signal=USR1").order).signal ==
          10);
    CHECK(std::get<core::SignalCommand>(
              good("signal", "", R"({"target": "web/0", "signal": 10})").order)
              .signal == 10);
    CHECK(std::get<LogLevelOrder>(good("log-level", "level=debug").order).level ==
          core::LogLevel::debug);
    CHECK(std::get<ShutdownOrder>(good("shutdown", "").order).mode == core::StopMode::graceful);
    CHECK(std::get<ShutdownOrder>(good("shutdown", "mode=fast").order).mode ==
          core::StopMode::fast);
}

TEST_CASE("a mistake is named, so that nobody has to guess what was not understood") {
    CHECK(bad("reload", "pol=web") ==
          "422 reload knows no \"pol\"; it knows pool, changed, dry_run, wait");
    CHECK(bad("scale", "pool=web") == "422 workers is missing");
    CHECK(bad("scale", "workers=many").starts_with("422 workers: \"many\" is neither"));
    CHECK(bad("scale", "workers=+-2").starts_with("422 workers: "));
    CHECK(bad("scale", "workers=8x").starts_with("422 workers: "));
    CHECK(bad("scale", "workers=99999999999999999999").starts_with("422 workers: "));
    CHECK(bad("scale", "", R"({"workers": -1})").starts_with("422 workers: write a number"));
    CHECK(bad("scale", "", R"({"workers": [1]})") ==
          "422 workers must be a string, a whole number or a boolean");
    CHECK(bad("scale", "workers=1", R"({"workers": 2})") == "422 workers is given twice");
    CHECK(bad("stop", "") == "422 target is missing");
    CHECK(bad("stop", "target=web/x").starts_with("422 target: \"web/x\" is neither"));
    CHECK(bad("stop", "target=/1").starts_with("422 target: "));
    CHECK(bad("signal", "target=web&signal=NONE").starts_with("422 signal: "));
    CHECK(bad("log-level", "level=loud").starts_with("422 level: \"loud\" is none of trace,"));
    CHECK(bad("shutdown", "mode=now").starts_with("422 mode: "));
    CHECK(bad("reload", "wait=perhaps").starts_with("422 wait: "));
    CHECK(bad("reload", "pool=%4").starts_with("400 "));
    CHECK(bad("reload", "", "pool=web").starts_with("400 the body is not JSON"));
    CHECK(bad("reload", "", "[]") == "400 the body must be a JSON object");
    CHECK(bad("reload", "", R"({"pool":{"a":{"b":{"c":{"d":1}}}}})").starts_with("400 "));
    CHECK(bad("explode", "") == "404 no such command");
    const auto long_name = "pool=" + std::string(5000, 'x');
    CHECK(good("reload", long_name).summary.size() < 250);
}

TEST_CASE("requests come in pieces, one behind the other, and larger than they may be") {
    HttpReader reader;
    CHECK_FALSE(read_all(reader, "POST /v1/reload?pool=a%20b HTTP/1.1\r\nHost: x\r\nContent-"));
    CHECK(reader.in_the_middle());
    CHECK_FALSE(read_all(reader, "Length: 4\r\n\r\nab"));
    const auto first = read_all(reader, "cdGET /he%61lthz HTTP/1.1\r\nConnection: close\r\n\r\n");
    REQUIRE(first);
    CHECK(first->method == "POST");
    CHECK(first->query == "pool=a%20b");
    CHECK(first->body == "abcd");
    CHECK(first->keep_alive);
    const auto second = reader.next();
    REQUIRE(second);
    CHECK(second->path == "/healthz");
    CHECK_FALSE(second->keep_alive);
    CHECK_FALSE(reader.in_the_middle());

    const auto status_of = [](std::string_view bytes) {
        HttpReader broken;
        broken.add(bytes);
        (void)broken.next();
        return broken.problem() ? broken.problem()->status : 0U;
    };
    CHECK(status_of("GET / HTTP/1.1\r\nA: " + std::string(9000, 'x')) == 431);
    CHECK(status_of("POST / HTTP/1.1\r\nContent-Length: 17000\r\n\r\n") == 413);
    CHECK(status_of("garbage\r\n\r\n") == 400);
    CHECK(status_of(std::string(10, '\0')) == 400);
    CHECK(status_of("GET /%zz HTTP/1.1\r\n\r\n") == 400);
}

TEST_CASE("who is in no list gets nothing, and a supplementary group counts") {
    core::AdminConfig config;
    config.group = "10";
    config.read_users = {"1001"};
    config.read_groups = {"20"};
    config.command_users = {"1002"};
    config.command_groups = {"30"};
    const AccessRules rules{config, 1000};
    CHECK(rules.access_of({0, 1, {0}}) == Access::command);
    CHECK(rules.access_of({1000, 1, {1000}}) == Access::command);
    CHECK(rules.access_of({1001, 1, {1001}}) == Access::read);
    CHECK(rules.access_of({1002, 1, {1002}}) == Access::command);
    CHECK(rules.access_of({1003, 1, {1003}}) == Access::none);
    CHECK(rules.access_of({1003, 1, {1003, 20}}) == Access::read);
    CHECK(rules.access_of({1003, 1, {20, 30}}) == Access::command);
    CHECK(rules.access_of({1003, 1, {10}}) == Access::command);
    config.read_users = {"nobody-of-this-name"};
    CHECK_THROWS_AS((AccessRules{config, 1000}), const StartError&);
}

}  // namespace reeve::daemon
