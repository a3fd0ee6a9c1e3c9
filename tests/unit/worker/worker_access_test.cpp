// The access log and slow requests, as a program that links the library uses them.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support.hpp"
#include <reeve/worker.h>

namespace {

using unit::Supervisor;

std::string content(const std::string& path) {
    std::ostringstream all;
    all << std::ifstream{path}.rdbuf();
    return all.str();
}

/// A worker whose access log is a file of its own.
struct Logged {
    explicit Logged(const char* format = "combined") {
        char name[] = "/tmp/reeve-access-XXXXXX";
        REQUIRE(mkdtemp(name) != nullptr);
        directory = name;
        path = directory + "/access.log";
        Supervisor::set("REEVE_ACCESS_LOG", path);
        Supervisor::set("REEVE_ACCESS_LOG_FORMAT", format);
        Supervisor::set("REEVE_POOL", "web");
        Supervisor::set("REEVE_SLOT", "3");
        worker = supervisor.open();
    }
    Logged(const Logged&) = delete;
    Logged& operator=(const Logged&) = delete;
    ~Logged() { std::filesystem::remove_all(directory); }

    Supervisor supervisor;
    std::string directory;
    std::string path;
    reeve_worker* worker = nullptr;
};

reeve_access plain() {
    reeve_access access{};
    access.remote = "127.0.0.1";
    access.method = "GET";
    access.target = "/a?b=c";
    access.protocol = "HTTP/1.1";
    access.referer = "http://x/";
    access.user_agent = "probe/1";
    access.status = 200;
    access.bytes = 42;
    access.duration_ns = 1'234'567'000;
    return access;
}

}  // namespace

TEST_CASE("no log analyser would read the access log") {
    const Logged logged;
    const auto access = plain();
    reeve_worker_log_access(logged.worker, &access);
    const std::regex combined{
        R"re(127\.0\.0\.1 - - \[\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d \+0000\] )re"
        R"re("GET /a\?b=c HTTP/1\.1" 200 42 "http://x/" "probe/1"\n)re"};
    CHECK(std::regex_match(content(logged.path), combined));
}

TEST_CASE("a client could write lines of its own into the access log") {
    const Logged logged;
    reeve_access access{};
    access.method = "G\"ET";
    access.target = "/\n\\\x7f\xff";
    access.user_agent = "\033[2J";
    reeve_worker_log_access(logged.worker, &access);
    const std::string line = content(logged.path);
    CHECK(line.starts_with("- - - ["));
    CHECK(line.ends_with(R"("G\"ET /\x0a\\\x7f\xff" 000 0 "-" "\x1b[2J")"
                         "\n"));
}

TEST_CASE("a line of JSON would be none, or lack what the reader counts on") {
    const Logged logged{"json"};
    auto access = plain();
    access.referer = nullptr;
    access.user_agent = "a\"\x01";
    reeve_worker_log_access(logged.worker, &access);
    const std::regex json{
        R"re(\{"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z","remote":"127\.0\.0\.1",)re"
        R"re("method":"GET","target":"/a\?b=c","protocol":"HTTP/1\.1","status":200,"bytes":42,)re"
        R"re("seconds":1\.234567,"referer":null,"user_agent":"a\\"\\u0001","pid":\d+,)re"
        R"re("pool":"web","slot":3\}\n)re"};
    CHECK(std::regex_match(content(logged.path), json));
}

TEST_CASE("the time in the access log would be another than the clock's") {
    const Logged logged;
    const auto access = plain();
    const std::time_t before = std::time(nullptr) - 1;
    reeve_worker_log_access(logged.worker, &access);
    const std::string line = content(logged.path);
    std::tm parts{};
    REQUIRE(strptime(line.c_str() + line.find('[') + 1, "%d/%b/%Y:%H:%M:%S", &parts) != nullptr);
    CHECK(timegm(&parts) >= before);
    CHECK(timegm(&parts) <= std::time(nullptr));
}

