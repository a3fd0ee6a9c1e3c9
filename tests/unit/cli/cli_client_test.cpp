// The client's ears: server-sent events, answers, progress and the choice of the socket.
#include <doctest/doctest.h>

#include "cli/client.hpp"
#include "cli/client_answer.hpp"
#include "cli/client_trouble.hpp"
#include "cli/commands_progress.hpp"
#include "cli/events.hpp"

namespace reeve::cli {

namespace {

Event of_worker(const std::string& name, const std::string& slot, const std::string& pid = "7") {
    Event event;
    event.name = name;
    event.fields = {{"pool", "web"}, {"slot", slot}, {"pid", pid}};
    return event;
}

std::string text_of(const std::optional<ProgressLine>& line) { return line ? line->text : ""; }

DaemonStatus two_workers() {
    return parse_status(R"({"pools": {"web": {"desired": 2, "workers": [{"pid": 7}, {"pid": 8},
                            {"pid": null}]}, "queue": {"desired": 1}}})");
}

config::Environment environment_of(const std::string& admin) {
    return [admin](const std::string& name) {
        const bool asked = name == "REEVE_ADMIN" && !admin.empty();
        return asked ? std::optional{admin} : std::nullopt;
    };
}

}  // namespace

TEST_CASE("events arrive whole however the bytes are cut") {
    const std::string stream =
        ": hello\nid: 7\nevent: hang\ndata: {\"a\":\ndata: 1}\nretry: 5\n\n\n"
        "data:x\r\n\r\nevent: empty\n\nid: 8\ndata: cut off";
    for (std::size_t step = 1; step <= stream.size(); ++step) {
        EventParser parser;
        std::vector<RawEvent> events;
        const auto take = [&](const RawEvent& event) { events.push_back(event); };
        for (std::size_t at = 0; at < stream.size(); at += step) {
            parser.feed(std::string_view{stream}.substr(at, step), take);
        }
        REQUIRE(events.size() == 2);
        CHECK(events[0].id == "7");
        CHECK(events[0].name == "hang");
        CHECK(events[0].data == "{\"a\":\n1}");
        CHECK(events[1].data == "x");
        CHECK(events[1].name.empty());
    }
}

TEST_CASE("an event without an end does not fill the memory") {
    EventParser parser;
    const std::string piece(65536, 'x');
    const auto flood = [&] {
        for (int i = 0; i < 64; ++i) parser.feed(piece, [](const RawEvent&) {});
    };
    CHECK_THROWS_AS(flood(), Trouble);
}

TEST_CASE("a line about an event says when, how bad, what, who, and reads flat or nested fields") {
    const auto* flat = R"({"time":"2026-11-22T21:14:51.123456Z","level":"error","event":"x",
                           "pool":"web","slot":1,"pid":9,"message":"killed\u001b"})";
    const std::string line = "21:14:51.123 error    worker_died      web/1 pid 9: killed?";
    CHECK(render_event(parse_event("worker_died", flat), Paint{}) == line);
    const auto* nested = R"({"level":"error","subject":"web/1 pid 9","message":"killed\u001b",
                             "fields":{"pool":"web","slot":1,"pid":9}})";
    CHECK(render_event(parse_event("worker_died", nested), Paint{}) == line.substr(13));
    CHECK(parse_event("", flat).name == "x");
    CHECK(parse_event("worker_died", nested).fields.at("slot") == "1");
    CHECK(render_event(parse_event("odd", "no json"), Paint{}) ==
          "-        odd              no json");
}

TEST_CASE("an answer is told in the daemon's own words, and the exit code follows the status") {
    CHECK(words_of({404, R"({"verdict":"unknown","text":"no pool wbe\n","more":1})"}) ==
          "no pool wbe");
    CHECK(words_of({200, R"({"verdict":"done"})"}) == "done");
    CHECK(words_of({404, ""}).find("404") != std::string::npos);
    CHECK(words_of({502, "plain"}) == "plain");
    CHECK(exit_code_of(200) == 0);
    CHECK(exit_code_of(202) == 0);
    CHECK(exit_code_of(403) == 77);
    for (const unsigned status : {301U, 400U, 404U, 405U, 409U, 422U, 500U}) {
        CHECK(exit_code_of(status) == 1);
    }
}

TEST_CASE("what goes to the daemon is JSON, whatever the words contain") {
    CHECK(make_body({{"pool", std::string{"a\"b"}}, {"level", std::string{}}, {"wait", false}}) ==
          R"({"pool":"a\"b","wait":false})");
}

TEST_CASE("progress counts each slot once, of as many as there are") {
    Progress progress{Progress::Kind::replace, two_workers(), ""};
    CHECK(text_of(progress.take(of_worker("worker_started", "0"))).empty());
    CHECK(text_of(progress.take(of_worker("worker_ready", "0"))) == "web: 1/2 replaced");
    CHECK(text_of(progress.take(of_worker("worker_ready", "0"))).empty());
    CHECK(text_of(progress.take(of_worker("worker_ready", "1"))) == "web: 2/2 replaced");
    CHECK(text_of(progress.take(of_worker("worker_ready", "2"))) == "web: 3 replaced");
    Event failure = of_worker("reload_failure", "1");
    failure.subject = "web/1";
    failure.message = "the reload fails";
    const auto line = progress.take(failure);
    REQUIRE(line);
    CHECK(line->last);
    CHECK(line->text == "web/1: the reload fails");
}

TEST_CASE("progress of a stop counts processes, of a slot one, of a scale the difference") {
    Progress stop{Progress::Kind::stop, two_workers(), "web"};
    CHECK(text_of(stop.take(of_worker("worker_died", "0", "7"))) == "web: 1/2 stopped");
    Progress reload{Progress::Kind::reload, two_workers(), ""};
    CHECK(text_of(reload.take(of_worker("worker_ready", "0"))) ==
          "web: 1/2 ready, waiting until it is stable");
    CHECK(text_of(reload.take(of_worker("rotation", "0"))) == "web: 1/2 replaced");
    CHECK(text_of(reload.take(of_worker("worker_ready", "1"))) == "web: 2/2 replaced");
    CHECK(text_of(reload.take(of_worker("rotation", "1"))).empty());
    Progress slot{Progress::Kind::replace, two_workers(), "web/1"};
    CHECK(text_of(slot.take(of_worker("worker_ready", "1"))) == "web: 1/1 replaced");
    Progress unknown{Progress::Kind::start, std::nullopt, ""};
    CHECK(text_of(unknown.take(of_worker("worker_ready", "1"))) == "web: 1 ready");
    Progress scale{Progress::Kind::start, two_workers(), ""};
    Event scaled = of_worker("scale", "");
    scaled.fields = {{"pool", "web"}, {"from", "5"}, {"to", "2"}};
    CHECK(text_of(scale.take(scaled)).empty());
    CHECK(text_of(scale.take(of_worker("worker_died", "4"))) == "web: 1/3 stopped");
}

TEST_CASE("the socket is that of --admin, then of --name, then of REEVE_ADMIN") {
    CHECK(choose_admin_path({"/a", "n"}, environment_of("/e")) == "/a");
    CHECK(choose_admin_path({"", ""}, environment_of("/e")) == "/e");
    CHECK(choose_admin_path({"", "n"}, environment_of("/e")).ends_with("/n/admin.sock"));
    CHECK(choose_admin_path({"", ""}, environment_of("")).ends_with("/admin.sock"));
    CHECK_THROWS_AS((void)choose_admin_path({"", ""}, environment_of("none")), Trouble);
}

}  // namespace reeve::cli
