// What becomes of a Procfile.
#include <doctest/doctest.h>

#include "import/env_file.hpp"
#include "import/procfile.hpp"
#include "support.hpp"

namespace reeve::imports {

namespace {

config::Parsed<Imported> translated(const std::string& text, const std::string& env = {}) {
    Procfile from;
    from.file = "/srv/Procfile";
    from.text = text;
    if (!env.empty()) from.env_file = "/srv/.env";
    for (const auto& [name, value] : read_env_file(env)) from.env_names.insert(name);
    return translate(from);
}

core::Config loaded(const std::string& text, const std::string& env = {},
                    std::map<std::string, std::string> variables = {}) {
    const auto out = translated(text, env);
    REQUIRE(out.error.empty());
    return load_draft(out.value.draft, std::move(variables));
}

std::vector<std::string> command(const std::string& text, const std::string& env = {},
                                 std::map<std::string, std::string> variables = {}) {
    return loaded("x: " + text + "\n", env, std::move(variables)).pools.front().process.command;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("a process type is a pool of one, without sockets but for the web") {
    const auto config = loaded("# c\nweb: ./server -p $PORT\n\n jobs :  ./jobs 'a b'\n");
    REQUIRE(config.pools.size() == 2);
    CHECK(config.pools[0].listen.front().port == 5000);
    CHECK(config.pools[0].process.handoff == core::Handoff::adopt);
    CHECK(config.pools[0].process.env.at("PORT") == "5000");
    CHECK(config.pools[1].policy.workers == 1);
    CHECK(config.pools[1].listen.empty());
    CHECK(config.pools[1].process.cwd == "/srv");
    CHECK(config.pools[1].process.command == Words{"./jobs", "a b"});
    const auto other = loaded("web: ./server\n", "", {{"PORT", "81"}, {"WEB_CONCURRENCY", "3"}});
    CHECK(other.pools[0].listen.front().port == 81);
    CHECK(other.pools[0].policy.workers == 3);
}

TEST_CASE("the web gets its socket as the program is known to want it") {
    const auto out = loaded("web: gunicorn app:app --workers 4 --bind 0.0.0.0:$PORT --threads 2\n");
    CHECK(out.pools[0].process.command == Words{"gunicorn", "app:app", "--threads", "2"});
    CHECK(out.pools[0].policy.workers == 4);
    CHECK(out.pools[0].process.handoff == core::Handoff::inherit);
    CHECK(out.pools[0].policy.liveness == core::Liveness::preload);
}

TEST_CASE("a shell runs only what needs one") {
    CHECK(command("cat $A ${B}", "", {{"A", "1"}}) == Words{"cat", "1", ""});
    CHECK(command("cat a; cat b") == Words{"/bin/sh", "-c", "cat a; cat b"});
    CHECK(command("cat $A", "A=1\n") == Words{"/bin/sh", "-c", "exec cat $A"});
    CHECK(command("cat ${A%x}") == Words{"/bin/sh", "-c", "exec cat ${A%x}"});
    CHECK(command("cat '$A'") == Words{"/bin/sh", "-c", "exec cat '$A'"});
    const auto assigned = loaded("x: A=1 B=$C cat\n", "", {{"C", "2"}}).pools.front();
    CHECK(assigned.process.command == Words{"cat"});
    CHECK(assigned.process.env == std::map<std::string, std::string>{{"A", "1"}, {"B", "2"}});
    CHECK(entry_of(translated("x: a | b\n").value.report, "x").note.find("it has |") !=
          std::string::npos);
}

TEST_CASE("the release is run before the web starts, and .env is given to all") {
    const auto config = loaded("jobs: j\nrelease: ./migrate --all\nweb: ./w\n", "A=1\n");
    CHECK(config.pools[1].before_start == Words{"./migrate", "--all"});
    CHECK(config.pools[0].process.env_file == "/srv/.env");
    using Pairs = std::vector<std::pair<std::string, std::string>>;
    CHECK(read_env_file("# x=1\nexport A=1\n B = \"2 3\"\nnonsense\n") ==
          Pairs{{"A", "1"}, {"B", "2 3"}});
}

TEST_CASE("what makes no sense is refused with its place") {
    CHECK(translated("").error == "/srv/Procfile: names no process");
    CHECK(translated("web\n").error == "/srv/Procfile:1: is no NAME: COMMAND");
    CHECK(translated("a b: c\n").error == "/srv/Procfile:1: is no NAME: COMMAND");
    CHECK(translated("a: b\na: c\n").error == "/srv/Procfile:2: a is there already");
}

}  // namespace reeve::imports
