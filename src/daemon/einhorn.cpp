// JSON is a kind of YAML, and of that only flat maps are ever sent: one small reader is for both.
#include "daemon/einhorn.hpp"

#include <optional>

namespace reeve::daemon {
namespace {

int digit_of(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string unescaped(std::string_view text) {
    std::string plain;
    plain.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const int high = text[i] == '%' && i + 2 < text.size() ? digit_of(text[i + 1]) : -1;
        const int low = high >= 0 ? digit_of(text[i + 2]) : -1;
        if (low < 0) {
            plain += text[i];
            continue;
        }
        plain += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return plain;
}

std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view blank = " \t\r\n{}";
    const auto first = text.find_first_not_of(blank);
    if (first == std::string_view::npos) return {};
    text = text.substr(first, text.find_last_not_of(blank) - first + 1);
    const bool quoted = text.size() >= 2 && text.front() == text.back() &&
                        (text.front() == '"' || text.front() == '\'');
    return quoted ? text.substr(1, text.size() - 2) : text;
}

/// The value of a key in a flat map whose entries are separated by newlines or commas.
std::optional<std::string_view> value_of(std::string_view map, std::string_view key) noexcept {
    while (!map.empty()) {
        const auto end = map.find_first_of("\n,");
        const std::string_view entry = map.substr(0, end);
        map.remove_prefix(end == std::string_view::npos ? map.size() : end + 1);
        const auto colon = entry.find(':');
        if (colon == std::string_view::npos) continue;
        if (trimmed(entry.substr(0, colon)) == key) return trimmed(entry.substr(colon + 1));
    }
    return std::nullopt;
}

bool is_number(std::string_view text) noexcept {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

EinhornWord read_einhorn(std::string_view line) {
    const std::string text = unescaped(line);
    constexpr std::string_view document = "---";
    std::string_view message = text;
    if (message.starts_with(document)) message.remove_prefix(document.size());
    const auto command = value_of(message, "command");
    if (!command || command->empty()) return EinhornWord::garbage;
    if (*command != "worker:ack" && *command != "worker:ping") return EinhornWord::other;
    const auto pid = value_of(message, "pid");
    if (!pid || !is_number(*pid)) return EinhornWord::garbage;
    return *command == "worker:ack" ? EinhornWord::ack : EinhornWord::ping;
}

std::string einhorn_refusal() {
    return "---%0Aok: false%0Amessage: reeve knows worker:ack and worker:ping only%0A\n";
}

}  // namespace reeve::daemon
