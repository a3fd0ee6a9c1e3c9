// The HTTP surface in one process with its clients: answers, streams, and clients that misbehave.
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "daemon/admin.hpp"
#include "daemon/loop.hpp"
#include "daemon/start_error.hpp"
#include "os/fd.hpp"

namespace reeve::daemon {

namespace {

/// Answers at once, or keeps the question.
struct FakeBackend final : Backend {
    void submit(const Caller& caller, const Order& order,
                std::function<void(const Answer&)> reply) override {
        last_caller = caller;
        last_order = order;
        if (hold) {
            held = std::move(reply);
        } else {
            reply(answer);
        }
    }
    std::string status() override {
        ++renderings;
        return "{\"version\":\"1\"}";
    }
    std::string metrics() override {
        ++renderings;
        return std::string(metrics_bytes, 'm');
    }
    std::string config() override { return "{}"; }
    [[nodiscard]] Readiness readiness() const override { return {ready, "web: 0 of 1 ready"}; }

    Answer answer{core::Verdict::done, "fine"};
    bool hold = false;
    bool ready = true;
    int renderings = 0;
    std::size_t metrics_bytes = 10;
    Caller last_caller;
    Order last_order;
    std::function<void(const Answer&)> held;
};

struct Client {
    os::Fd fd;
    std::string received;
    bool ended = false;

    void send(std::string_view text) const {
        (void)::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL);
    }
    void read() {
        std::array<std::byte, 65536> chunk{};
        const auto count = os::read_some(fd.get(), chunk);
        if (!count) {
            ended = ended || !os::would_block(count.error());
            return;
        }
        ended = ended || *count == 0;
        received.append(reinterpret_cast<const char*>(chunk.data()), *count);
    }
    [[nodiscard]] bool has(std::string_view text) const {
        return received.find(text) != std::string::npos;
    }
    [[nodiscard]] std::string status() const { return received.substr(0, 12); }
};

struct House {
    House() {
        config.admin.path = directory() + "/admin.sock";
        config.log.level = core::LogLevel::critical;
        open();
    }
    ~House() {
        surface.reset();
        std::filesystem::remove_all(place);
    }
    House(const House&) = delete;
    House& operator=(const House&) = delete;

    std::string directory() {
        if (place.empty()) {
            std::string name = "/tmp/reeve-unit-XXXXXX";
            place = ::mkdtemp(name.data());
        }
        return place;
    }

    void open() { surface = std::make_unique<Surface>(loop, log, backend, config, "9.9"); }

    Client connect() {
        Client client{os::Fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)}, {}};
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        std::memcpy(to.sun_path, config.admin.path.data(), config.admin.path.size());
        REQUIRE(::connect(client.fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
        REQUIRE(os::set_nonblocking(client.fd.get()));
        return client;
    }

    void turn() {
        loop.wake();
        loop.wait();
        (void)surface->serve();
    }

    /// Turns until the client has this text, or is cut off, or it takes too many turns.
    void serve(Client& client, std::string_view until) {
        for (int i = 0; i < 2000 && !client.ended && !client.has(until); ++i) {
            turn();
            client.read();
        }
    }

    Client ask(std::string_view request, std::string_view until = "\r\n\r\n") {
        Client client = connect();
        client.send(request);
        serve(client, until);
        return client;
    }

    core::Config config;
    std::string place;
    Loop loop;
    FakeBackend backend;
    Log log{loop, [] {
                core::LogConfig quiet;
                quiet.level = core::LogLevel::critical;
                return quiet;
            }()};
    std::unique_ptr<Surface> surface;
};

std::string get(std::string_view path) {
    return "GET " + std::string{path} + " HTTP/1.1\r\nHost: reeve\r\n\r\n";
}

std::string post(std::string_view path, std::string_view body = {}) {
    return "POST " + std::string{path} +
           " HTTP/1.1\r\nHost: reeve\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n\r\n" + std::string{body};
}

}  // namespace

