// A real program binds, listens, forks and misbehaves; what it gets is checked against the pool's.
#include "daemon/adoption.hpp"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/bind_probe.hpp"
#include "os/spawn.hpp"

namespace {

namespace core = reeve::core;
namespace daemon = reeve::daemon;
namespace os = reeve::os;

std::string field_of(const daemon::LogLine& line, std::string_view key) {
    for (const daemon::Field& field : line.fields) {
        if (field.key == key && std::holds_alternative<std::string>(field.value)) {
            return std::get<std::string>(field.value);
        }
    }
    return {};
}

std::shared_ptr<os::Listener> listen_on(const os::ListenAddress& address) {
    return std::make_shared<os::Listener>(os::Listener::open(address, 64).value());
}

/// A pool of sockets and one program that is told what to bind.
class Scene {
public:
    explicit Scene(std::vector<std::shared_ptr<os::Listener>> listeners) {
        for (auto& listener : listeners) {
            sockets_.push_back({"s" + std::to_string(sockets_.size()), std::move(listener)});
        }
    }

    /// Runs the steps to their end and returns what the program said, line by line.
    std::string run(std::vector<std::string> steps) {
        start(std::move(steps));
        while (!ended_) loop_.wait();
        adoption_->restore_paths();
        (void)child_.reap();
        return said();
    }

    void start(std::vector<std::string> steps) {
        const char* binder = std::getenv("BINDER");
        REQUIRE(binder != nullptr);
        ended_ = false;
        auto channel = os::make_notice_channel().value();
        auto out = os::make_pipe(O_NONBLOCK).value();
        auto input = os::make_pipe().value();
        (void)os::set_nonblocking(out.writer.get(), false);
        os::SpawnRequest request;
        request.argv = {binder};
        request.argv.insert(request.argv.end(), steps.begin(), steps.end());
        request.standard_output = out.writer.get();
        request.fds = {{input.reader.get(), 3}};
        request.notice_channel = channel.theirs.get();
        auto spawned = os::spawn(std::move(request)).value();
        child_ = std::move(spawned.child);
        exec_ = std::move(spawned.exec);
        output_ = std::move(out.reader);
        input_ = std::move(input.writer);
        adoption_ = std::make_unique<daemon::Adoption>(
            inbox_, core::Incarnation{1}, std::move(channel.ours), sockets_,
            [this](daemon::LogLine line) { told.push_back(std::move(line)); });
        adoption_->start(loop_);
        exit_watch_ = loop_.on_readable(child_.pidfd(), [this] {
            ended_ = true;
            exit_watch_.stop();
        });
    }

