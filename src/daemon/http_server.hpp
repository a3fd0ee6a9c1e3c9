// An HTTP server that costs bounded memory and bounded time, whatever its clients do.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.hpp"
#include "daemon/http_message.hpp"
#include "daemon/loop.hpp"
#include "os/listener.hpp"

namespace reeve::daemon {

/// Never used twice, so that a late answer cannot reach somebody else.
enum class ConnectionId : std::uint64_t {};

/// What becomes of a request.
struct HttpAnswer {
    enum class Kind : std::uint8_t {
        now,     ///< `response` is it
        later,   ///< HttpServer::answer will be called
        again,   ///< too much for this turn: ask again in the next
        stream,  ///< the connection gets what is broadcast from now on
    };
    Kind kind = Kind::now;
    HttpResponse response{};
};

class HttpHandler {
public:
    /// Somebody connected, when `open` others are; false = they are sent away.
    virtual bool admit(ConnectionId id, int fd, std::size_t open) = 0;
    /// The connection is gone.
    virtual void left(ConnectionId id) noexcept = 0;
    virtual HttpAnswer handle(ConnectionId id, const HttpRequest& request) = 0;

protected:
    ~HttpHandler() = default;
};

/// Callbacks of the loop only note who has something to say; all work is done in serve(), a bounded
/// amount a call, so that a client who never stops talking cannot keep the loop from its turn.
class HttpServer {
public:
    /// Takes over a listening socket. `connections_max` bounds what is open at once.
    HttpServer(Loop& loop, os::Listener listener, std::size_t connections_max, std::string version,
               HttpHandler& handler);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Does some of what there is to do; true when more is left. For once a turn.
    bool serve() noexcept;
    /// The answer to a request that was to come later; nothing happens if the client has left.
    void answer(ConnectionId id, HttpResponse response);
    /// To all streams. Who does not read in time misses it, and is told how much was missed.
    void broadcast(std::string_view event);

    [[nodiscard]] std::size_t streams() const noexcept { return streams_; }
    [[nodiscard]] const std::string& address() const noexcept { return listener_.address(); }
    /// Ends all connections and removes the socket's file.
    void close() noexcept;

private:
    struct Connection;

    void wait_to_accept();
    void accept_some(core::Time now);
    void note(ConnectionId id);
    void look_at_deadlines(core::Time now);
    void set_timer();
    void step(Connection& connection);
    void read(Connection& connection);
    bool begin_request(Connection& connection);
    void handle(Connection& connection);
    void respond(Connection& connection, HttpResponse response, bool keep_alive);
    void begin_stream(Connection& connection);
    void write(Connection& connection);
    void write_events(Connection& connection);
    void finish(Connection& connection);
    void discard(Connection& connection);
    void limit_slow_readers();
    void wait_readable(Connection& connection);
    void wait_writable(Connection& connection);
    void drop(ConnectionId id) noexcept;

    Loop& loop_;
    os::Listener listener_;
    std::size_t connections_max_;
    std::string version_;
    HttpHandler& handler_;
    Watch accept_watch_;
    Timer timer_;
    std::map<ConnectionId, std::unique_ptr<Connection>> connections_;
    std::vector<ConnectionId> ready_;
    std::optional<core::Time> accept_again_;  ///< descriptors had run out
    std::uint64_t last_id_ = 0;
    std::size_t streams_ = 0;
    bool accepting_ = false;
    bool closed_ = false;
};

}  // namespace reeve::daemon
