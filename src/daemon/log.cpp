// The log on spdlog, with the bounded buffer as its sink. The only file that knows spdlog.
#include "daemon/log.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <spdlog/details/null_mutex.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include "daemon/loop.hpp"
#include "daemon/sink.hpp"
#include "daemon/utf8.hpp"
#include "os/clock.hpp"
#include "os/standard_file.hpp"

namespace reeve::daemon {
namespace {

constexpr unsigned share_of_lines = 100;
constexpr unsigned share_of_output = 50;

struct LevelRow {
    core::LogLevel level;
    spdlog::level::level_enum number;
    std::string_view name;
    std::string_view colour;
    std::string_view priority;  ///< as the journal takes it at the head of a line
};

constexpr std::array<LevelRow, 6> levels{{
    {core::LogLevel::trace, spdlog::level::trace, "trace", "\033[2m", "<7>"},
    {core::LogLevel::debug, spdlog::level::debug, "debug", "\033[2m", "<7>"},
    {core::LogLevel::info, spdlog::level::info, "info", "\033[32m", "<6>"},
    {core::LogLevel::warning, spdlog::level::warn, "warning", "\033[33m", "<4>"},
    {core::LogLevel::error, spdlog::level::err, "error", "\033[31m", "<3>"},
    {core::LogLevel::critical, spdlog::level::critical, "critical", "\033[1;31m", "<2>"},
}};

const LevelRow& row(core::LogLevel level) {
    return *std::find_if(levels.begin(), levels.end(),
                         [&](const LevelRow& candidate) { return candidate.level == level; });
}

/// One thread writes, so no mutex.
class BufferedSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    explicit BufferedSink(Sink& lines) : sink_(lines) {}
    bool take_verdict() noexcept { return std::exchange(written_, true); }

protected:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t formatted;
        formatter_->format(message, formatted);
        written_ = sink_.write({formatted.data(), formatted.size()}, share_of_lines);
    }
    void flush_() override {}

private:
    Sink& sink_;
    bool written_ = true;
};

/// Control characters of a worker must not reach a terminal as such, nor break a line in two.
std::string printable(std::string_view text) {
    std::string clean;
    clean.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte == '\n') {
            clean += "\\n";
        } else {
            clean += byte < 0x20 || byte == 0x7f ? '?' : c;
        }
    }
    return clean;
}

boost::json::value json_value(const std::string& value) {
    return boost::json::string{valid_utf8(value)};
}
boost::json::value json_value(std::int64_t value) { return value; }
boost::json::value json_value(double value) { return value; }
boost::json::value json_value(bool value) { return value; }

std::string json_line(const LogLine& line, std::string_view time) {
    boost::json::object object;
    object["time"] = time;
    object["level"] = row(line.level).name;
    object["event"] = line.event;
    for (const Field& field : line.fields) {
        std::visit([&](const auto& value) { object[field.key] = json_value(value); }, field.value);
    }
    object["message"] = valid_utf8(line.message);
    return boost::json::serialize(object);
}

/// "2026-11-22T17:25:01.123456Z"
std::string utc_now() {
    const auto now = os::wall_now();
    const auto whole = std::chrono::floor<std::chrono::seconds>(now);
    const std::time_t time = whole.time_since_epoch().count();
    std::tm parts{};
    gmtime_r(&time, &parts);
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(now - whole).count();
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                       micros);
}

/// Whether the journal reads it: systemd says which file that is, by device and inode.
bool is_journal(int fd) {
    const char* const stream = std::getenv("JOURNAL_STREAM");
    struct stat file {};
    return stream != nullptr && fstat(fd, &file) == 0 &&
           fmt::format("{}:{}", file.st_dev, file.st_ino) == stream;
}

os::Output open_output(int fd) {
    auto output = os::Output::open(fd);
    if (!output) throw std::system_error(output.error(), "log output");
    return std::move(*output);
}

}  // namespace

