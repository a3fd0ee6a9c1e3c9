// What one client is read, answered and sent, a step at a time.
#include "daemon/http_connection.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>

#include "os/clock.hpp"
#include "os/peer.hpp"

namespace reeve::daemon {
namespace {

constexpr std::size_t chunk_bytes = std::size_t{8} * 1024;
constexpr std::size_t discarded_bytes_max = std::size_t{2} * 1024 * 1024;

/// Clients that do not read their large answer keep it in memory, so there may be few of them.
constexpr std::size_t large_body_bytes = std::size_t{64} * 1024;
constexpr std::size_t slow_readers_max = 8;

using Chunk = std::array<char, chunk_bytes>;

/// Reads once. Nothing = the client has nothing to say now; 0 = it never will again.
std::optional<std::size_t> receive(int fd, Chunk& chunk, std::size_t room) {
    const auto count = os::read_some(
        fd, std::as_writable_bytes(std::span{chunk}.first(std::min(room, chunk.size()))));
    if (count) return *count;
    return os::would_block(count.error()) ? std::nullopt : std::optional<std::size_t>{0};
}

std::string dropped_event(std::uint64_t count) {
    return "event: dropped\ndata: {\"count\":" + std::to_string(count) + "}\n\n";
}

}  // namespace

void HttpServer::step(Connection& connection) {
    switch (connection.state) {
        case Connection::State::reading: return read(connection);
        case Connection::State::asked: return handle(connection);
        case Connection::State::waiting: return;
        case Connection::State::writing: return write(connection);
        case Connection::State::streaming: return write_events(connection);
        case Connection::State::lingering: return discard(connection);
    }
}

void HttpServer::read(Connection& connection) {
    // What came with the request before may hold the next one.
    if (begin_request(connection)) return;
    Chunk chunk;
    const auto count = receive(connection.fd.get(), chunk, connection.reader.room());
    if (count == 0U) return drop(connection.id);
    if (count) {
        connection.reader.add({chunk.data(), *count});
        if (begin_request(connection)) return;
        if (!std::exchange(connection.in_request, true)) {
            connection.deadline = os::now() + request_timeout;
        }
        if (connection.reader.take_expectation()) {
            (void)os::send_some(connection.fd.get(),
                                std::string_view{"HTTP/1.1 100 Continue\r\n\r\n"});
        }
    }
    wait_readable(connection);
}

/// True when there was a request, or something that is none.
bool HttpServer::begin_request(Connection& connection) {
    auto request = connection.reader.next();
    if (const auto& problem = connection.reader.problem()) {
        respond(connection, text_response(problem->status, "text/plain", problem->text + "\n"),
                false);
        return true;
    }
    if (!request) return false;
    connection.request = std::move(request);
    connection.keep_alive = connection.request->keep_alive;
    handle(connection);
    return true;
}

void HttpServer::handle(Connection& connection) {
    connection.state = Connection::State::asked;
    connection.deadline.reset();
    HttpAnswer answer;
    try {
        answer = handler_.handle(connection.id, *connection.request);
    } catch (const std::exception& error) {
        answer.response = text_response(500, "text/plain", std::string{error.what()} + "\n");
    }
    switch (answer.kind) {
        case HttpAnswer::Kind::now:
            return respond(connection, std::move(answer.response), connection.keep_alive);
        case HttpAnswer::Kind::later: connection.state = Connection::State::waiting; return;
        case HttpAnswer::Kind::again: return note(connection.id);
        case HttpAnswer::Kind::stream: return begin_stream(connection);
    }
}

void HttpServer::respond(Connection& connection, HttpResponse response, bool keep_alive) {
    connection.state = Connection::State::writing;
    connection.keep_alive = keep_alive;
    connection.deadline = os::now() + write_timeout;
    connection.head = response_head(response, version_, keep_alive);
    const bool only_head = connection.request && connection.request->method == "HEAD";
    connection.body = only_head ? nullptr : std::move(response.body);
    connection.sent = 0;
    connection.request.reset();
    write(connection);
}

void HttpServer::begin_stream(Connection& connection) {
    const bool only_head = connection.request->method == "HEAD";
    if (only_head || streams_ >= streams_max) {
        auto response = only_head ? HttpResponse{.status = 200, .body = {}}
                                  : text_response(503, "text/plain", "too many event streams\n");
        if (only_head) response.content_type = "text/event-stream";
        return respond(connection, std::move(response), false);
    }
    connection.state = Connection::State::streaming;
    ++streams_;
    connection.request.reset();
    // The comment tells the client that nothing from now on escapes it.
    connection.head =
        response_head({.content_type = "text/event-stream", .body = {}}, version_, false, true) +
        ":\n\n";
    connection.sent = 0;
    connection.heartbeat = os::now() + heartbeat_interval;
    write_events(connection);
}

void HttpServer::write(Connection& connection) {
    // The head, and as much of the body as the kernel takes at once.
    for (int i = 0; i < 2 && connection.unsent() > 0; ++i) {
        std::string_view rest{connection.head};
        if (connection.sent < rest.size()) {
            rest.remove_prefix(connection.sent);
        } else {
            rest = *connection.body;
            rest.remove_prefix(connection.sent - connection.head.size());
        }
        const auto count = os::send_some(connection.fd.get(), rest);
        if (!count && !os::would_block(count.error())) return drop(connection.id);
        if (!count) break;
        connection.sent += *count;
    }
    if (connection.unsent() == 0) return finish(connection);
    wait_writable(connection);
    limit_slow_readers();
}

void HttpServer::limit_slow_readers() {
    std::size_t slow = 0;
    const Connection* first = nullptr;
    for (const auto& [id, connection] : connections_) {
        const bool large = connection->body && connection->body->size() > large_body_bytes;
        if (connection->state != Connection::State::writing || !large) continue;
        ++slow;
        if (first == nullptr || connection->deadline < first->deadline) first = connection.get();
    }
    if (slow > slow_readers_max) drop(first->id);
}

void HttpServer::finish(Connection& connection) {
    connection.head = {};
    connection.body.reset();
    connection.sent = 0;
    const core::Time now = os::now();
    if (!connection.keep_alive) {
        os::finish_sending(connection.fd.get());
        connection.state = Connection::State::lingering;
        connection.deadline = now + linger_timeout;
        return wait_readable(connection);
    }
    connection.state = Connection::State::reading;
    connection.in_request = connection.reader.in_the_middle();
    if (connection.in_request) {
        connection.deadline = now + request_timeout;
        return note(connection.id);
    }
    connection.deadline = now + idle_timeout;
    wait_readable(connection);
}

/// Closing a socket with unread bytes would take the answer away from who still sends.
void HttpServer::discard(Connection& connection) {
    Chunk chunk;
    const auto count = receive(connection.fd.get(), chunk, chunk.size());
    if (count == 0U) return drop(connection.id);
    connection.discarded += count.value_or(0);
    if (connection.discarded > discarded_bytes_max) return drop(connection.id);
    wait_readable(connection);
}

void HttpServer::broadcast(std::string_view event) {
    if (streams_ == 0) return;
    for (const auto& [id, connection] : connections_) {
        if (connection->state != Connection::State::streaming) continue;
        const bool room = connection->unsent() + event.size() <= stream_bytes_max;
        const bool told = connection->dropped_events == 0;
        // Half of the buffer is to be free before the stream goes on: not a gap after each event.
        if (!room || (!told && connection->unsent() > stream_bytes_max / 2)) {
            ++connection->dropped_events;
            continue;
        }
        if (!told) connection->head += dropped_event(std::exchange(connection->dropped_events, 0));
        const bool was_empty = connection->unsent() == 0;
        connection->head += event;
        // Who has not yet taken what was there is waited for already.
        if (was_empty) note(id);
    }
}

void HttpServer::write_events(Connection& connection) {
    Chunk chunk;
    if (receive(connection.fd.get(), chunk, chunk.size()) == 0U) return drop(connection.id);
    if (connection.unsent() == 0 && connection.dropped_events > 0) {
        connection.head += dropped_event(std::exchange(connection.dropped_events, 0));
    }
    if (connection.unsent() > 0) {
        const auto count = os::send_some(connection.fd.get(),
                                         std::string_view{connection.head}.substr(connection.sent));
        if (!count && !os::would_block(count.error())) return drop(connection.id);
        if (count) {
            connection.head.erase(0, *count);
            connection.deadline.reset();
        }
    }
    if (connection.unsent() == 0) {
        connection.head.shrink_to_fit();
        connection.deadline.reset();
        if (connection.dropped_events > 0) return note(connection.id);
        return wait_readable(connection);
    }
    if (!connection.deadline) connection.deadline = os::now() + stream_timeout;
    wait_writable(connection);
}

}  // namespace reeve::daemon
