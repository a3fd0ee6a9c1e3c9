// HTTP over the daemon's Unix socket. The only file of the client that knows Boost.Beast.
#include "cli/client.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include "cli/client_trouble.hpp"
#include "cli/exit_code.hpp"
#include "os/fd.hpp"

namespace reeve::cli {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;

constexpr std::chrono::seconds patience{10};
/// Progress is worth this much waiting and no more.
constexpr std::chrono::seconds patience_for_events{2};
constexpr std::size_t answer_bytes_max = std::size_t{64} << 20;

Trouble unavailable(const std::string& path, const std::string& why) {
    return {exit_unavailable, "no daemon answers at " + path + ": " + why +
                                  "; another is named with --admin PATH, --name NAME or the "
                                  "environment variable REEVE_ADMIN"};
}

Trouble cannot_connect(const std::string& path, int error) {
    if (error == EACCES || error == EPERM) {
        return {exit_refused, path + ": " + std::strerror(error) +
                                  "; run this as the user of the daemon, or as a member of the "
                                  "group that its admin socket belongs to"};
    }
    return unavailable(path, error == EAGAIN ? "it accepts no connection" : std::strerror(error));
}

/// Boost's own connect takes a full backlog for success, so this is done by hand.
os::Fd connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) throw cannot_connect(path, ENAMETOOLONG);
    path.copy(static_cast<char*>(address.sun_path), path.size());
    os::Fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!socket) throw cannot_connect(path, errno);
    const timeval limit{patience.count(), 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    while (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
           0) {
        if (errno != EINTR) throw cannot_connect(path, errno);
    }
    return socket;
}

class Connection {
public:
    Connection(asio::io_context& context, const std::string& path) : stream_{context}, path_{path} {
        stream_.socket().assign(asio::local::stream_protocol{}, connect_to(path).release());
    }

    beast::basic_stream<asio::local::stream_protocol>& stream() { return stream_; }

    /// Who listens, as this process would call it; 0 when it cannot be seen from here.
    [[nodiscard]] pid_t peer() {
        ucred peer{};
        socklen_t size = sizeof peer;
        const int fd = stream_.socket().native_handle();
        return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
    }

    [[nodiscard]] Trouble gone(const error_code& error) const {
        if (error == beast::error::timeout) {
            return unavailable(path_, "connected, but nothing came within " +
                                          std::to_string(patience.count()) + " s");
        }
        return {exit_failed, "the daemon at " + path_ + " went away before it had answered (" +
                                 error.message() + "); its log says why"};
    }

private:
    beast::basic_stream<asio::local::stream_protocol> stream_;
    std::string path_;
};

http::request<http::string_body> make_request(http::verb verb, std::string_view target,
                                              std::string body) {
    http::request<http::string_body> request{verb, {target.data(), target.size()}, 11};
    request.set(http::field::host, "reeve");
    request.set(http::field::user_agent, "reeve/" REEVE_VERSION);
    request.set(http::field::connection, "close");
    if (verb == http::verb::post) {
        request.set(http::field::content_type, "application/json");
        request.body() = std::move(body);
        request.prepare_payload();
    }
    return request;
}

/// One request and its whole answer.
class Exchange {
public:
    Exchange(asio::io_context& context, const std::string& path,
             http::request<http::string_body> request)
        : connection_{context, path}, request_{std::move(request)} {
        parser_.body_limit(answer_bytes_max);
    }

    /// `done` is told why there is no answer, if there is none.
    void start(bool patient, std::function<void(const error_code&)> done) {
        done_ = std::move(done);
        if (!patient) connection_.stream().expires_after(patience);
        // A refusal may come before the request is read: what counts is the answer.
        http::async_write(connection_.stream(), request_,
                          [this](const error_code&, std::size_t) { read(); });
    }

    [[nodiscard]] Trouble gone(const error_code& error) const { return connection_.gone(error); }
    Response take() { return {parser_.get().result_int(), std::move(parser_.get().body())}; }

private:
    void read() {
        http::async_read(connection_.stream(), buffer_, parser_,
                         [this](const error_code& error, std::size_t) { done_(error); });
    }

    Connection connection_;
    http::request<http::string_body> request_;
    beast::flat_buffer buffer_;
    http::response_parser<http::string_body> parser_;
    std::function<void(const error_code&)> done_;
};

/// GET /v1/events, for as long as it lasts.
class EventTalk {
public:
    EventTalk(asio::io_context& context, const std::string& path, const EventHandler& on_event)
        : connection_{context, path},
          request_{make_request(http::verb::get, "/v1/events", {})},
          on_event_{on_event} {
        request_.set(http::field::accept, "text/event-stream");
        parser_.body_limit(boost::none);
    }

    /// `begun` is called once, when it is known whether there are events; `ended` when there are no
    /// more, with a reason unless the daemon ended them itself.
    void start(std::function<void()> begun, std::function<void(const error_code&)> ended) {
        begun_ = std::move(begun);
        ended_ = std::move(ended);
        http::async_write(connection_.stream(), request_, [this](const error_code&, std::size_t) {
            http::async_read_header(connection_.stream(), buffer_, parser_,
                                    [this](const error_code& error, std::size_t) {
                                        begun_();
                                        error ? ended_(error) : read();
                                    });
        });
    }

