// Reading small files of /proc into memory of a fixed size.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <span>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "os/fd.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// "/proc/PID/name", or "/proc/PID/task/TID/name". `name` of any length is cut, never overrun.
class ProcPath {
public:
    ProcPath(pid_t pid, const char* name) noexcept {
        std::snprintf(text_.data(), text_.size(), "/proc/%d/%s", pid, name);
    }
    ProcPath(pid_t pid, pid_t tid, const char* name) noexcept {
        std::snprintf(text_.data(), text_.size(), "/proc/%d/task/%d/%s", pid, tid, name);
    }
    [[nodiscard]] const char* c_str() const noexcept { return text_.data(); }

private:
    std::array<char, 80> text_{};
};

/// What fits of the file.
inline Result<std::string_view> read_file(const char* path, std::span<char> into) noexcept {
    const Fd fd{::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)};
    if (!fd) {
        return last_error();
    }
    std::size_t filled = 0;
    while (filled < into.size()) {
        const auto count = read_some(fd.get(), std::as_writable_bytes(into.subspan(filled)));
        if (!count) {
            return count.error();
        }
        if (*count == 0) {
            break;
        }
        filled += *count;
    }
    return std::string_view{into.data(), filled};
}

/// Takes the next word off the front of `text`; empty at its end.
inline std::string_view next_word(std::string_view& text) noexcept {
    const auto begin = text.find_first_not_of(" \t\n");
    if (begin == std::string_view::npos) {
        return text = {};
    }
    text.remove_prefix(begin);
    const auto word = text.substr(0, text.find_first_of(" \t\n"));
    text.remove_prefix(word.size());
    return word;
}

/// 0 for what is no number. `base` 16 takes an optional 0x.
inline std::uint64_t to_number(std::string_view word, int base = 10) noexcept {
    if (base == 16 && word.starts_with("0x")) {
        word.remove_prefix(2);
    }
    std::uint64_t number = 0;
    std::from_chars(word.data(), word.data() + word.size(), number, base);
    return number;
}

/// The numbers in a directory's entry names, at most `most`: pids, tids or descriptors.
[[nodiscard]] Result<std::vector<int>> list_numbers(const char* path, std::size_t most);

}  // namespace reeve::os
