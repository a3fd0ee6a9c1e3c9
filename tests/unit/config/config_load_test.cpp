// Whole configurations: precedence, merging, derived values, and what cannot be enforced.
#include <algorithm>

#include <doctest/doctest.h>

#include "config/checks.hpp"
#include "config/show.hpp"
#include "support.hpp"

namespace reeve::config {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// The one pool of a configuration that must be good.
core::PoolConfig pool_of(const Loaded& loaded) {
    INFO(errors_of(loaded));
    REQUIRE(loaded.ok());
    REQUIRE(loaded.config.pools.size() == 1);
    return loaded.config.pools.front();
}

core::PoolConfig pool_with(const std::string& options) {
    return pool_of(load_text("pools: {web: {command: x, " + options + "}}"));
}

std::vector<std::string> settings(const std::vector<Unenforced>& unenforced, bool certain) {
    std::vector<std::string> out;
    for (const auto& entry : unenforced) {
        if (entry.certain == certain) out.push_back(entry.setting);
    }
    return out;
}

}  // namespace

TEST_CASE("flags alone are a whole configuration") {
    Request request;
    request.flags = {flag(Scope::pool, "listen", {"0.0.0.0:8000"}),
                     flag(Scope::pool, "workers", {"4"}),
                     flag(Scope::pool, "env", {"A=1", "B=x=y"}),
                     flag(Scope::pool, "fatal_exit_codes", {"3,4", "5"}),
                     flag(Scope::pool, "rlimits", {"nofile=1024"}),
                     flag(Scope::log, "level", {"debug"}),
                     flag(Scope::top, "name", {"blue"})};
    request.command = {"./worker", "--flag", "--"};
    request.environment = environment_of({});
    const auto loaded = load(request);
    const auto pool = pool_of(loaded);
    CHECK(pool.name == "web");
    CHECK(pool.policy.workers == 4);
    REQUIRE(pool.listen.size() == 1);
    CHECK(pool.listen.front().name == "web");
    CHECK(pool.listen.front().port == 8000);
    CHECK(pool.process.command == request.command);
    CHECK(pool.process.env.at("B") == "x=y");
    CHECK(pool.policy.fatal_exit_codes == std::vector<int>{3, 4, 5});
    CHECK(pool.process.rlimits.at("nofile") == 1024);
    CHECK(loaded.config.log.level == core::LogLevel::debug);
    CHECK(loaded.config.name == "blue");
    CHECK(is_written(pool, "workers"));
    CHECK_FALSE(is_written(pool, "timeout"));
}

TEST_CASE("a flag wins over the environment, that over the file, that over the default") {
    const std::string text = "log: {level: error}\npools: {web: {command: x, workers: 3}}";
    auto request = request_for(text, {{"REEVE_LOG_LEVEL", "debug"}, {"WEB_CONCURRENCY", "9"}});
    CHECK(load(request).config.log.level == core::LogLevel::debug);
    CHECK(pool_of(load(request)).policy.workers == 3);
    request.flags = {flag(Scope::log, "level", {"trace"}), flag(Scope::pool, "workers", {"2"})};
    CHECK(load(request).config.log.level == core::LogLevel::trace);
    CHECK(pool_of(load(request)).policy.workers == 2);
    CHECK(load_text(text).config.log.level == core::LogLevel::error);
    const std::string plain = "pools: {web: {command: x}}";
    CHECK(pool_of(load_text(plain, {{"WEB_CONCURRENCY", "9"}})).policy.workers == 9);
    CHECK(pool_of(load_text(plain, {{"WEB_CONCURRENCY", ""}})).policy.workers == 5);
    CHECK(pool_of(load_text(plain)).policy.workers == 5);
    CHECK_FALSE(load_text(plain, {{"WEB_CONCURRENCY", "many"}}).ok());
}

