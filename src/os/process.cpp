// Stamps, memory and activity of processes and their trees.
#include "os/process.hpp"

#include <algorithm>
#include <dirent.h>
#include <memory>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "os/proc_file.hpp"

namespace reeve::os {
namespace {

constexpr std::size_t threads_max = 64;

/// Fields of /proc/PID/stat by their numbers in proc(5), from 3 on: the name before them may hold
/// anything.
class StatFields {
public:
    explicit StatFields(std::string_view text) noexcept {
        const auto close = text.rfind(')');
        if (close != std::string_view::npos) {
            text_ = text.substr(close + 1);
        }
    }
    [[nodiscard]] std::string_view field(int number) const noexcept {
        std::string_view rest = text_;
        std::string_view word;
        for (int at = 3; at <= number; ++at) {
            word = next_word(rest);
        }
        return word;
    }

private:
    std::string_view text_;
};

using StatBuffer = std::array<char, 1024>;

Result<StatFields> read_stat(const ProcPath& path, StatBuffer& buffer) noexcept {
    const auto text = read_file(path.c_str(), buffer);
    if (!text) {
        return text.error();
    }
    return StatFields{*text};
}

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) noexcept {
    return (hash ^ value) * 0x9E3779B97F4A7C15U + (hash >> 29);
}

bool sleeps(std::string_view state) noexcept {
    return state == "S" || state == "I" || state == "Z" || state == "X";
}

}  // namespace

Result<std::vector<int>> list_numbers(const char* path, std::size_t most) {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory{::opendir(path), &::closedir};
    if (!directory) {
        return last_error();
    }
    std::vector<int> numbers;
    while (numbers.size() < most) {
        const dirent* entry = ::readdir(directory.get());
        if (entry == nullptr) {
            break;
        }
        const std::string_view name = entry->d_name;
        if (name.find_first_not_of("0123456789") == std::string_view::npos) {
            numbers.push_back(static_cast<int>(to_number(name)));
        }
    }
    return numbers;
}

Result<ProcessStamp> process_stamp(pid_t pid) noexcept {
    StatBuffer buffer{};
    const auto fields = read_stat(ProcPath{pid, "stat"}, buffer);
    if (!fields) {
        return fields.error();
    }
    ProcessStamp stamp;
    stamp.start_ticks = to_number(fields->field(22));
    const std::uint64_t stack = to_number(fields->field(28));
    struct stat image {};
    if (stack != 0 && ::stat(ProcPath{pid, "exe"}.c_str(), &image) == 0) {
        stamp.image = mix(mix(mix(1, image.st_dev), image.st_ino), stack) | 1U;
    }
    return stamp;
}

std::vector<pid_t> children_of(pid_t pid) {
    std::vector<pid_t> children;
    const auto threads = list_numbers(ProcPath{pid, "task"}.c_str(), threads_max);
    if (!threads) {
        return children;
    }
    for (const pid_t tid : *threads) {
        std::array<char, 4096> buffer;
        const auto text = read_file(ProcPath{pid, tid, "children"}.c_str(), buffer);
        if (!text) {
            continue;
        }
        std::string_view rest = *text;
        if (text->size() == buffer.size()) {
            rest = rest.substr(0, rest.rfind(' '));  // the last number may be cut
        }
        for (auto word = next_word(rest); !word.empty(); word = next_word(rest)) {
            children.push_back(static_cast<pid_t>(to_number(word)));
        }
    }
    return children;
}

std::vector<pid_t> tree_of(pid_t pid) {
    std::vector<pid_t> tree{pid};
    for (std::size_t at = 0; at < tree.size() && tree.size() < tree_size_max; ++at) {
        for (const pid_t child : children_of(tree[at])) {
            if (tree.size() < tree_size_max && std::ranges::find(tree, child) == tree.end()) {
                tree.push_back(child);
            }
        }
    }
    return tree;
}

Result<std::uint64_t> resident_bytes(pid_t pid) noexcept {
    static const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    std::array<char, 128> buffer{};
    const auto text = read_file(ProcPath{pid, "statm"}.c_str(), buffer);
    if (!text) {
        return text.error();
    }
    std::string_view rest = *text;
    next_word(rest);
    return to_number(next_word(rest)) * page;
}

Result<std::uint64_t> tree_resident_bytes(pid_t pid) {
    auto sum = resident_bytes(pid);
    if (!sum) {
        return sum;
    }
    for (const pid_t member : tree_of(pid)) {
        if (const auto bytes = resident_bytes(member); bytes && member != pid) {
            *sum += *bytes;
        }
    }
    return sum;
}

Result<bool> core_dumping(pid_t pid) noexcept {
    std::array<char, 4096> buffer;
    const auto text = read_file(ProcPath{pid, "status"}.c_str(), buffer);
    if (!text) {
        return {boost::system::in_place_error, text.error()};
    }
    return text->find("\nCoreDumping:\t1") != std::string_view::npos;
}

Result<Activity> activity(pid_t pid) noexcept try {
    const auto threads = list_numbers(ProcPath{pid, "task"}.c_str(), threads_max);
    if (!threads) {
        return threads.error();
    }
    Activity all{0, 0, true};
    for (const pid_t tid : *threads) {
        StatBuffer buffer{};
        const auto fields = read_stat(ProcPath{pid, tid, "stat"}, buffer);
        if (!fields) {
            continue;
        }
        if (!sleeps(fields->field(3))) {
            all.asleep = false;
            break;
        }
        const std::uint64_t ticks = to_number(fields->field(14)) + to_number(fields->field(15));
        const auto text = read_file(ProcPath{pid, tid, "schedstat"}.c_str(), buffer);
        if (text) {
            std::string_view rest = *text;
            all.cpu_ns += to_number(next_word(rest));
            next_word(rest);
            all.slices += to_number(next_word(rest));
        } else {
            all.cpu_ns += ticks * 1'000'000'000U / static_cast<unsigned>(::sysconf(_SC_CLK_TCK));
        }
    }
    return all;
} catch (const std::bad_alloc&) {
    return make_error(ENOMEM);
}

Result<std::size_t> signal_tree(const Child& child, int number) {
    struct Member {
        pid_t pid;
        std::uint64_t start_ticks;
    };
    std::vector<Member> others;
    for (const pid_t pid : tree_of(child.pid())) {
        if (pid == child.pid() || ::getpgid(pid) == child.pid()) {
            continue;
        }
        if (const auto stamp = process_stamp(pid)) {
            others.push_back({pid, stamp->start_ticks});
        }
    }
    if (const auto done = child.signal_group(number); !done) {
        return done.error();
    }
    std::size_t signalled = 0;
    for (const Member& member : others) {
        signalled += signal_process(member.pid, member.start_ticks, number) ? 1U : 0U;
    }
    return signalled;
}

}  // namespace reeve::os
