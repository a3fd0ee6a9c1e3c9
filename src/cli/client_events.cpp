// Server-sent events: bytes in, whole events out.
#include "cli/client_events.hpp"

#include <utility>

#include "cli/client_trouble.hpp"
#include "cli/exit_code.hpp"

namespace reeve::cli {

namespace {

constexpr std::size_t event_bytes_max = std::size_t{1} << 20;

}  // namespace

void EventParser::feed(std::string_view bytes, const EventHandler& handler) {
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        line_ += bytes.substr(0, end);
        if (line_.size() + event_.data.size() > event_bytes_max) {
            throw Trouble{exit_failed, "the event stream makes no sense: an event without an end"};
        }
        if (end == std::string_view::npos) return;
        bytes.remove_prefix(end + 1);
        const auto line = std::exchange(line_, {});
        take_line(std::string_view{line}.substr(0, line.size() - (line.ends_with('\r') ? 1 : 0)),
                  handler);
    }
}

void EventParser::take_line(std::string_view line, const EventHandler& handler) {
    if (line.empty()) {
        const auto event = std::exchange(event_, {});
        if (!event.data.empty()) handler(event);
        return;
    }
    const auto colon = line.find(':');
    const auto field = line.substr(0, colon);
    auto value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (field == "id") {
        event_.id = value;
    } else if (field == "event") {
        event_.name = value;
    } else if (field == "data") {
        if (!event_.data.empty()) event_.data += '\n';
        event_.data += value;
    }
}

}  // namespace reeve::cli
