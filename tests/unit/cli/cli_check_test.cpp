// `reeve check`: what it shows, and what it finds missing on this machine.
#include <doctest/doctest.h>

#include "cli/probe.hpp"
#include "cli/summary.hpp"
#include "config/words.hpp"

namespace reeve::cli {

namespace {

config::Loaded load_text(const std::string& text) {
    config::Request request;
    request.file = "reeve.yaml";
    request.text = text;
    request.cpus = {2, "fixed"};
    request.environment = [](const std::string&) { return std::optional<std::string>{}; };
    auto loaded = config::load(request);
    REQUIRE(loaded.errors == std::vector<std::string>{});
    return loaded;
}

/// A line each.
std::string problems(const std::string& options) {
    return config::join(probe(load_text("pools: {web: {" + options + "}}")), "\n");
}

}  // namespace

TEST_CASE("what would fail at the start is found before it") {
    CHECK(problems("command: /bin/sh -c true") == "");
    CHECK(problems("command: sh") == "");
    CHECK(problems("command: /nonexistent/x") ==
          "reeve.yaml:1:24: pools.web.command: /nonexistent/x: no such file");
    CHECK(problems("command: /etc/passwd") ==
          "reeve.yaml:1:24: pools.web.command: /etc/passwd is not an executable file");
    CHECK(problems("command: [no-such-program], env: {PATH: /bin}") ==
          "reeve.yaml:1:24: pools.web.command: no-such-program: no such program in PATH "
          "(/bin)");
    CHECK(problems("command: sh, cwd: /nonexistent") ==
          "reeve.yaml:1:33: pools.web.cwd: /nonexistent: No such file or directory");
    CHECK(problems("command: sh, cwd: /etc/passwd") ==
          "reeve.yaml:1:33: pools.web.cwd: /etc/passwd is not a directory");
    CHECK(problems("command: sh, env_file: /nonexistent") ==
          "reeve.yaml:1:38: pools.web.env_file: /nonexistent: No such file or directory");
    CHECK(problems("command: sh, user: nobody-at-all") != "");
    CHECK(problems("command: sh, group: nobody-at-all") != "");
    CHECK(problems("command: sh, user: root, group: '0'") == "");
    CHECK(problems("command: sh, on_hang: /nonexistent/x") != "");
}

TEST_CASE("what cannot be known before the start is not called an error") {
    CHECK(problems("command: '/srv/{slot}/run'") == "");
    CHECK(problems("command: no-such-program, env_file: /etc/passwd") == "");
}

TEST_CASE("the summary shows what will run, and warns of limits that nobody keeps") {
    const auto loaded = load_text(
        "pools: {web: {command: [x, 'a b'], listen: {web: 127.0.0.1:1, local: 'unix:/x'}, "
        "workers: 2, liveness: none, timeout: 5}, q: {command: y}}");
    CHECK(summarize(loaded, Paint{}) ==
          "web\n"
          "  command   x 'a b'\n"
          "  workers   2\n"
          "  sockets   web    tcp://127.0.0.1:1\n"
          "            local  unix:/x\n"
          "q\n"
          "  command   y\n"
          "  workers   5\n"
          "  sockets   none\n"
          "note: pools.q.workers: auto = 2 x 2 CPUs + 1 = 5 (fixed)\n"
          "warning: pools.web.timeout: liveness: none listens to no heartbeats; use liveness: "
          "auto, or native with a worker that sends them\n");
    CHECK(certain_warnings(loaded).size() == 1);
    CHECK(summarize(loaded, Paint{true}).find("\033[33mwarning\033[0m") != std::string::npos);
}

}  // namespace reeve::cli
