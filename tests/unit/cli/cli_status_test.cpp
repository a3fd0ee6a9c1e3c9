// `reeve status` and `reeve health`: what people see of what the daemon says.
//
// A case is NAME.json, an answer of a daemon, and NAME.txt, the page. Set REEVE_UPDATE_GOLDEN=1 to
// write the pages anew; read the difference before you keep it.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "cli/client_trouble.hpp"
#include "cli/health.hpp"
#include "cli/status.hpp"
#include "cli/status_table.hpp"

namespace reeve::cli {

namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
    std::ifstream stream{path, std::ios::binary};
    std::ostringstream out;
    out << stream.rdbuf();
    return out.str();
}

DaemonStatus status_of(const std::string& name) {
    return parse_status(read_file(fs::path{GOLDEN_CLI} / (name + ".json")));
}

}  // namespace

TEST_CASE("the page of a quiet, a troubled, an older and a newer daemon reads as it should") {
    const bool update = std::getenv("REEVE_UPDATE_GOLDEN") != nullptr;
    for (const auto* name : {"quiet", "troubled", "older", "newer"}) {
        CAPTURE(name);
        const auto page = render_status(status_of(name), Paint{});
        const auto file = fs::path{GOLDEN_CLI} / (std::string{name} + ".txt");
        if (update) std::ofstream{file} << page;
        CHECK(page == read_file(file));
    }
}

TEST_CASE("a terminal of 100 columns holds every line, and without colours there is no escape") {
    const auto page = render_status(status_of("troubled"), Paint{});
    std::istringstream lines{page};
    for (std::string line; std::getline(lines, line);) {
        CAPTURE(line);
        CHECK(line.size() <= 100);
        CHECK_FALSE(line.ends_with(' '));
    }
    CHECK(page.find('\033') == std::string::npos);
}

TEST_CASE("colours change nothing but the colour, so columns stay straight on a terminal") {
    auto page = render_status(status_of("troubled"), Paint{true, true});
    CHECK(page.find("\033[31mdegraded\033[0m") != std::string::npos);
    for (auto at = page.find('\033'); at != std::string::npos; at = page.find('\033')) {
        page.erase(at, page.find('m', at) - at + 1);
    }
    CHECK(page == render_status(status_of("troubled"), Paint{}));
}

TEST_CASE("what a worker wrote cannot move the cursor of the one who looks at the status") {
    auto status = status_of("quiet");
    status.pools.at(0).last_death = DeathStatus{0, 1, "x", "", "", "", "a\nbad\033[2J\tb\r"};
    const auto page = render_status(status, Paint{});
    CHECK(page.find("| bad?[2J?b?\n") != std::string::npos);
    CHECK(page.find('\033') == std::string::npos);
}

TEST_CASE("an answer that is no status is said to be none") {
    for (const auto* text : {"", "[]", "{", "<html>", "{}x"}) {
        CAPTURE(text);
        CHECK_THROWS_AS((void)parse_status(text), Trouble);
    }
    CHECK(render_status(parse_status("{}"), Paint{}) == "reeve -  pid -  up -\n");
}

TEST_CASE("times and sizes are short and never nonsense") {
    CHECK(short_span({}) == "-");
    CHECK(short_span(-3) == "0.0 s");
    CHECK(short_span(0.44) == "0.4 s");
    CHECK(short_span(9.94) == "9.9 s");
    CHECK(short_span(9.96) == "9 s");
    CHECK(short_span(119.9) == "119 s");
    CHECK(short_span(120) == "2 min");
    CHECK(short_span(7200) == "2 h");
    CHECK(short_span(3600 * 24 * 400.0) == "400 d");
    CHECK(short_size({}) == "-");
    CHECK(short_size(-1) == "0 B");
    CHECK(short_size(1023) == "1023 B");
    CHECK(short_size(1536) == "1.5 KiB");
    CHECK(short_size(25165824) == "24 MiB");
    CHECK(short_size(INT64_MAX) == "8388608 TiB");
}

TEST_CASE("a pool is healthy with enough workers ready, and the line says why when it is not") {
    auto status = status_of("quiet");
    CHECK(health_of(status, "web").good);
    CHECK(health_of(status, "web").text == "web: 2 of 2 ready");
    CHECK_FALSE(health_of(status, "wbe").good);
    CHECK(health_of(status, "wbe").text == "wbe: no such pool");
    auto& pool = status.pools.at(0);
    pool.min_ready = 3;
    CHECK_FALSE(health_of(status, "web").good);
    pool.min_ready = {};
    pool.ready = 0;
    CHECK_FALSE(health_of(status, "web").good);
    pool.ready = 2;
    pool.held = true;
    CHECK(health_of(status, "web").text == "web: 2 of 2 ready, stopped by command");
    pool.held = false;
    status.stopping = true;
    CHECK_FALSE(health_of(status, "web").good);
}

}  // namespace reeve::cli
