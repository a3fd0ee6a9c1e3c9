// The log: one line a fact, as text or JSON, to stdout or stderr, never waiting for its reader.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/config.hpp"

namespace reeve::daemon {

class Loop;

/// One named value of a log line; numbers are in base units, the unit is in the key.
struct Field {
    std::string_view key;
    std::variant<std::string, std::int64_t, double, bool> value;
};

/// One fact for people (`message`) and for machines (`event`, `fields`).
struct LogLine {
    core::LogLevel level = core::LogLevel::info;
    std::string_view event;  ///< stable name, snake_case
    std::string subject;     ///< "web/0 pid 4711", "web", or empty
    std::string message;
    std::vector<Field> fields{};
};

class Log {
public:
    /// Throws std::system_error when the target cannot be written to at all.
    Log(Loop& loop, const core::LogConfig& config);
    ~Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;

    [[nodiscard]] bool wants(core::LogLevel level) const noexcept;
    void set_level(core::LogLevel level);
    /// Never blocks and never fails: what finds no room is dropped and counted, and the count is
    /// logged.
    void write(const LogLine& line);
    /// Copies a worker's output to reeve's stderr, unchanged; it may use half of the buffer only.
    void copy_output(std::string_view bytes);

    /// Opens stdout and stderr anew where they are files, so that a rotated one is let go. Returns
    /// their paths; why one could not be opened is logged, and it stays as it is.
    std::vector<std::string> reopen();

    [[nodiscard]] std::uint64_t dropped_lines() const noexcept;
    [[nodiscard]] std::uint64_t dropped_output_bytes() const noexcept;

    /// Gives a slow reader this last chance, in milliseconds. For the end of the daemon.
    void flush(int milliseconds);

private:
    struct State;
    std::unique_ptr<State> state_;
};

/// The line as a JSON object with the time of this moment: what the log writes in its form `json`.
std::string json_text(const LogLine& line);
/// Shortest useful text: "250 ms", "12.3 s", "1 h 5 min".
std::string duration_text(core::Duration duration);
/// Seconds as a number, for fields.
double seconds(core::Duration duration) noexcept;
/// "512 KiB", "1.5 GiB".
std::string bytes_text(std::uint64_t bytes);

}  // namespace reeve::daemon
