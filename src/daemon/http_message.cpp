// HTTP/1.1 messages by Boost.Beast; no other file knows it.
#include "daemon/http_message.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/string_body.hpp>

namespace reeve::daemon {
namespace {

namespace http = boost::beast::http;

using Parser = http::request_parser<http::string_body>;
using BeastError = boost::system::error_code;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

HttpProblem problem_of(const BeastError& error) {
    if (error == http::error::header_limit) {
        return {431, "the request's header is larger than 8 KiB"};
    }
    if (error == http::error::body_limit || error == http::error::buffer_overflow) {
        return {413, "the request's body is larger than 16 KiB"};
    }
    if (error == http::error::bad_version) return {505, "this is HTTP/1.1"};
    return {400, "not a request of HTTP/1.1: " + error.message()};
}

}  // namespace

HttpResponse text_response(unsigned status, std::string_view content_type, std::string body) {
    return {status, content_type, std::make_shared<const std::string>(std::move(body))};
}

std::string response_head(const HttpResponse& response, std::string_view version, bool keep_alive,
                          bool endless) {
    std::string head = "HTTP/1.1 " + std::to_string(response.status) + ' ';
    head += view(http::obsolete_reason(http::int_to_status(response.status)));
    const auto add = [&head](std::string_view name, std::string_view value) {
        head.append("\r\n").append(name).append(": ").append(value);
    };
    add("Reeve-Version", version);
    add("Content-Type", response.content_type);
    add("Cache-Control", "no-store");
    if (!response.allow.empty()) add("Allow", response.allow);
    if (!endless) {
        add("Content-Length", std::to_string(response.body ? response.body->size() : 0));
    }
    add("Connection", keep_alive ? "keep-alive" : "close");
    return head + "\r\n\r\n";
}

struct HttpReader::State {
    std::optional<Parser> parser;
    std::string bytes;
    std::optional<HttpProblem> problem;
    bool expectation_taken = false;

    void begin() {
        parser.emplace();
        parser->header_limit(http_header_bytes_max);
        parser->body_limit(http_body_bytes_max);
        parser->eager(true);
        expectation_taken = false;
    }
};

HttpReader::HttpReader() : state_(std::make_unique<State>()) {}
HttpReader::~HttpReader() = default;

std::size_t HttpReader::room() const noexcept {
    constexpr std::size_t bytes_max = http_header_bytes_max + http_body_bytes_max;
    return state_->bytes.size() < bytes_max ? bytes_max - state_->bytes.size() : 0;
}

void HttpReader::add(std::string_view bytes) { state_->bytes += bytes; }

std::optional<HttpRequest> HttpReader::next() {
    State& state = *state_;
    if (state.problem || state.bytes.empty()) return std::nullopt;
    if (!state.parser) state.begin();
    BeastError error;
    const std::size_t used = state.parser->put(boost::asio::buffer(state.bytes), error);
    state.bytes.erase(0, used);
    if (error && error != http::error::need_more) {
        state.problem = problem_of(error);
        return std::nullopt;
    }
    if (!state.parser->is_done()) return std::nullopt;
    auto message = state.parser->release();
    state.parser.reset();
    if (state.bytes.empty()) state.bytes.shrink_to_fit();
    HttpRequest request;
    request.method = view(message.method_string());
    const std::string_view target = view(message.target());
    const auto question = target.find('?');
    auto path = percent_decoded(target.substr(0, question));
    if (!path) {
        state.problem = HttpProblem{400, "a '%' in the path is not followed by two digits"};
        return std::nullopt;
    }
    request.path = std::move(*path);
    if (question != std::string_view::npos) request.query = target.substr(question + 1);
    request.keep_alive = message.keep_alive();
    request.body = std::move(message.body());
    return request;
}

const std::optional<HttpProblem>& HttpReader::problem() const noexcept { return state_->problem; }

bool HttpReader::in_the_middle() const noexcept {
    return !state_->bytes.empty() || (state_->parser && state_->parser->got_some());
}

bool HttpReader::take_expectation() {
    State& state = *state_;
    if (!state.parser || !state.parser->is_header_done() || state.expectation_taken) return false;
    state.expectation_taken = true;
    return boost::beast::iequals(state.parser->get()[http::field::expect], "100-continue");
}

std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        unsigned byte = 0;
        const std::string_view digits = text.substr(i + 1, 2);
        const char* const end = digits.data() + digits.size();
        const auto [stop, error] = std::from_chars(digits.data(), end, byte, 16);
        if (digits.size() != 2 || error != std::errc{} || stop != end) return std::nullopt;
        out += static_cast<char>(byte);
        i += 2;
    }
    return out;
}

}  // namespace reeve::daemon