TEST_CASE("who may command is taken as it was written, by name, number, list or flag") {
    const std::string text =
        "admin: {path: /x/admin.sock, mode: 0600, group: ops, read_users: [www-data, 1000],\n"
        "        command_groups: 'wheel,adm'}\n"
        "metrics: {listen: '[::1]:9100'}\n"
        "pools: {web: {command: x}}";
    const auto admin = load_text(text).config.admin;
    CHECK(admin.path == "/x/admin.sock");
    CHECK(admin.mode == 0600);
    CHECK(admin.group == "ops");
    CHECK(admin.read_users == std::vector<std::string>{"www-data", "1000"});
    CHECK(admin.command_groups == std::vector<std::string>{"wheel", "adm"});
    REQUIRE(load_text(text).config.metrics.listen);
    CHECK(load_text(text).config.metrics.listen->host == "::1");
    CHECK(load_text(text, {{"REEVE_ADMIN", "/y/z"}}).config.admin.path == "/y/z");
    CHECK_FALSE(load_text(text, {{"REEVE_ADMIN", "none"}}).config.admin.enabled);
    auto request = request_for(text, {{"REEVE_ADMIN", "/y/z"}});
    request.flags = {flag(Scope::admin, "path", {"./a"}), flag(Scope::metrics, "listen", {"off"}),
                     flag(Scope::admin, "read_users", {"a", "b,c"})};
    CHECK(request.flags[0].flag == "--admin");
    CHECK(request.flags[1].flag == "--metrics");
    CHECK(request.flags[2].flag == "--admin-read-users");
    const auto loaded = load(request);
    REQUIRE(loaded.ok());
    CHECK(loaded.config.admin.path == "./a");
    CHECK_FALSE(loaded.config.metrics.listen);
    CHECK(loaded.config.admin.read_users == std::vector<std::string>{"a", "b", "c"});
    CHECK_FALSE(load_text("admin: {path: off}\npools: {web: {command: x}}").ok());
    CHECK_FALSE(load_text("metrics: {listen: unix:/x}\npools: {web: {command: x}}").ok());
}

TEST_CASE("workers: auto follows the CPUs, and says how it was counted") {
    const std::string text = "pools: {web: {command: x, workers: '${GUNICORN_WORKERS:-auto}'}}";
    const auto loaded = load_text(text);
    CHECK(pool_of(loaded).policy.workers == 5);
    REQUIRE(loaded.notes.size() == 1);
    CHECK(loaded.notes.front() == "pools.web.workers: auto = 2 x 2 CPUs + 1 = 5 (fixed)");
    const auto fixed = load_text(text, {{"GUNICORN_WORKERS", "3"}});
    CHECK(pool_of(fixed).policy.workers == 3);
    CHECK(fixed.notes.empty());
}

TEST_CASE("defaults hold for every pool unless it says otherwise") {
    const auto loaded = load_text(
        "defaults: {timeout: 7s, env: {A: '1', B: '1'}, rlimits: {nofile: 1}}\n"
        "pools:\n"
        "  a: {command: x, env: {B: '2'}}\n"
        "  b: {command: x, timeout: 9s}\n");
    REQUIRE(loaded.ok());
    const auto& pools = loaded.config.pools;
    CHECK(pools[0].policy.timeout == seconds{7});
    CHECK(pools[1].policy.timeout == seconds{9});
    CHECK(pools[0].process.env == Variables{{"A", "1"}, {"B", "2"}});
    CHECK(pools[1].process.rlimits.size() == 1);
    CHECK(is_written(pools[0], "timeout"));
}

TEST_CASE("sockets get the names that workers will look for") {
    const auto one = pool_with("listen: '127.0.0.1:1'");
    CHECK(one.listen.front().name == "web");
    CHECK(one.policy.has_sockets);
    const auto list = pool_with("listen: ['127.0.0.1:1', 'unix:@a', 'b=127.0.0.1:2']");
    REQUIRE(list.listen.size() == 3);
    CHECK(list.listen[0].name == "web");
    CHECK(list.listen[1].name == "web-1");
    CHECK(list.listen[2].name == "b");
    const auto map = pool_with("listen: {a: '[::]:1', b: {address: 'unix:/x', mode: 600}}");
    REQUIRE(map.listen.size() == 2);
    CHECK(map.listen[0].host == "::");
    CHECK(map.listen[1].mode == 0600);
    CHECK_FALSE(pool_with("timeout: 1s").policy.has_sockets);
}

TEST_CASE("thousands of sockets are refused before names are sought for each") {
    std::string list;
    for (int i = 0; i < 30'000; ++i) {
        list += "'127.0.0.1:1', ";
    }
    CHECK(errors_of(load_text("pools: {web: {command: x, listen: [" + list + "]}}")) ==
          "reeve.yaml:1:35: pools.web.listen: has more than 64 sockets\n");
}

TEST_CASE("a short timeout makes workers beat more often, or a live worker would count as hung") {
    CHECK(pool_with("timeout: 30s").policy.beat_interval == seconds{1});
    CHECK(pool_with("timeout: 1500ms").policy.beat_interval == milliseconds{500});
    CHECK(pool_with("timeout: 1s").policy.beat_interval == milliseconds{333});
    CHECK(pool_with("timeout: off").policy.beat_interval == seconds{1});
    CHECK(pool_with("timeout: off, beat_interval: 5s").policy.beat_interval == seconds{5});
}