    std::string said() {
        std::array<char, 4096> buffer{};
        const ssize_t size = ::read(output_.get(), buffer.data(), buffer.size());
        return {buffer.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
    }

    /// Turns the loop until the program has said so much.
    std::string until(const std::string& wanted) {
        std::string all;
        const auto watch = loop_.on_readable(output_.get(), [&] { all += said(); });
        while (all.find(wanted) == std::string::npos && !ended_) loop_.wait();
        return all;
    }

    void turn() { loop_.wait(); }
    void end() {
        (void)child_.signal_group(SIGKILL);
        wait_end();
    }
    void go_on() { input_.reset(); }
    void leave() { adoption_.reset(); }
    void wait_end() {
        pollfd asked{child_.pidfd(), POLLIN, 0};
        CHECK(::poll(&asked, 1, 20'000) == 1);
        (void)child_.reap();
    }

    std::size_t listens() {
        std::size_t count = 0;
        for (const core::Event& event : inbox_.take()) {
            const auto* ready = std::get_if<core::SaidReady>(&event);
            if (ready != nullptr && ready->sign == core::ReadySign::listening) ++count;
        }
        return count;
    }
    [[nodiscard]] const std::vector<std::string>& adopted() const { return adoption_->adopted(); }
    const os::Listener& socket(std::size_t at = 0) { return *sockets_[at].listener; }
    std::string at(const std::string& host, std::size_t index = 0) {
        return "bind:" + host + ":" + std::to_string(socket(index).port());
    }

    std::vector<daemon::LogLine> told;

private:
    daemon::Loop loop_;
    daemon::Inbox inbox_;
    std::vector<daemon::Adoptable> sockets_;
    std::unique_ptr<daemon::Adoption> adoption_;
    os::Child child_;
    os::ExecReport exec_;
    os::Fd output_;
    os::Fd input_;
    daemon::Watch exit_watch_;
    bool ended_ = false;
};

std::vector<std::shared_ptr<os::Listener>> one(const os::ListenAddress& address) {
    std::vector<std::shared_ptr<os::Listener>> all;
    all.push_back(listen_on(address));
    return all;
}

}  // namespace

TEST_CASE("an unchanged program that binds the pool's port would get EADDRINUSE or its own queue") {
    Scene scene{one(os::TcpAddress{"127.0.0.1", 0})};
    CHECK(scene.run({"tcp4", scene.at("127.0.0.1"), "listen", "flags"}) ==
          "bind=0\nlisten=0\nflags=blocking inherited\n");
    CHECK(scene.listens() == 1);
    CHECK(scene.adopted() == std::vector<std::string>{"s0"});
    REQUIRE(scene.told.size() == 1);
    CHECK(scene.told[0].event == "socket_adopted");
    CHECK(field_of(scene.told[0], "differences").empty());
    // It asked for 5.
    CHECK(scene.socket().queue_length()->limit == 64);
}

TEST_CASE("a program with an event loop would block in accept, and leak its socket to helpers") {
    Scene scene{one(os::TcpAddress{"127.0.0.1", 0})};
    CHECK(scene.run({"tcp4-async", scene.at("127.0.0.1"), "listen", "flags"}) ==
          "bind=0\nlisten=0\nflags=nonblocking cloexec\n");
    CHECK(os::is_nonblocking(scene.socket().fd()));
    // The next one that is not prepared for it is at least told of.
    CHECK(scene.run({"tcp4", scene.at("127.0.0.1"), "flags"}) ==
          "bind=0\nflags=nonblocking inherited\n");
    CHECK(field_of(scene.told.back(), "differences") == "nonblocking");
}

TEST_CASE("a bind that is none of the pool's would be lost or answered by reeve") {
    Scene scene{one(os::TcpAddress{"127.0.0.1", 0})};
    const auto other = listen_on(os::TcpAddress{"127.0.0.1", 0});
    const std::string port = std::to_string(scene.socket().port());
    SUBCASE("a port of the kernel's choice") {
        CHECK(scene.run({"tcp4", "bind:127.0.0.1:0", "listen"}) == "bind=0\nlisten=0\n");
        CHECK(scene.told.empty());
    }
    SUBCASE("another port, where somebody listens") {
        const std::string taken = "127.0.0.1:" + std::to_string(other->port());
        CHECK(scene.run({"tcp4", "bind:" + taken, "tcp4", "bind:" + taken}) ==
              "bind=EADDRINUSE\nbind=EADDRINUSE\n");
        REQUIRE(scene.told.size() == 1);
        CHECK(scene.told[0].event == "bind_untouched");
        CHECK(field_of(scene.told[0], "asked") == taken);
    }
    SUBCASE("the same port over UDP") {
        CHECK(scene.run({"udp4", scene.at("127.0.0.1")}) == "bind=0\n");
        CHECK(scene.told.empty());
    }
    SUBCASE("the same port at another address") {
        CHECK(scene.run({"tcp4", scene.at("127.0.0.2"), "listen"}) == "bind=0\nlisten=0\n");
    }
    SUBCASE("an IPv4 address on an IPv6 socket") {
        CHECK(scene.run({"tcp6", "as-v4", scene.at("127.0.0.1")}) == "bind=EINVAL\n");
    }
    SUBCASE("a descriptor that is not open") {
        CHECK(scene.run({"no-fd", scene.at("127.0.0.1"), "listen"}) ==
              "bind=EBADF\nlisten=EBADF\n");
    }
    SUBCASE("an address that is not there") {
        CHECK(scene.run({"tcp4", "bad-address"}) == "bind=EFAULT\n");
    }
    CHECK(scene.listens() == 0);
    CHECK(scene.adopted().empty());
}

TEST_CASE("a program that asks for less, or for more, than the pool has would be turned away") {
    SUBCASE("one address of all") {
        Scene scene{one(os::TcpAddress{"0.0.0.0", 0})};
        CHECK(scene.run({"tcp4", scene.at("127.0.0.1"), "listen"}) == "bind=0\nlisten=0\n");
        CHECK(field_of(scene.told[0], "differences") == "narrower");
    }
    SUBCASE("all addresses where the pool has one") {
        Scene scene{one(os::TcpAddress{"127.0.0.1", 0})};
        CHECK(scene.run({"tcp4", scene.at("0.0.0.0"), "listen"}) == "bind=0\nlisten=0\n");
        CHECK(field_of(scene.told[0], "differences") == "wider");
    }
    SUBCASE("all of both families, as Java does") {
        Scene scene{one(os::TcpAddress{"0.0.0.0", 0})};
        CHECK(scene.run({"tcp6", scene.at("::"), "listen"}) == "bind=0\nlisten=0\n");
        CHECK(field_of(scene.told[0], "differences") == "family");
    }
    SUBCASE("an IPv4 address that is mapped into IPv6") {
        Scene scene{one(os::TcpAddress{"127.0.0.1", 0})};
        CHECK(scene.run({"tcp6", scene.at("::ffff:127.0.0.1"), "listen"}) == "bind=0\nlisten=0\n");
        CHECK(field_of(scene.told[0], "differences") == "family");
    }
    SUBCASE("IPv6 alone is not what an IPv4 pool has") {
        Scene scene{one(os::TcpAddress{"127.0.0.1", 0})};
        CHECK(scene.run({"tcp6", "v6only", scene.at("::"), "listen"}) == "bind=0\nlisten=0\n");
        CHECK(scene.adopted().empty());
    }
}

TEST_CASE("of two sockets of a pool a program would get the one of the other family") {
    std::vector<std::shared_ptr<os::Listener>> both;
    both.push_back(listen_on(os::TcpAddress{"0.0.0.0", 0}));
    both.push_back(listen_on(os::TcpAddress{"::", both[0]->port(), true}));
    Scene scene{std::move(both)};
    CHECK(scene.run({"tcp6", "v6only", scene.at("::"), "listen", "tcp4", scene.at("0.0.0.0"),
                     "listen"}) == "bind=0\nlisten=0\nbind=0\nlisten=0\n");
    CHECK(scene.adopted() == std::vector<std::string>{"s1", "s0"});
    CHECK(scene.listens() == 2);
}

TEST_CASE("threads, children and second sockets of a worker would not get what its first got") {
    Scene scene{one(os::TcpAddress{"127.0.0.1", 0})};
    const std::string bind = scene.at("127.0.0.1");
    CHECK(scene.run({"tcp4", bind, "listen", "tcp4", bind, "listen"}) ==
          "bind=0\nlisten=0\nbind=0\nlisten=0\n");
    CHECK(scene.run({"thread", "tcp4", bind, "listen"}) == "bind=0\nlisten=0\n");
    CHECK(scene.run({"fork", "tcp4", bind, "listen"}) == "bind=0\nlisten=0\n");
    CHECK(scene.run({"fork", "thread", "fork", "tcp4", bind, "listen"}) == "bind=0\nlisten=0\n");
    CHECK(scene.listens() == 5);
}

TEST_CASE("binding an adopted socket again would fail, or would move it") {
    Scene scene{one(os::TcpAddress{"127.0.0.1", 0})};
    const std::string bind = scene.at("127.0.0.1");
    CHECK(scene.run({"tcp4", bind, bind, "bind:127.0.0.1:1", "listen"}) ==
          "bind=0\nbind=0\nbind=EINVAL\nlisten=0\n");
}

TEST_CASE("a socket that is watched already would be exchanged for one that nobody watches") {
    Scene scene{one(os::TcpAddress{"127.0.0.1", 0})};
    CHECK(scene.run({"tcp4", "epoll", scene.at("127.0.0.1")}) == "epoll=0\nbind=EADDRINUSE\n");
    REQUIRE(scene.told.size() == 1);
    CHECK(scene.told[0].event == "bind_refused");
    CHECK(scene.adopted().empty());
}

TEST_CASE("what a program sets before it binds would be lost") {
    Scene scene{one(os::TcpAddress{"127.0.0.1", 0})};
    CHECK(scene.run({"tcp4", "keepalive", "rcvbuf", "reuseport", scene.at("127.0.0.1")}) ==
          "bind=0\n");
    CHECK(field_of(scene.told[0], "options") == "SO_KEEPALIVE, SO_RCVBUF");
    CHECK(field_of(scene.told[0], "differences") == "reuse_port");
    int size = 0;
    socklen_t length = sizeof size;
    ::getsockopt(scene.socket().fd(), SOL_SOCKET, SO_RCVBUF, &size, &length);
    CHECK(size == 2 * 50'000);
}

TEST_CASE("a signal while reeve answers would leave a worker with half a bind") {
    Scene scene{one(os::TcpAddress{"127.0.0.1", 0})};
    std::vector<std::string> steps{"signals"};
    std::string wanted;
    for (int i = 0; i < 100; ++i) {
        steps.insert(steps.end(), {"tcp4", scene.at("127.0.0.1"), "listen"});
        wanted += "bind=0\nlisten=0\n";
    }
    CHECK(scene.run(steps) == wanted);
}

TEST_CASE("a worker that binds without end would keep reeve from everything else") {
    Scene scene{one(os::TcpAddress{"127.0.0.1", 0})};
    scene.start({"flood"});
    // Each wait of the loop has to come to an end.
    for (int i = 0; i < 20; ++i) scene.turn();
    scene.end();
}

TEST_CASE("the workers of a reeve that died would hang in bind for ever") {
    Scene scene{one(os::TcpAddress{"127.0.0.1", 0})};
    scene.start({"tcp4", scene.at("127.0.0.1"), "listen", "wait", "tcp4", "bind:127.0.0.1:0"});
    CHECK(scene.until("listen=0\n") == "bind=0\nlisten=0\n");
    scene.leave();
    scene.go_on();
    scene.wait_end();
    CHECK(scene.said() == "bind=ENOSYS\n");
}

TEST_CASE("a server that unlinks the pool's path would cut its siblings off") {
    std::string name = std::filesystem::temp_directory_path() / "reeve-adopt-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    const std::string path = name + "/web.sock";
    {
        auto sockets = one(os::UnixPathAddress{path});
        REQUIRE(sockets[0]->keep_second_name().has_value());
        Scene scene{std::move(sockets)};
        const auto leads_here = [&] { return scene.socket().is_reachable(); };
        SUBCASE("before it binds") {
            scene.start({"unlink:" + path, "unix", "bind:" + path, "listen", "wait"});
            CHECK(scene.until("listen=") == "unlink=0\nbind=0\nlisten=0\n");
            CHECK(leads_here());
            scene.go_on();
            scene.wait_end();
        }
        SUBCASE("when it ends") {
            CHECK(scene.run({"unix", "bind:" + path, "listen", "unlink:" + path}) ==
                  "bind=0\nlisten=0\nunlink=0\n");
            CHECK(leads_here());
        }
        SUBCASE("under another spelling of its name") {
            CHECK(scene.run({"chdir:" + name, "unix", "bind:./web.sock", "listen"}) ==
                  "chdir=0\nbind=0\nlisten=0\n");
            CHECK(scene.listens() == 1);
        }
        SUBCASE("another path is its own business") {
            CHECK(scene.run({"unix", "bind:" + name + "/other.sock", "listen"}) ==
                  "bind=0\nlisten=0\n");
            CHECK(scene.listens() == 0);
        }
    }
    ::unlink((name + "/other.sock").c_str());
    CHECK(std::filesystem::is_empty(name));
    std::filesystem::remove_all(name);
}

TEST_CASE("an abstract name would be taken for a path, or for another name") {
    const std::string name = "reeve-adopt-" + std::to_string(::getpid());
    Scene scene{one(os::UnixAbstractAddress{name})};
    CHECK(scene.run({"unix", "bind:@" + name, "listen", "unix", "bind:@" + name + "x"}) ==
          "bind=0\nlisten=0\nbind=0\n");
    CHECK(scene.adopted().size() == 1);
}

TEST_CASE("a machine that cannot do it would be found out by the first worker") {
    CHECK(os::probe_bind_filter(nullptr).has_value());
    if (::geteuid() == 0) {
        const os::Credentials nobody{65534, 65534, {65534}};
        CHECK(os::probe_bind_filter(&nobody).has_value());
    }
}
