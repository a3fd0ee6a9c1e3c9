// Reads a worker's stderr in bounded pieces.
#include "daemon/worker_output.hpp"

#include <array>
#include <span>
#include <utility>

#include "daemon/render_parts.hpp"

namespace reeve::daemon {
namespace {

/// A chatterer gets this much of a turn, then the others and supervision have theirs.
constexpr int reads_a_turn = 4;
constexpr std::size_t line_max = 8UL * 1024;
constexpr std::size_t shown_max = 4UL * 1024;

}  // namespace

WorkerOutput::WorkerOutput(Log& log, core::WorkerOutput mode, std::string pool, std::uint32_t slot,
                           os::Fd pipe)
    : log_(log), mode_(mode), pool_(std::move(pool)), slot_(slot), pipe_(std::move(pipe)) {}

void WorkerOutput::start(Loop& loop) {
    readable_ = loop.on_readable(pipe_.get(), [self = shared_from_this()] { self->drain(); });
}

void WorkerOutput::drain() {
    std::array<std::byte, 16UL * 1024> buffer;
    for (int i = 0; i < reads_a_turn && pipe_; ++i) {
        const auto count = os::read_some(pipe_.get(), buffer);
        if (!count && os::would_block(count.error())) return;
        if (!count || *count == 0) {
            if (!line_.empty()) put_line(std::exchange(line_, {}));
            return close();
        }
        take({reinterpret_cast<const char*>(buffer.data()), *count});
    }
}

void WorkerOutput::take(std::string_view bytes) {
    tail_ += bytes;
    // Cut seldom, not at every write.
    if (tail_.size() > 2 * output_tail_max) tail_.erase(0, tail_.size() - output_tail_max);
    if (mode_ == core::WorkerOutput::tee) return log_.copy_output(bytes);
    while (!bytes.empty()) {
        const auto end = bytes.find('\n');
        line_ += bytes.substr(0, end);
        if (end == std::string_view::npos && line_.size() < line_max) return;
        put_line(std::exchange(line_, {}));
        bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    }
}

void WorkerOutput::put_line(std::string_view line) {
    if (mode_ == core::WorkerOutput::prefix) {
        return log_.copy_output(text(pool_, "/", slot_, " ", pid_, ": ", line, "\n"));
    }
    LogLine wrapped{core::LogLevel::info, "worker_output", text(pool_, "/", slot_, " pid ", pid_),
                    std::string{line}};
    add(wrapped, "pool", pool_);
    add(wrapped, "slot", slot_);
    add(wrapped, "pid", pid_);
    log_.write(wrapped);
}

std::string WorkerOutput::tail() const {
    std::string_view shown{tail_};
    if (shown.size() > shown_max) {
        shown.remove_prefix(shown.size() - shown_max);
        const auto line = shown.find('\n');
        if (line != std::string_view::npos) shown.remove_prefix(line + 1);
    }
    return std::string{shown};
}

void WorkerOutput::close() {
    // The watch may hold the last reference to this object.
    const auto self = weak_from_this().lock();
    readable_.stop();
    pipe_.reset();
}

}  // namespace reeve::daemon
