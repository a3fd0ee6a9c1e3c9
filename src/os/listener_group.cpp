// SO_REUSEPORT groups: members in a known order, and the classic BPF program that picks one.
#include "os/listener_group.hpp"

#include <algorithm>
#include <linux/filter.h>
#include <numeric>
#include <sys/socket.h>
#include <utility>

namespace reeve::os {
namespace {

using Program = std::vector<sock_filter>;

constexpr auto random_word = static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM);

void put(Program& program, std::uint16_t code, std::uint32_t value, std::uint8_t skip_if_true = 0,
         std::uint8_t skip_if_false = 0) {
    program.push_back({code, skip_if_true, skip_if_false, value});
}

/// Returns positions[A] for a number in A from `first` up to before `last`, by halving: a list of
/// comparisons would cost each connection one for each worker.
void put_choice(Program& program, std::span<const std::uint32_t> positions, std::uint32_t first,
                std::uint32_t last) {
    if (last - first == 1) return put(program, BPF_RET | BPF_K, positions[first]);
    const std::uint32_t middle = first + (last - first) / 2;
    // Conditional jumps reach 255 instructions, the plain one as far as is wanted.
    put(program, BPF_JMP | BPF_JGE | BPF_K, middle, 0, 1);
    const std::size_t jump = program.size();
    put(program, BPF_JMP | BPF_JA, 0);
    put_choice(program, positions, first, middle);
    program[jump].k = static_cast<std::uint32_t>(program.size() - jump - 1);
    put_choice(program, positions, middle, last);
}

/// Draws one of the positions at random, all equally likely.
Program program_for(std::span<const std::uint32_t> positions) {
    Program program;
    const auto count = static_cast<std::uint32_t>(positions.size());
    if (count > 1) {
        put(program, BPF_LD | BPF_W | BPF_ABS, random_word);
        put(program, BPF_ALU | BPF_MOD | BPF_K, count);
    }
    put_choice(program, positions, 0, count);
    return program;
}

}  // namespace

Outcome<ListenerGroup> ListenerGroup::open(const TcpAddress& address, int backlog,
                                           std::size_t members) {
    // Who joins a port meets no error where another program of the same user shares it already.
    const auto reserved = reserve_port(address);
    if (!reserved) {
        return reserved.error();
    }
    ListenerGroup group;
    group.address_ = address;
    group.address_.grouped = true;
    group.address_.port = reserved->port;
    group.backlog_ = backlog;
    if (auto failure = group.grow(std::max<std::size_t>(members, 1))) {
        return *failure;
    }
    return group;
}

std::optional<Failure> ListenerGroup::grow(std::size_t members) {
    while (members_.size() < members) {
        auto opened = Listener::open(address_, backlog_);
        if (!opened) {
            return opened.error();
        }
        if (refusing_) {
            (void)opened->refuse_new_connections();
        }
        order_.push_back(members_.size());
        members_.push_back(std::make_shared<Listener>(std::move(*opened)));
        // Until it is named it gets none: with the first it is as without a program.
        if (targets_.empty()) {
            targets_.push_back(0);
            if (const auto done = attach(); !done) {
                return Failure{"steer " + members_[0]->address(), done.error().value()};
            }
        }
    }
    return std::nullopt;
}

Result<void> ListenerGroup::steer(std::span<const std::size_t> members) {
    const bool known =
        std::ranges::all_of(members, [&](std::size_t member) { return member < members_.size(); });
    if (members.empty() || members.size() > targets_max || !known) {
        return make_error(EINVAL);
    }
    targets_.assign(members.begin(), members.end());
    return attach();
}

Result<void> ListenerGroup::attach() noexcept try {
    std::vector<std::uint32_t> positions;
    for (const std::size_t target : targets_) {
        const auto found = std::ranges::find(order_, target);
        positions.push_back(static_cast<std::uint32_t>(found - order_.begin()));
    }
    Program program = program_for(positions);
    const sock_fprog attached{static_cast<unsigned short>(program.size()), program.data()};
    // Any member does, as long as it is one: the program is the group's.
    if (::setsockopt(members_[order_.front()]->fd(), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF,
                     &attached, sizeof attached) != 0) {
        return last_error();
    }
    return {};
} catch (const std::bad_alloc&) {
    return make_error(ENOMEM);
}

Result<ListenerGroup::Mended> ListenerGroup::mend() {
    Mended mended;
    std::vector<std::size_t> ended;
    for (const std::size_t member : order_) {
        if (!members_[member]->is_listening()) ended.push_back(member);
    }
    mended.ended = ended.size();
    if (ended.empty()) {
        return mended;
    }
    if (ended.size() == 1) {
        *std::ranges::find(order_, ended.front()) = order_.back();
        order_.pop_back();
    } else {
        mended.made_anew = true;
        for (const std::size_t member : order_) {
            Listener& well = *members_[member];
            if (!well.is_listening()) continue;
            if (const auto queue = well.queue_length()) mended.reset += queue->waiting;
            if (const auto done = well.stop_listening(); !done) return done.error();
        }
        order_.clear();
        ended.resize(members_.size());
        std::iota(ended.begin(), ended.end(), 0U);
    }
    for (const std::size_t member : ended) {
        if (const auto done = members_[member]->listen_again(backlog_); !done) return done.error();
        order_.push_back(member);
    }
    if (const auto done = attach(); !done) return done.error();
    return mended;
}

Result<void> ListenerGroup::refuse_new_connections() noexcept {
    refusing_ = true;
    Result<void> done;
    for (const auto& member : members_) {
        if (const auto one = member->refuse_new_connections(); !one) done = one;
    }
    return done;
}

Result<void> ListenerGroup::accept_new_connections() noexcept {
    refusing_ = false;
    Result<void> done;
    for (const auto& member : members_) {
        if (const auto one = member->accept_new_connections(); !one) done = one;
    }
    return done;
}

Result<AcceptQueue> ListenerGroup::queue_length() const noexcept {
    AcceptQueue sum;
    for (std::size_t i = 0; i < members_.size(); ++i) {
        const auto one = members_[i]->queue_length();
        if (!one) {
            return one.error();
        }
        sum.waiting += one->waiting;
        if (std::ranges::find(targets_, i) != targets_.end()) sum.limit += one->limit;
    }
    return sum;
}

void ListenerGroup::close() noexcept {
    for (const auto& member : members_) member->close();
}

}  // namespace reeve::os
