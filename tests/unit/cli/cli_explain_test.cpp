// `reeve explain`: what it says of programs, and that what it says can be pasted.
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include <doctest/doctest.h>

#include "cli/explain.hpp"
#include "config/words.hpp"

namespace reeve::cli {

namespace {

std::optional<std::string> no_variable(const std::string& /*name*/) { return std::nullopt; }

Selection typed(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "explain");
    const auto request = parse_arguments(arguments);
    if (const auto* say = std::get_if<Say>(&request)) FAIL(say->text);
    return std::get<Explain>(request).selection;
}

config::Loaded load(const Selection& selection) {
    config::Request request;
    request.flags = selection.flags;
    request.command = selection.command;
    request.cpus = {2, "fixed"};
    request.environment = no_variable;
    auto loaded = config::load(request);
    REQUIRE(loaded.errors == std::vector<std::string>{});
    return loaded;
}

Explained explained(const std::vector<std::string>& arguments) {
    const auto selection = typed(arguments);
    return explain(load(with_socket(selection, no_variable)), selection);
}

Explanation one(const std::vector<std::string>& arguments) {
    auto out = explained(arguments);
    REQUIRE(out.errors == std::vector<std::string>{});
    REQUIRE(out.pools.size() == 1);
    return out.pools.front();
}

/// A file that can be executed, for the time of one test.
class Program {
public:
    Program(const std::string& name, const std::string& text)
        : folder_{"/tmp/reeve-explain-" + std::to_string(::getpid())} {
        std::filesystem::create_directory(folder_);
        path = (folder_ / name).string();
        std::ofstream{path} << text;
        std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    }
    ~Program() { std::filesystem::remove_all(folder_); }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    std::string path;

private:
    std::filesystem::path folder_;
};

}  // namespace

TEST_CASE("what is printed could not be pasted") {
    const Program uvicorn{"uvicorn", "#!/bin/sh\n"};
    const auto shown =
        one({"--workers", "4", "--env", "A=it's", "--", uvicorn.path, "app:app", "--port", "9000"});
    CHECK(
        shown.run.starts_with("reeve run --listen 127.0.0.1:9000 --workers 4 --env "
                              "'A=it'\\''s'"));
    CHECK(shown.run.ends_with("-- " + uvicorn.path + " app:app --fd '{fd:web}'"));
    CHECK(shown.file.starts_with("a script of /bin/sh, dynamically linked"));
    config::Request request;
    request.file = "reeve.yaml";
    request.text = shown.yaml;
    request.cpus = {2, "fixed"};
    request.environment = no_variable;
    const auto loaded = config::load(request);
    CHECK(loaded.errors == std::vector<std::string>{});
    CHECK(loaded.config.pools.front().process.env.at("A") == "it's");
    CHECK(loaded.config.pools.front().process.command == shown.advice.command);
}

TEST_CASE("the interpreter behind env, or a program that is missing, would not be found") {
    const Program script{"serve", "#!/usr/bin/env sh\n# LISTEN_FDS\n"};
    const auto shown = one({"--", script.path});
    CHECK(shown.file.find("of /") != std::string::npos);
    CHECK(shown.advice.handoff.why == "it knows LISTEN_FDS");
    const Program lost{"lost", "#!/nonexistent/interpreter\n"};
    CHECK(explained({"--", lost.path}).errors.size() == 1);
    CHECK(explained({"--", "sh", "-c", "exec no-such-program-here"}).errors.size() == 1);
}

TEST_CASE("people and programs would read different things") {
    const auto shown = one({"--", "sh", "-c", "cd / && true"});
    const auto text = show_explanation(shown, Paint{});
    CHECK(text.starts_with("web\n  program      a shell"));
    CHECK(text.find("\n  warning ") != std::string::npos);
    CHECK(text.find("\033") == std::string::npos);
    for (const auto* choice : shown.advice.choices()) {
        CHECK(text.find("\n  " + choice->key + " ") != std::string::npos);
    }
    const auto json = explanations_json({shown});
    CHECK(json.starts_with("{\"pools\":[{\"pool\":\"web\","));
    CHECK(json.find("\"stop_signal\":{\"value\":\"TERM\"") != std::string::npos);
}

}  // namespace reeve::cli
