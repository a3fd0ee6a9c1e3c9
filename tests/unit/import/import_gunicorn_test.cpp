// What becomes of Gunicorn's settings.
#include <doctest/doctest.h>

#include "import/gunicorn.hpp"
#include "import/gunicorn_sockets.hpp"
#include "support.hpp"

namespace reeve::imports {

namespace {

/// A configuration as the script that executes it tells of it.
Gunicorn from_json(const std::string& settings, const std::vector<std::string>& words = {"a:b"}) {
    Gunicorn out;
    auto file = read_gunicorn_answer(
        R"({"location": "./gunicorn.conf.py", "complete": true, "settings": )" + settings + "}",
        "./gunicorn.conf.py");
    REQUIRE(file.error.empty());
    out.file = std::move(file.value);
    out.line = read_gunicorn_line(words, "command line").value;
    out.cwd = "/srv";
    return out;
}

Imported imported(const Gunicorn& from) {
    auto out = translate(from);
    REQUIRE(out.error.empty());
    return out.value;
}

const std::string uvicorn = R"("worker_class": {"value": "uvicorn.workers.UvicornWorker"})";

core::PoolConfig web(const Imported& from, std::map<std::string, std::string> variables = {},
                     unsigned cpus = 2) {
    return load_draft(from.draft, std::move(variables), cpus).pools.front();
}

}  // namespace

TEST_CASE("the number of workers is as gunicorn's was, in containers of every size") {
    const auto from = imported(from_json(
        R"({"workers": {"value": 5, "line": 3, "cpus": [2.0, 1.0], "variables":
            ["GUNICORN_WORKERS"], "with": ["${GUNICORN_WORKERS:-auto}"]},
            "loglevel": {"value": "info", "with": ["${GUNICORN_LOG_LEVEL:-info}"], "variables":
            ["GUNICORN_LOG_LEVEL"]}, )" +
        uvicorn + "}"));
    CHECK(web(from, {}, 2).policy.workers == 5);
    CHECK(web(from, {}, 4).policy.workers == 9);
    CHECK(web(from, {{"GUNICORN_WORKERS", "4"}}, 2).policy.workers == 4);
    CHECK(load_draft(from.draft).log.level == core::LogLevel::info);
    const auto loud = load_draft(from.draft, {{"GUNICORN_LOG_LEVEL", "warning"}});
    CHECK(loud.log.level == core::LogLevel::warning);
    CHECK(loud.pools.front().process.command.back() == "--no-access-log");
    const auto entry = entry_of(from.report, "workers");
    CHECK(entry.from == "gunicorn.conf.py:3");
    CHECK(entry.becomes == "workers: ${GUNICORN_WORKERS:-auto}");
    CHECK(entry.note.find("GUNICORN_WORKERS") != std::string::npos);
}

TEST_CASE("a command line wins over GUNICORN_CMD_ARGS, and that over the file") {
    auto from = from_json(R"({"workers": {"value": 1}, "timeout": {"value": 1},
                              "backlog": {"value": 1}})");
    from.environment = read_gunicorn_line({"--workers", "2", "-t2"}, "GUNICORN_CMD_ARGS").value;
    from.line = read_gunicorn_line({"a:b", "--workers", "3"}, "command line").value;
    const auto out = imported(from);
    CHECK(web(out).policy.workers == 3);
    CHECK(web(out).policy.timeout == std::chrono::seconds{2});
    CHECK(web(out).listen.front().backlog == 1);
    CHECK(entry_of(out.report, "workers").from == "command line");
    CHECK(entry_of(out.report, "timeout").from == "GUNICORN_CMD_ARGS");
}

TEST_CASE("without being told, reeve does what gunicorn did") {
    const auto pool = web(imported(from_json("{" + uvicorn + "}")));
    CHECK(pool.policy.workers == 1);
    CHECK(pool.process.access_log == "none");
    CHECK(web(imported(from_json("{}")), {{"WEB_CONCURRENCY", "6"}}).policy.workers == 6);
    CHECK(pool.listen.front().host == "127.0.0.1");
    CHECK(pool.policy.accept == core::Accept::per_worker);
    auto from = from_json("{}");
    from.port = true;
    const auto other = web(imported(from), {{"PORT", "81"}});
    CHECK(other.listen.front().host == "0.0.0.0");
    CHECK(other.listen.front().port == 81);
}

TEST_CASE("uvicorn serves what a Uvicorn worker did, and gunicorn the rest") {
    const auto with = [](const std::string& worker_class, const std::string& application) {
        return web(imported(from_json(R"({"worker_class": {"value": ")" + worker_class + R"("}})",
                                      {application})))
            .process.command;
    };
    using Words = std::vector<std::string>;
    CHECK(with("uvicorn.workers.UvicornWorker", "a") == Words{"uvicorn", "a:application", "--fd",
                                                              "{fd:web}", "--workers", "1",
                                                              "--no-access-log"});
    CHECK(with("asgi", "a:make()")[2] == "--factory");
    CHECK(with("uvicorn_worker.UvicornH11Worker", "a")[9] == "h11");
    CHECK(with("gthread", "a:b") ==
          Words{"gunicorn", "a:b", "-c", "gunicorn.conf.py", "--workers", "1", "--timeout", "0"});
    CHECK(translate(from_json(R"({"worker_class": {"value": "asgi"}})", {"a:make(1)"}))
              .error.starts_with("a:make(1): uvicorn calls no factory"));
    CHECK(translate(from_json("{}", {})).error ==
          "gunicorn.conf.py names no application: reeve import gunicorn -- MODULE:NAME -c "
          "gunicorn.conf.py");
}