TEST_CASE("each path answers, and a wrong one says which there are") {
    House house;
    CHECK(house.ask(get("/healthz"), "ok\n").has("Reeve-Version: 9.9\r\n"));
    CHECK(house.ask(get("/readyz"), "ready\n").status() == "HTTP/1.1 200");
    house.backend.ready = false;
    const auto unready = house.ask(get("/readyz"), "of 1 ready\n");
    CHECK(unready.status() == "HTTP/1.1 503");
    CHECK(house.ask(get("/v1/status"), "}").has("application/json"));
    CHECK(house.ask(get("/metrics"), "mmm").has("version=0.0.4"));
    const auto unknown = house.ask(get("/v1/nothing"), "}");
    CHECK(unknown.status() == "HTTP/1.1 404");
    CHECK(unknown.has("GET /v1/status"));
    CHECK(unknown.has("POST /v1/reload"));
    const auto wrong = house.ask(get("/v1/reload"), "}");
    CHECK(wrong.status() == "HTTP/1.1 405");
    CHECK(wrong.has("Allow: POST\r\n"));
    CHECK(house.ask(post("/v1/status"), "}").has("Allow: GET, HEAD\r\n"));
    const auto head = house.ask("HEAD /healthz HTTP/1.1\r\n\r\n");
    CHECK(head.has("Content-Length: 3\r\n"));
    CHECK_FALSE(head.has("ok\n"));
}

TEST_CASE("the outcome of a command is in the status, for scripts that look at nothing else") {
    House house;
    const auto status = [&](core::Verdict verdict) {
        house.backend.answer = {verdict, "why"};
        return house.ask(post("/v1/reload"), "}").status().substr(9);
    };
    CHECK(status(core::Verdict::done) == "200");
    CHECK(status(core::Verdict::unchanged) == "200");
    CHECK(status(core::Verdict::unknown) == "404");
    CHECK(status(core::Verdict::conflict) == "409");
    CHECK(status(core::Verdict::invalid) == "422");
    CHECK(status(core::Verdict::failed) == "500");
    CHECK(house.backend.last_caller.uid == ::getuid());
    CHECK(house.backend.last_caller.pid == ::getpid());
    CHECK(house.ask(post("/v1/reload", "{"), "}").status() == "HTTP/1.1 400");
    CHECK(house.ask(post("/v1/reload", R"({"x":1})"), "}").status() == "HTTP/1.1 422");
}

TEST_CASE("a caller waits for the outcome, or has the receipt at once") {
    House house;
    house.backend.hold = true;
    Client waiting = house.connect();
    waiting.send(post("/v1/reload"));
    for (int i = 0; i < 20; ++i) house.turn();
    waiting.read();
    CHECK(waiting.received.empty());
    REQUIRE(house.backend.held);
    house.backend.held({core::Verdict::failed, "web: exit code 3"});
    house.serve(waiting, "}");
    CHECK(waiting.has("web: exit code 3"));
    CHECK(house.ask(post("/v1/reload?wait=no"), "}").status() == "HTTP/1.1 202");

    Client impatient = house.connect();
    impatient.send(post("/v1/reload"));
    for (int i = 0; i < 20; ++i) house.turn();
    impatient.fd.reset();
    house.backend.held({core::Verdict::done, {}});
    house.turn();
    CHECK(house.ask(get("/healthz"), "ok\n").status() == "HTTP/1.1 200");
}

TEST_CASE("several requests may come on one connection, also before the first is answered") {
    House house;
    Client client = house.connect();
    client.send(get("/healthz") + get("/readyz") + "GET /healthz HTTP/1.0\r\n\r\n");
    house.serve(client, "never");
    CHECK(client.ended);
    CHECK(client.has("ready\n"));
    CHECK(client.received.ends_with("Connection: close\r\n\r\nok\n"));
}

TEST_CASE("large answers are rendered once and shared, not once for each who asks") {
    House house;
    std::vector<Client> clients;
    for (int i = 0; i < 20; ++i) {
        clients.push_back(house.connect());
        clients.back().send(get("/metrics"));
    }
    for (Client& client : clients) {
        house.serve(client, "mmm");
        CHECK(client.status() == "HTTP/1.1 200");
    }
    CHECK(house.backend.renderings <= 3);
}