    [[nodiscard]] pid_t peer() { return connection_.peer(); }
    [[nodiscard]] unsigned status() const { return parser_.get().result_int(); }
    [[nodiscard]] bool streaming() const { return parser_.is_header_done() && status() == 200; }
    /// Of an answer that is no stream.
    [[nodiscard]] const std::string& refusal() const noexcept { return refusal_; }
    [[nodiscard]] Trouble gone(const error_code& error) const { return connection_.gone(error); }

private:
    void read() {
        auto& body = parser_.get().body();
        body.data = piece_.data();
        body.size = piece_.size();
        http::async_read_some(
            connection_.stream(), buffer_, parser_, [this](error_code error, std::size_t) {
                if (error == http::error::need_buffer) error = {};
                const std::string_view bytes{piece_.data(),
                                             piece_.size() - parser_.get().body().size};
                if (streaming()) {
                    events_.feed(bytes, on_event_);
                } else if (refusal_.size() < answer_bytes_max) {
                    refusal_ += bytes;
                }
                if (error || parser_.is_done()) {
                    ended_(error == http::error::end_of_stream ? error_code{} : error);
                } else {
                    read();
                }
            });
    }

    Connection connection_;
    http::request<http::string_body> request_;
    const EventHandler& on_event_;
    beast::flat_buffer buffer_;
    http::response_parser<http::buffer_body> parser_;
    std::array<char, 16384> piece_{};
    EventParser events_;
    std::string refusal_;
    std::function<void()> begun_;
    std::function<void(const error_code&)> ended_;
};

/// Calls back when a process that is no child ends.
class Departure {
public:
    Departure(asio::io_context& context, pid_t pid) : pidfd_{context} {
        os::Fd fd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
        if (fd) pidfd_.assign(fd.release());
    }

    [[nodiscard]] bool seen() const { return pidfd_.is_open(); }

    void wait(std::function<void()> gone) {
        pidfd_.async_wait(asio::posix::stream_descriptor::wait_read,
                          [gone = std::move(gone)](const error_code&) { gone(); });
    }

private:
    asio::posix::stream_descriptor pidfd_;
};

}  // namespace

Client::Client(std::string path) : path_{std::move(path)} {}

Response Client::get(std::string_view target) {
    asio::io_context context;
    Exchange exchange{context, path_, make_request(http::verb::get, target, {})};
    exchange.start(false, [&](const error_code& error) {
        if (error) throw exchange.gone(error);
    });
    context.run();
    return exchange.take();
}

Response Client::post(std::string_view target, const std::string& body,
                      const EventHandler& on_event) {
    asio::io_context context;
    Exchange exchange{context, path_, make_request(http::verb::post, target, body)};
    if (!on_event) {
        exchange.start(true, [&](const error_code& error) {
            if (error) throw exchange.gone(error);
        });
        context.run();
        return exchange.take();
    }
    EventTalk events{context, path_, on_event};
    asio::steady_timer late{context, patience_for_events};
    bool begun = false;
    const auto begin = [&] {
        if (std::exchange(begun, true)) return;
        late.cancel();
        exchange.start(true, [&](const error_code& error) {
            if (error) throw exchange.gone(error);
            context.stop();
        });
    };
    late.async_wait([&](const error_code&) { begin(); });
    events.start(begin, [](const error_code&) {});
    context.run();
    // What was sent before the answer belongs before it.
    context.restart();
    context.poll();
    return exchange.take();
}

Response Client::follow(const EventHandler& on_event) {
    asio::io_context context;
    EventTalk events{context, path_, on_event};
    std::optional<error_code> end;
    events.start([] {}, [&](const error_code& error) { end = error; });
    context.run();
    if (!events.streaming() && end.value_or(error_code{})) throw events.gone(*end);
    return {events.status(), events.refusal()};
}

Response Client::post_until_gone(std::string_view target, const std::string& body, pid_t pid,
                                 const EventHandler& on_event) {
    asio::io_context context;
    EventTalk events{context, path_, on_event};
    std::optional<Departure> departure;
    if (pid > 0 && events.peer() == pid) departure.emplace(context, pid);
    const bool by_process = departure && departure->seen();
    const auto leave = [&] { context.stop(); };
    events.start([] {},
                 [&](const error_code&) {
                     if (!by_process) leave();
                 });
    if (by_process) departure->wait(leave);

    Exchange exchange{context, path_, make_request(http::verb::post, target, body)};
    Response answer{202, {}};
    exchange.start(true, [&](const error_code& error) {
        // It may be gone before it has answered.
        if (error) return;
        answer = exchange.take();
        if (answer.status >= 400) context.stop();
    });
    context.run();
    return answer;
}

}  // namespace reeve::cli
