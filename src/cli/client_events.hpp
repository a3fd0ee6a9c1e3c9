// Server-sent events: bytes in, whole events out.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace reeve::cli {

/// One event as it came.
struct RawEvent {
    std::string id;
    std::string name;
    std::string data;
};

using EventHandler = std::function<void(const RawEvent&)>;

/// Bytes come in pieces of any size. Comments and unknown fields are skipped.
class EventParser {
public:
    /// Throws Trouble when a line or an event is larger than a mebibyte.
    void feed(std::string_view bytes, const EventHandler& handler);

private:
    void take_line(std::string_view line, const EventHandler& handler);

    std::string line_;
    RawEvent event_;
};

}  // namespace reeve::cli