TEST_CASE("a stream tells each record, and says how many a slow reader has missed") {
    House house;
    Client stream = house.ask(get("/v1/events"), "\r\n\r\n:\n\n");
    CHECK(stream.has("Content-Type: text/event-stream\r\n"));
    house.surface->publish({core::LogLevel::info, "ready", "web/0", "is ready", {}});
    house.serve(stream, "is ready\"}\n\n");
    CHECK(stream.has("id: 1\nevent: ready\ndata: {"));
    const std::string large(1000, 'x');
    for (int i = 0; i < 2000; ++i) {
        house.surface->publish({core::LogLevel::info, "noise", "", large, {}});
        house.turn();
    }
    house.serve(stream, "event: dropped\n");
    CHECK(stream.has("event: dropped\ndata: {\"count\":"));
    house.surface->publish({core::LogLevel::info, "after", "", "on it goes", {}});
    house.serve(stream, "on it goes");
    CHECK(stream.has("id: 2002\nevent: after\n"));
}

TEST_CASE("clients that misbehave cost themselves the connection, and nobody else an answer") {
    House house;
    const auto garbage = house.ask("\x16\x03\x01 what\r\n\r\n", "\r\n\r\n");
    CHECK(garbage.status() == "HTTP/1.1 400");
    Client endless = house.connect();
    endless.send("GET / HTTP/1.1\r\n");
    for (int i = 0; i < 200 && endless.received.empty(); ++i) {
        endless.send("A: " + std::string(1000, 'x') + "\r\n");
        house.turn();
        endless.read();
    }
    CHECK(endless.status() == "HTTP/1.1 431");

    std::vector<Client> crowd;
    for (int i = 0; i < 63; ++i) {
        crowd.push_back(house.connect());
        crowd.back().send("GET /half");
        house.turn();
    }
    house.turn();
    crowd.clear();
    for (int i = 0; i < 200; ++i) house.turn();
    CHECK(house.ask(get("/healthz"), "ok\n").status() == "HTTP/1.1 200");
}

TEST_CASE("more connections than there may be are sent away, and those that are there stay") {
    House house;
    std::vector<Client> crowd;
    for (int i = 0; i < 70; ++i) {
        crowd.push_back(house.connect());
        house.turn();
    }
    for (int i = 0; i < 20; ++i) house.turn();
    crowd.back().read();
    CHECK(crowd.back().status() == "HTTP/1.1 503");
    crowd.front().send(get("/healthz"));
    house.serve(crowd.front(), "ok\n");
    CHECK(crowd.front().status() == "HTTP/1.1 200");
}

TEST_CASE("readers that never take their answer do not fill the memory") {
    House house;
    house.backend.metrics_bytes = std::size_t{1} << 20U;
    std::vector<Client> readers;
    for (int i = 0; i < 20; ++i) {
        readers.push_back(house.connect());
        readers.back().send(get("/metrics"));
    }
    for (int i = 0; i < 200; ++i) house.turn();
    int cut_off = 0;
    for (Client& reader : readers) {
        for (int i = 0; i < 100 && !reader.ended; ++i) {
            reader.read();
            house.turn();
        }
        cut_off += reader.received.size() < house.backend.metrics_bytes ? 1 : 0;
    }
    CHECK(cut_off >= 10);
}

TEST_CASE("two reeves on one path would answer each other's clients") {
    House house;
    struct stat status {};
    REQUIRE(::stat(house.config.admin.path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0660U);
    CHECK_THROWS_AS((Surface{house.loop, house.log, house.backend, house.config, "1"}),
                    const StartError&);
    house.surface->close();
    CHECK(::stat(house.config.admin.path.c_str(), &status) != 0);
    house.config.admin.path = house.place + "/missing/admin.sock";
    CHECK_THROWS_AS(house.open(), const StartError&);
}

}  // namespace reeve::daemon