TEST_CASE("what was typed reaches the gunicorn that is a worker, but for what reeve does") {
    const auto from = imported(
        from_json("{}", {"a:b", "-k", "gthread", "--threads=4", "-w", "8", "--max-requests", "9",
                         "--user", "root", "-b:1", "--dirty-app", "x", "--dirty-app", "y"}));
    CHECK(web(from).process.command ==
          std::vector<std::string>{"gunicorn", "a:b", "-c", "gunicorn.conf.py", "--worker-class",
                                   "gthread", "--threads", "4", "--dirty-app", "x", "--dirty-app",
                                   "y", "--workers", "1", "--max-requests", "0", "--timeout", "0"});
    CHECK(web(from).policy.max_requests == 9);
}

TEST_CASE("the client takes all sockets and the limit on connections") {
    auto from = from_json(R"({"worker_connections": {"value": 1000}, "accesslog": {"value": "-"},
                              "bind": {"value":
                              ["127.0.0.1:1", "127.0.0.1:2"]}, )" +
                          uvicorn + "}");
    CHECK(load_draft(imported(from).draft).pools.size() == 2);
    from.client = true;
    const auto config = load_draft(imported(from).draft);
    REQUIRE(config.pools.size() == 1);
    CHECK(config.pools[0].listen.size() == 2);
    CHECK(config.pools[0].policy.liveness == core::Liveness::required);
    CHECK(config.pools[0].policy.accept == core::Accept::per_worker);
    CHECK(config.pools[0].process.command[4] == "--limit-connections");
    CHECK(config.pools[0].process.access_log == "-");
    CHECK(entry_of(imported(from).report, "accesslog").becomes == "access_log: -");
}

TEST_CASE("addresses in every form of gunicorn's") {
    const auto address = [](const std::string& text, bool variables = false) {
        return read_bind({text, variables}, "/srv").value.address.text;
    };
    CHECK(address("127.0.0.1") == "127.0.0.1:8000");
    CHECK(address(":80") == "0.0.0.0:80");
    CHECK(address("tcp://[::1]:80") == "[::1]:80");
    CHECK(address("[::1]") == "[::1]:8000");
    CHECK(address("unix:run/x.sock") == "unix:/srv/run/x.sock");
    CHECK(address("unix:///run/x.sock") == "unix:/run/x.sock");
    CHECK(address("fd://3") == "systemd:web");
    CHECK(address("${HOST:-::}", true) == "${HOST:-::}");
    CHECK(address("${HOST:-127.0.0.1}:${PORT:-80}", true) == "${HOST:-127.0.0.1}:${PORT:-80}");
    CHECK(address("0.0.0.0:${PORT}", true) == "0.0.0.0:${PORT}");
    CHECK(read_bind({"unix:"}, "/").error == "is a Unix socket without a path");
}

TEST_CASE("a Unix socket keeps its owner and the rights that gunicorn gave it") {
    const auto pool = web(imported(from_json(
        R"({"bind": {"value": "unix:/run/x.sock"}, "user": {"value": "root"}, "umask":
            {"value": 7}})")));
    CHECK(pool.listen.front().mode == 0770);
    CHECK(pool.listen.front().owner == "root");
    CHECK(pool.process.umask == 07);
    CHECK(pool.policy.accept == core::Accept::shared);
    CHECK(web(imported(from_json(R"({"umask": {"value": 18}})"))).process.umask == 022);
    CHECK(web(imported(from_json("{}", {"a:b", "-m", "022"}))).process.umask == 022);
    CHECK(web(imported(from_json("{}", {"a:b", "-m", "18"}))).process.umask == 022);
}

TEST_CASE("every setting of the table is told of, whichever worker it is") {
    for (const bool with_uvicorn : {true, false}) {
        for (const auto& setting : gunicorn_settings()) {
            const auto name = std::string{setting.name};
            if (name == "worker_class") continue;
            const std::string value = name == "bind"      ? "\"127.0.0.1:1\""
                                      : name == "raw_env" ? R"(["A=1"])"
                                                          : "1";
            const auto json = "{\"" + name + "\": {\"value\": " + value + "}" +
                              (with_uvicorn ? ", " + uvicorn : "") + "}";
            const auto from = imported(from_json(json));
            const auto entry = entry_of(from.report, name);
            CHECK_MESSAGE((!entry.becomes.empty() || !entry.note.empty()), name);
            (void)load_draft(from.draft);
        }
    }
}

TEST_CASE("values that make no sense are refused with their place") {
    const auto error = [](const std::string& settings) {
        return translate(from_json(settings)).error;
    };
    CHECK(error(R"({"workers": {"value": "many", "line": 4}})")
              .starts_with("gunicorn.conf.py:4: workers "));
    CHECK(error(R"({"timeout": {"value": -1}})").find("timeout is no number") != std::string::npos);
    CHECK(error(R"({"raw_env": {"value": ["A"]}})").find("no NAME=VALUE") != std::string::npos);
    CHECK(error(R"({"umask": {"value": 4096}})").find("umask") != std::string::npos);
}

TEST_CASE("an answer that is none is an error and not a configuration") {
    CHECK(read_gunicorn_answer("", "x.py").error == "x.py: Python gave no answer");
    CHECK(read_gunicorn_answer("[1]", "x.py").error == "x.py: Python gave no answer");
    CHECK(read_gunicorn_answer(R"({"error": {"text": "no", "line": 3}})", "./x.py").error ==
          "x.py:3: no");
    CHECK(read_gunicorn_answer(R"({"settings": 7})", "x.py").value.given.empty());
}

}  // namespace reeve::imports
