// HTTP/1.1 messages as values: bytes become requests, responses become bytes.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace reeve::daemon {

inline constexpr std::size_t http_header_bytes_max = std::size_t{8} * 1024;
inline constexpr std::size_t http_body_bytes_max = std::size_t{16} * 1024;

struct HttpRequest {
    std::string method;  ///< "GET"
    std::string path;    ///< "/v1/status"; percent-decoded
    std::string query;   ///< what stood after '?', as it came
    std::string body;
    bool keep_alive = false;
};

struct HttpResponse {
    unsigned status = 200;
    std::string_view content_type = "application/json";
    std::shared_ptr<const std::string> body;
    std::string allow{};  ///< the header of a 405; empty = none
};

HttpResponse text_response(unsigned status, std::string_view content_type, std::string body);

/// Status line and headers up to the empty line, with reeve's own `version`. `endless`: no length,
/// the end of the connection ends the body.
std::string response_head(const HttpResponse& response, std::string_view version, bool keep_alive,
                          bool endless = false);

/// Why a request cannot be read: the status that says so, and a sentence.
struct HttpProblem {
    unsigned status = 400;
    std::string text;
};

/// Reads one request after the other from bytes as they come; never holds more than one request and
/// its limits.
class HttpReader {
public:
    HttpReader();
    ~HttpReader();
    HttpReader(const HttpReader&) = delete;
    HttpReader& operator=(const HttpReader&) = delete;

    /// How many bytes may be added now.
    [[nodiscard]] std::size_t room() const noexcept;
    void add(std::string_view bytes);
    /// The next request if it is complete.
    std::optional<HttpRequest> next();
    /// Set once what came is no request; nothing more can be read then.
    [[nodiscard]] const std::optional<HttpProblem>& problem() const noexcept;
    /// Bytes of a request that is not complete are there.
    [[nodiscard]] bool in_the_middle() const noexcept;
    /// The client waits for "100 Continue" before it sends the body; true once a request.
    bool take_expectation();

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// %41 becomes A; nothing where a '%' is not followed by two digits. '+' stays, so that "+2" can be
/// written in a query.
std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace reeve::daemon