TEST_CASE("long targets would make lines that mix with those of other workers") {
    for (const char* format : {"combined", "json"}) {
        const Logged logged{format};
        const std::string junk(100'000, '\x01');
        auto access = plain();
        access.method = access.target = access.protocol = access.referer = access.user_agent =
            access.remote = junk.c_str();
        access.bytes = access.duration_ns = UINT64_MAX;
        access.status = UINT32_MAX;
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; i++) {
            threads.emplace_back([&] {
                for (int j = 0; j < 50; j++) reeve_worker_log_access(logged.worker, &access);
            });
        }
        for (auto& thread : threads) thread.join();
        std::istringstream lines{content(logged.path)};
        std::string line;
        std::string first;
        int count = 0;
        while (std::getline(lines, line)) {
            CHECK(line.size() < 4096);
            CHECK(line.size() > 2000);
            CHECK(line.back() == (format[0] == 'j' ? '}' : '"'));
            count++;
        }
        CHECK(count == 200);
    }
}

TEST_CASE("lines would go on into a file that was rotated away") {
    const Logged logged;
    const auto access = plain();
    reeve_worker_log_access(logged.worker, &access);
    std::filesystem::rename(logged.path, logged.path + ".1");
    reeve_worker_log_access(logged.worker, &access);
    const reeve_header reopen{REEVE_CONTROL_MAGIC, REEVE_PROTOCOL_VERSION, REEVE_REOPEN,
                              sizeof reopen};
    logged.supervisor.send_bytes(&reopen, sizeof reopen);
    CHECK(reeve_worker_control(logged.worker, nullptr) == REEVE_WORKER_REOPEN);
    CHECK(reeve_worker_control(logged.worker, nullptr) == REEVE_WORKER_NOTHING);
    reeve_worker_log_access(logged.worker, &access);
    const auto lines = [](const std::string& text) {
        return std::count(text.begin(), text.end(), '\n');
    };
    CHECK(lines(content(logged.path + ".1")) == 2);
    CHECK(lines(content(logged.path)) == 1);
}

TEST_CASE("a request would be called slow that is not, or not be called slow") {
    Supervisor supervisor;
    Supervisor::set("REEVE_SLOW_REQUEST", "20");
    auto* worker = supervisor.open(REEVE_WORKER_TELLS_SLOW);
    reeve_worker_ready(worker);
    CHECK(supervisor.message_as<reeve_hello>().flags == REEVE_HELLO_SLOW);
    CHECK(supervisor.message_as<reeve_header>().type == REEVE_READY);
    const auto request = reeve_worker_request_begin(worker);
    CHECK(reeve_worker_slow(worker, request, "GET", "/") == 0);
    CHECK(supervisor.message().empty());
    while (reeve_worker_slow(worker, request, "GET", "/slow?x=1") == 0) {
    }
    const auto bytes = supervisor.message();
    reeve_slow slow{};
    REQUIRE(bytes.size() > sizeof slow);
    std::memcpy(&slow, bytes.data(), sizeof slow);
    CHECK(slow.header.type == REEVE_SLOW);
    CHECK(slow.header.size == bytes.size());
    CHECK(slow.process == static_cast<std::uint32_t>(getpid()));
    CHECK(slow.duration_ns >= 20'000'000);
    CHECK(slow.text_size == bytes.size() - sizeof slow);
    CHECK(std::string(bytes.begin() + sizeof slow, bytes.end()) == "GET /slow?x=1");

    CHECK(reeve_worker_slow(worker, request, "GET", std::string(5000, 'x').c_str()) == 1);
    CHECK(supervisor.message().size() == sizeof slow + REEVE_SLOW_TEXT_MAX);
    CHECK(reeve_worker_slow(worker, request, nullptr, nullptr) == 1);
    CHECK(supervisor.message().size() == sizeof slow);
}

TEST_CASE("a program that is not asked for logs and slow requests tells none") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    const auto access = plain();
    reeve_worker_log_access(worker, &access);
    reeve_worker_log_access(nullptr, &access);
    const auto request = reeve_worker_request_begin(worker);
    CHECK(reeve_worker_slow(worker, request, "GET", "/") == 0);
    CHECK(reeve_worker_slow(nullptr, request, "GET", "/") == 0);
    CHECK(supervisor.message().empty());
}
