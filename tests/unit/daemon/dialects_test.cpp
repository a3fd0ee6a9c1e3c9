// The protocols of others, as bytes of whoever: einhorn's messages, answers to a probe.
#include <cstdint>
#include <string>

#include <doctest/doctest.h>

#include "daemon/einhorn.hpp"
#include "daemon/ready_dialer.hpp"

namespace reeve::daemon {
namespace {

TEST_CASE("einhorn's clients must be understood in JSON and in YAML with escapes") {
    for (const char* line :
         {R"({"command": "worker:ack", "pid": 12})", R"({"pid":12,"command":"worker:ack"})",
          "---%0Acommand: worker:ack%0Apid: 12%0A", "--- %0acommand: 'worker:ack'%0apid: 12",
          R"(--- {command: "worker:ack", pid: 12})"}) {
        CAPTURE(line);
        CHECK(read_einhorn(line) == EinhornWord::ack);
    }
    CHECK(read_einhorn("---%0Acommand: worker:ping%0Apid: 12%0Aid: main%0A") == EinhornWord::ping);
    CHECK(read_einhorn(R"({"command": "ehlo", "user": "x"})") == EinhornWord::other);
    CHECK(einhorn_refusal().ends_with("\n"));
}

TEST_CASE("what is no message of einhorn's must not be taken for one") {
    for (const char* line :
         {"", "worker:ack", "command", "command:", "{}", "{{{{", "%", "%0", "%zz%0A",
          ":::", R"({"command": "worker:ack"})", R"({"command": "worker:ack", "pid": "x"})",
          R"({"command": "worker:ack", "pid": -1})", R"({"command": "worker:ack", "pid": })",
          "---%0Acommand: worker:ack%0Apid:%0A", R"({"xcommand": "worker:ack", "pid": 1})"}) {
        CAPTURE(line);
        CHECK(read_einhorn(line) == EinhornWord::garbage);
    }
    CHECK(read_einhorn("command: worker:ackx%0Apid: 1") == EinhornWord::other);
}

TEST_CASE("random bytes on the einhorn socket must never be read beyond their end") {
    std::uint64_t state = 7;
    const std::string words = "command: worker:ack%0Apid: 12{}\"',\n%";
    for (int round = 0; round < 20'000; ++round) {
        std::string line;
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        const std::size_t size = (state >> 40U) % 60;
        for (std::size_t i = 0; i < size; ++i) {
            state = state * 6364136223846793005ULL + 1442695040888963407ULL;
            const auto drawn = static_cast<unsigned>(state >> 33U);
            line += drawn % 4 == 0 ? static_cast<char>(drawn >> 8U)
                                   : words[(drawn >> 8U) % words.size()];
        }
        const EinhornWord word = read_einhorn(line);
        const bool believed = word == EinhornWord::ack || word == EinhornWord::ping;
        // No shorter message says a command and a pid.
        if (believed) CHECK(line.size() >= std::string{"command:worker:ack,pid:1"}.size());
    }
}

TEST_CASE("only 2xx and 3xx mean yes, and the answer may come in pieces") {
    const std::string yes = "HTTP/1.1 200 OK";
    for (std::size_t size = 0; size < 12; ++size) {
        CHECK(judge_answer(yes.substr(0, size)) == HttpVerdict::incomplete);
    }
    CHECK(judge_answer(yes) == HttpVerdict::yes);
    CHECK(judge_answer("HTTP/1.0 302 ") == HttpVerdict::yes);
    for (const char* answer :
         {"HTTP/1.1 199 x", "HTTP/1.1 404 x", "HTTP/1.1 503 x", "HTTP/2.0 200 x", "HTTP/1.1x200 ",
          "HTTP/1.1 2xx ", "220 mail ", "x", "HTTP/1.1 -20 "}) {
        CAPTURE(answer);
        CHECK(judge_answer(answer) == HttpVerdict::no);
    }
    CHECK(ready_request("127.0.0.1:81", "/up") ==
          "GET /up HTTP/1.1\r\nHost: 127.0.0.1:81\r\nUser-Agent: reeve\r\nAccept: */*\r\n"
          "Connection: close\r\n\r\n");
}

}  // namespace
}  // namespace reeve::daemon
