// What each thread of a process is doing, for the record of a hang.
#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "os/clock.hpp"
#include "os/proc_file.hpp"
#include "os/process.hpp"
#include "os/syscall_names.hpp"

namespace reeve::os {
namespace {

constexpr std::size_t threads_counted_max = 4096;
constexpr std::size_t frames_max = 12;
constexpr std::string_view not_permitted = "not permitted";

/// A worker chooses its threads' names: nothing in them may reach a terminal as a control sequence.
std::string printable(std::string_view text) {
    std::string clean{text};
    std::ranges::replace_if(
        clean, [](unsigned char c) { return c < 0x20 || c >= 0x7F; }, '?');
    return clean;
}

bool forbidden(const Error& error) noexcept {
    return error.value() == EACCES || error.value() == EPERM;
}

void describe_state(pid_t pid, ThreadDescription& thread) {
    std::array<char, 512> buffer;
    const auto text = read_file(ProcPath{pid, thread.tid, "stat"}.c_str(), buffer);
    const auto open = text ? text->find('(') : std::string_view::npos;
    const auto close = text ? text->rfind(')') : std::string_view::npos;
    if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
        return;
    }
    thread.name = printable(text->substr(open + 1, close - open - 1));
    if (close + 2 < text->size()) {
        thread.state = (*text)[close + 2];
    }
}

void describe_call(pid_t pid, ThreadDescription& thread) {
    std::array<char, 256> buffer;
    const auto call = read_file(ProcPath{pid, thread.tid, "syscall"}.c_str(), buffer);
    if (!call) {
        thread.syscall = forbidden(call.error()) ? not_permitted : "";
        return;
    }
    std::string_view rest = *call;
    const auto word = next_word(rest);
    if (word == "running") {
        thread.syscall = word;
    } else if (word.starts_with('-')) {
        thread.syscall = "none";
    } else {
        thread.syscall = syscall_name(static_cast<long>(to_number(word)));
    }
}

/// For those who may not see the stack: at least where it ends.
void describe_wchan(pid_t pid, ThreadDescription& thread) {
    std::array<char, 128> buffer;
    const auto wchan = read_file(ProcPath{pid, thread.tid, "wchan"}.c_str(), buffer);
    if (wchan && *wchan != "0") {
        thread.wchan = printable(*wchan);
    }
}

/// "[<0>] futex_wait_queue+0x60/0x90" a line; kept is the function's name.
void describe_stack(pid_t pid, ThreadDescription& thread) {
    std::array<char, 2048> buffer;
    const auto text = read_file(ProcPath{pid, thread.tid, "stack"}.c_str(), buffer);
    if (!text) {
        thread.stack = forbidden(text.error()) ? not_permitted : "not available";
        describe_wchan(pid, thread);
        return;
    }
    std::string_view rest = *text;
    std::size_t frames = 0;
    for (auto word = next_word(rest); !word.empty() && frames < frames_max;
         word = next_word(rest)) {
        if (!word.starts_with('[')) {
            thread.stack += frames++ == 0 ? "" : " < ";
            thread.stack += printable(word.substr(0, word.find('+')));
        }
    }
    thread.wchan = thread.stack.substr(0, thread.stack.find(' '));
}

}  // namespace

ProcessDescription describe_process(pid_t pid, std::size_t others, core::Duration budget) {
    const core::Time begun = now();
    ProcessDescription process;
    auto threads = list_numbers(ProcPath{pid, "task"}.c_str(), threads_counted_max);
    if (!threads) {
        return process;
    }
    process.threads_total = threads->size();
    std::stable_partition(threads->begin(), threads->end(),
                          [pid](pid_t tid) { return tid == pid; });
    for (const pid_t tid : *threads) {
        const bool first = process.threads.empty();
        if (process.threads.size() > others || (!first && now() - begun > budget)) {
            break;
        }
        ThreadDescription thread;
        thread.tid = tid;
        describe_state(pid, thread);
        describe_call(pid, thread);
        describe_stack(pid, thread);
        process.threads.push_back(std::move(thread));
    }
    return process;
}

std::string ProcessDescription::text() const {
    if (threads.empty()) {
        return "no threads";
    }
    std::string all;
    for (const ThreadDescription& thread : threads) {
        all += all.empty() ? "thread " : "; thread ";
        all += std::to_string(thread.tid) + " " + thread.name + " " + thread.state + " in " +
               (thread.syscall.empty() ? "?" : thread.syscall);
        if (!thread.wchan.empty()) {
            all += " (" + thread.wchan + ")";
        }
        if (!thread.stack.empty()) {
            all += ", stack: " + thread.stack;
        }
    }
    if (threads_total > threads.size()) {
        all += "; and " + std::to_string(threads_total - threads.size()) + " more";
    }
    return all;
}

}  // namespace reeve::os