struct Log::State {
    State(Loop& loop, const core::LogConfig& config)
        : target(config.target == core::LogTarget::standard_error ? STDERR_FILENO : STDOUT_FILENO),
          lines(loop, open_output(target), config.buffer_bytes),
          sink(std::make_shared<BufferedSink>(lines)),
          logger("reeve", sink),
          json(config.format == core::LogFormat::json),
          journal(is_journal(target)) {
        if (target != STDERR_FILENO) {
            error_output.emplace(loop, open_output(STDERR_FILENO), config.buffer_bytes);
        }
        const bool colour = !json && isatty(target) == 1 && std::getenv("NO_COLOR") == nullptr;
        coloured = colour;
        sink->set_formatter(
            std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc));
        logger.set_level(row(config.level).number);
    }

    std::array<os::StandardFile, 2> files{os::StandardFile{STDOUT_FILENO},
                                          os::StandardFile{STDERR_FILENO}};
    int target;
    Sink lines;
    std::optional<Sink> error_output;
    std::shared_ptr<BufferedSink> sink;
    spdlog::logger logger;
    bool json;
    bool journal;
    bool coloured = false;
    std::uint64_t dropped_lines = 0;
    std::uint64_t dropped_bytes = 0;
    std::uint64_t said_lines = 0;
    std::uint64_t said_bytes = 0;

    bool put(const LogLine& line) {
        const LevelRow& level = row(line.level);
        const std::string time = utc_now();
        std::string text;
        if (json) {
            text = json_line(line, time);
        } else if (journal) {
            // It has the time and the level itself.
            text = fmt::format("{:<16} {}{}{}", line.event, line.subject,
                               line.subject.empty() ? "" : ": ", printable(line.message));
        } else {
            const std::string_view colour = coloured ? level.colour : std::string_view{};
            const std::string_view reset = coloured ? "\033[0m" : "";
            text = fmt::format("{} {}{:<8}{} {:<16} {}{}{}", time, colour, level.name, reset,
                               line.event, line.subject, line.subject.empty() ? "" : ": ",
                               printable(line.message));
        }
        if (journal) text.insert(0, level.priority);
        logger.log(level.number, spdlog::string_view_t{text.data(), text.size()});
        return sink->take_verdict();
    }
};

std::string json_text(const LogLine& line) { return json_line(line, utc_now()); }

Log::Log(Loop& loop, const core::LogConfig& config)
    : state_(std::make_unique<State>(loop, config)) {}
Log::~Log() = default;

bool Log::wants(core::LogLevel level) const noexcept {
    return state_->logger.should_log(row(level).number);
}

void Log::set_level(core::LogLevel level) { state_->logger.set_level(row(level).number); }

void Log::write(const LogLine& line) {
    State& state = *state_;
    if (!wants(line.level)) return;
    const bool lost =
        state.said_lines != state.dropped_lines || state.said_bytes != state.dropped_bytes;
    if (lost && !state.lines.backed_up()) {
        LogLine confession{core::LogLevel::warning, "log_dropped", {}, {}};
        const auto lines = state.dropped_lines - state.said_lines;
        const auto bytes = state.dropped_bytes - state.said_bytes;
        confession.message = fmt::format(
            "nobody read in time: {} log lines and {} bytes of worker output were dropped", lines,
            bytes);
        confession.fields = {{"lines", static_cast<std::int64_t>(lines)},
                             {"bytes", static_cast<std::int64_t>(bytes)}};
        if (state.put(confession)) {
            state.said_lines = state.dropped_lines;
            state.said_bytes = state.dropped_bytes;
        }
    }
    if (!state.put(line)) ++state.dropped_lines;
}

void Log::copy_output(std::string_view bytes) {
    Sink& sink = state_->error_output ? *state_->error_output : state_->lines;
    if (!sink.write(bytes, share_of_output)) state_->dropped_bytes += bytes.size();
}

std::uint64_t Log::dropped_lines() const noexcept { return state_->dropped_lines; }
std::uint64_t Log::dropped_output_bytes() const noexcept { return state_->dropped_bytes; }

void Log::flush(int milliseconds) {
    state_->lines.flush(milliseconds);
    if (state_->error_output) state_->error_output->flush(milliseconds);
}

std::vector<std::string> Log::reopen() {
    State& state = *state_;
    std::vector<std::string> opened;
    for (const os::StandardFile& file : state.files) {
        if (file.path().empty()) continue;
        const auto done = file.reopen();
        if (done) {
            opened.push_back(file.path());
            continue;
        }
        LogLine line{core::LogLevel::error, "log_reopen_failed", file.path(), {}};
        line.message = "the log goes on where it was: " + done.error().message();
        write(line);
    }
    if (opened.empty()) return opened;
    const auto follow = [](Sink& sink, int fd) {
        if (sink.pollable()) return;
        if (auto output = os::Output::open(fd)) sink.replace(std::move(*output));
    };
    follow(state.lines, state.target);
    if (state.error_output) follow(*state.error_output, STDERR_FILENO);
    return opened;
}

double seconds(core::Duration duration) noexcept {
    return std::chrono::duration<double>(duration).count();
}

std::string duration_text(core::Duration duration) {
    const double value = seconds(duration);
    if (value < 0.0005) return fmt::format("{:.0f} us", value * 1e6);
    if (value < 0.01) return fmt::format("{:.1f} ms", value * 1e3);
    if (value < 1) return fmt::format("{:.0f} ms", value * 1e3);
    if (value < 120) return fmt::format("{:.1f} s", value);
    const auto whole = static_cast<std::int64_t>(value);
    if (whole < 7200) return fmt::format("{} min {} s", whole / 60, whole % 60);
    return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string bytes_text(std::uint64_t bytes) {
    constexpr std::array<std::string_view, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace reeve::daemon
