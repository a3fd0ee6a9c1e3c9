// One client of the HTTP server: what was read, what is to be written, and until when.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "daemon/http_server.hpp"
#include "os/fd.hpp"

namespace reeve::daemon {

/// For a request to arrive, and for the next one on a connection that is kept.
inline constexpr auto request_timeout = std::chrono::seconds{10};
inline constexpr auto idle_timeout = std::chrono::seconds{30};
/// For a response to be taken, and for a stream to take anything at all.
inline constexpr auto write_timeout = std::chrono::seconds{10};
inline constexpr auto stream_timeout = std::chrono::seconds{60};
inline constexpr auto heartbeat_interval = std::chrono::seconds{15};
/// For a client to read the last answer before what it still sends is cut off.
inline constexpr auto linger_timeout = std::chrono::seconds{1};
inline constexpr std::size_t stream_bytes_max = std::size_t{256} * 1024;
inline constexpr std::size_t streams_max = 16;

struct HttpServer::Connection {
    enum class State : std::uint8_t {
        reading,    ///< a request comes, or none does
        asked,      ///< a request is there and was not yet answered in full
        waiting,    ///< the answer comes later
        writing,    ///< a response is on its way
        streaming,  ///< events, until the client leaves
        lingering   ///< the last answer was written; what still comes is thrown away
    };

    Connection(ConnectionId own_id, os::Fd own_fd) : id(own_id), fd(std::move(own_fd)) {}

    ConnectionId id;
    os::Fd fd;
    Watch watch;
    HttpReader reader;
    State state = State::reading;
    std::optional<HttpRequest> request;
    std::string head;  ///< of the response; for a stream: what is to be written
    std::shared_ptr<const std::string> body;
    std::size_t sent = 0;
    std::uint64_t dropped_events = 0;
    std::size_t discarded = 0;
    std::optional<core::Time> deadline;  ///< then it is over
    std::optional<core::Time> heartbeat;
    bool keep_alive = false;
    bool in_request = false;  ///< the deadline is that of a request under way
    bool noted = false;       ///< stands in `ready_`

    [[nodiscard]] std::size_t unsent() const noexcept {
        return head.size() + (body ? body->size() : 0) - sent;
    }
};

}  // namespace reeve::daemon
