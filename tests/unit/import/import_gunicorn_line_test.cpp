// gunicorn's command line is read as gunicorn reads it.
#include <set>

#include <doctest/doctest.h>

#include "import/gunicorn.hpp"

namespace reeve::imports {

namespace {

GunicornLine line(const std::vector<std::string>& words) {
    auto read = read_gunicorn_line(words, "command line");
    REQUIRE(read.error.empty());
    return read.value;
}

std::string error(const std::vector<std::string>& words) {
    return read_gunicorn_line(words, "command line").error;
}

std::string value(const GunicornLine& of, const std::string& name) {
    for (const auto& given : of.given) {
        if (given.setting->name == name) return given.value.text;
    }
    return "not given";
}

}  // namespace

TEST_CASE("flags in every form that a user of gunicorn may have written") {
    for (const auto& words : std::vector<std::vector<std::string>>{{"-w", "4"},
                                                                   {"-w4"},
                                                                   {"--workers", "4"},
                                                                   {"--workers=4"},
                                                                   {"--workers", "8", "-w", "4"}}) {
        CHECK(value(line(words), "workers") == "4");
    }
    CHECK(value(line({"--graceful", "9"}), "graceful_timeout") == "9");
    CHECK(value(line({"-DR"}), "daemon") == "True");
    CHECK(value(line({"-DR"}), "enable_stdio_inheritance") == "True");
    CHECK(value(line({"--no-sendfile"}), "sendfile") == "False");
    CHECK(value(line({"--proxy-protocol", "-w", "1"}), "proxy_protocol") == "auto");
    CHECK(value(line({"--log-file", "-"}), "errorlog") == "-");
}

TEST_CASE("flags that may be repeated add up, and words are the application") {
    const auto read =
        line({"-b", "127.0.0.1:1", "app:app", "--bind=unix:/x", "-e", "A=1", "-eB=2"});
    CHECK(read.words == std::vector<std::string>{"app:app"});
    CHECK(read.given[0].value.items == std::vector<std::string>{"127.0.0.1:1", "unix:/x"});
    CHECK(read.given[1].value.items == std::vector<std::string>{"A=1", "B=2"});
}

TEST_CASE("a pasted command line may begin with the program") {
    CHECK(line({"/srv/venv/bin/gunicorn", "a:b"}).program == "/srv/venv/bin/gunicorn");
    CHECK(line({"python3", "-m", "gunicorn", "a:b"}).words == std::vector<std::string>{"a:b"});
    CHECK(line({"a:b"}).program.empty());
}

TEST_CASE("what gunicorn would refuse is refused with the reason") {
    CHECK(error({"--worker", "4"}) == "--worker may be several options");
    CHECK(error({"--wrokers", "4"}) == "gunicorn has no option --wrokers; did you mean --workers?");
    CHECK(error({"-w"}) == "-w needs a value");
    CHECK(error({"--reload=yes"}) == "--reload takes no value");
    CHECK(error({"-Z"}).starts_with("gunicorn has no option -Z"));
}

TEST_CASE("no two settings share a name or a flag") {
    std::set<std::string> seen;
    for (const auto& setting : gunicorn_settings()) {
        CHECK_MESSAGE(seen.insert(std::string{setting.name}).second, setting.name);
        auto flags = std::string{setting.flags};
        while (!flags.empty()) {
            const auto end = std::min(flags.find('|'), flags.size());
            CHECK_MESSAGE(seen.insert(flags.substr(0, end)).second, flags);
            flags.erase(0, end + 1);
        }
    }
    CHECK(seen.size() > 150);
}

}  // namespace reeve::imports