TEST_CASE("orphans that keep serving must not write into a pipe that nobody reads") {
    CHECK(pool_with("orphans: keep").process.output == core::WorkerOutput::inherit);
    CHECK(pool_with("orphans: stop").process.output == core::WorkerOutput::tee);
}

TEST_CASE("limits that nobody can enforce are named, with the difference of can and may") {
    using Settings = std::vector<std::string>;
    const auto none = pool_with("liveness: none, timeout: 5s, max_requests: 9, slow_request: 1s");
    CHECK(settings(find_unenforced(none), true) ==
          Settings{"timeout", "slow_request", "max_requests"});
    const auto maybe = pool_with("timeout: 5s, request_timeout: 3s");
    CHECK(settings(find_unenforced(maybe), false) == Settings{"timeout", "request_timeout"});
    CHECK(settings(find_unenforced(maybe), true).empty());
    CHECK(find_unenforced(pool_with("liveness: required, timeout: 5s")).empty());
    CHECK(find_unenforced(pool_with("workers: 2")).empty());
    CHECK(find_unenforced(pool_with("liveness: none, timeout: off, max_requests: 0")).empty());
    CHECK(settings(find_unenforced(pool_with("max_requests_jitter: 5")), true) ==
          Settings{"max_requests_jitter"});
    CHECK(settings(find_unenforced(pool_with("liveness: none, on_hang: x")), true) ==
          Settings{"on_hang"});
}

TEST_CASE("pool flags with several pools are refused instead of applied to some") {
    auto request = request_for("pools: {a: {command: x}, b: {command: x}}");
    request.flags = {flag(Scope::pool, "workers", {"2"})};
    CHECK(
        errors_of(load(request)) ==
        "--workers: applies to a single pool, but the configuration has 2; write it in the file\n");
    request.flags = {flag(Scope::log, "level", {"debug"})};
    CHECK(load(request).ok());
}

TEST_CASE("an error in a flag names the flag") {
    Request request;
    request.command = {"x"};
    request.environment = environment_of({});
    request.flags = {flag(Scope::pool, "timeout", {"abc"})};
    CHECK(errors_of(load(request)) ==
          "--timeout: \"abc\" is not a duration (like 30, 500ms, 2m, 1h), or off\n");
    request.flags = {flag(Scope::pool, "env", {"A"})};
    CHECK(errors_of(load(request)) == "--env: A: has no value; write \"\" for an empty one\n");
}

TEST_CASE("a tab, which YAML does not allow and nobody sees, is named") {
    CHECK(errors_of(load_text("pools:\n\tweb:\n    command: x\n")) ==
          "reeve.yaml:2:5: illegal map value; YAML indents by spaces, not tabs\n");
}

TEST_CASE("a file that cannot be read is an error and not an empty configuration") {
    Request request;
    request.environment = environment_of({});
    request.file = "/nonexistent/reeve.yaml";
    CHECK(errors_of(load(request)) ==
          "/nonexistent/reeve.yaml: cannot be read: No such file or directory\n");
    request.file = "/";
    CHECK(errors_of(load(request)) == "/: cannot be read: it is a directory\n");
    request.file = "/dev/zero";
    CHECK(errors_of(load(request)) == "/dev/zero: is bigger than 1 MiB\n");
}

TEST_CASE("a printed configuration is the same configuration when it is read again") {
    const auto first = load_text(
        "name: n\nstop_delay: 5\nlog: {format: json, buffer: 1M}\n"
        "pools:\n"
        "  web:\n"
        "    command: [a, \"b \\\" \\\\ $${X}\", \"{fd:web}\", ' ', \"\\n\"]\n"
        "    listen: {web: {address: '[::]:1', v6only: yes}, u: 'unix:/x'}\n"
        "    timeout: 1s\n    umask: 022\n    nice: -3\n    fatal_exit_codes: [3]\n"
        "    rlimits: {core: unlimited}\n    stop_signal: RTMIN+3\n    orphans: keep\n"
        "    cwd: /srv/a b\n    user: '1000'\n    max_memory: 1500K\n");
    INFO(errors_of(first));
    REQUIRE(first.ok());
    auto second = load_text(show_config(first.config));
    INFO(errors_of(second));
    REQUIRE(second.ok());
    second.config.pools[0].written = first.config.pools[0].written;
    CHECK(second.config == first.config);
}

TEST_CASE("a printed configuration shows no secret of the environment") {
    const auto loaded = load_text("pools: {web: {command: x, env: {KEY: s3cret}}}");
    const auto text = show_config(loaded.config);
    CHECK(text.find("KEY") != std::string::npos);
    CHECK(text.find("s3cret") == std::string::npos);
}

}  // namespace reeve::config
