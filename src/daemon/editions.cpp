// Keeps a generation's configuration and sockets for as long as somebody is of it.
#include "daemon/editions.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <utility>

#include "daemon/start_error.hpp"
#include "os/bind_probe.hpp"

namespace reeve::daemon {

std::uint64_t hash_of_file(const std::string& path) {
    if (path.empty()) return 0;
    std::ifstream file{path, std::ios::binary};
    if (!file) return 0;
    constexpr std::uint64_t basis = 14695981039346656037U;
    constexpr std::uint64_t prime = 1099511628211U;
    constexpr std::size_t bytes_max = 1U << 20U;
    std::uint64_t hash = basis;
    std::size_t count = 0;
    for (auto byte = std::istreambuf_iterator<char>{file};
         byte != std::istreambuf_iterator<char>{} && count < bytes_max; ++byte, ++count) {
        hash = (hash ^ static_cast<unsigned char>(*byte)) * prime;
    }
    return hash;
}

std::shared_ptr<const Edition> Editions::make(const core::PoolConfig& pool, Sockets& sockets,
                                              const os::ResourceLimit& own_nofile) {
    auto edition = std::make_shared<Edition>();
    edition->config = pool;
    edition->identity = find_identity(pool, own_nofile);
    edition->sockets = sockets.open(pool);
    if (pool.process.handoff == core::Handoff::adopt) {
        // Once, and not worker by worker: what is missing here is missing for all of them.
        const auto& who = edition->identity.credentials;
        if (const auto able = os::probe_bind_filter(who ? &*who : nullptr); !able) {
            throw StartError(exit_code_resource, "pools." + pool.name + "." + able.error().text());
        }
    }
    edition->env_file_hash = hash_of_file(pool.process.env_file);
    return edition;
}

void Editions::add(core::PoolIndex pool, core::Generation generation,
                   std::shared_ptr<const Edition> edition) {
    if (number(pool) >= entries_.size()) entries_.resize(number(pool) + 1);
    Entry& entry = entries_[number(pool)];
    entry.name = edition->config.name;
    if (entry.generations.empty()) {
        entry.in_force = number(generation);
        entry.leaves = false;
    }
    entry.generations[number(generation)] = std::move(edition);
}

void Editions::keep(core::PoolIndex pool, core::Generation generation) {
    Entry& entry = entries_[number(pool)];
    entry.in_force = number(generation);
    // One that an earlier generation gave up may still be open, and is wanted again.
    for (const NamedListener& socket : in_force(pool).sockets) {
        socket.accept_new_connections();
    }
    refuse_unwanted(entry);
}

void Editions::refuse(core::PoolIndex pool) {
    entries_[number(pool)].leaves = true;
    refuse_unwanted(entries_[number(pool)]);
}

/// All sockets of the pool of which each seat has its own, each once.
std::vector<NamedListener> Editions::groups(core::PoolIndex pool) const {
    std::vector<NamedListener> all;
    if (number(pool) >= entries_.size()) return all;
    for (const auto& [generation, edition] : entries_[number(pool)].generations) {
        for (const NamedListener& socket : edition->sockets) {
            const bool known = std::ranges::any_of(
                all, [&](const NamedListener& each) { return each.group == socket.group; });
            if (socket.group != nullptr && !known) all.push_back(socket);
        }
    }
    return all;
}

std::vector<std::string> Editions::steer(const core::Steer& wanted) const {
    std::vector<std::string> troubles;
    for (const NamedListener& socket : groups(wanted.pool)) {
        std::vector<std::size_t> members;
        for (const bool any : {false, true}) {
            for (const core::Place& place : wanted.places) {
                const PoolSockets& theirs = of(wanted.pool, place.generation).sockets;
                const bool has = std::ranges::any_of(
                    theirs, [&](const NamedListener& each) { return each.group == socket.group; });
                if (!(any || has) || members.size() == os::ListenerGroup::targets_max) continue;
                if (const auto failure = socket.make_for(place.slot)) {
                    troubles.push_back(failure->text());
                } else {
                    members.push_back(member_of(place.slot, place.side));
                }
            }
            // Where nobody has this socket yet, it is as good as any other place.
            if (!members.empty()) break;
        }
        if (members.empty()) continue;
        const auto done = socket.group->steer(members);
        if (!done) troubles.push_back(socket.name + ": " + done.error().message());
    }
    return troubles;
}

std::vector<std::string> Editions::mend(core::PoolIndex pool) const {
    std::vector<std::string> found;
    for (const NamedListener& socket : groups(pool)) {
        const auto mended = socket.group->mend();
        if (!mended) {
            found.push_back(socket.name + ": " + mended.error().message());
        } else if (mended->ended != 0) {
            std::string text = std::to_string(mended->ended) + " of the sockets " + socket.name +
                               " had been shut down by a worker and listen again";
            if (mended->made_anew) {
                text += "; all were made anew, which reset " + std::to_string(mended->reset) +
                        " connections";
            }
            found.push_back(std::move(text));
        }
    }
    return found;
}

std::array<std::uint32_t, 2> Editions::waiting(core::Seat seat) const {
    std::array<std::uint32_t, 2> sum{};
    for (const NamedListener& socket : groups(seat.pool)) {
        for (const core::Side side : {core::Side::a, core::Side::b}) {
            if (member_of(seat.slot, side) >= socket.group->size()) continue;
            const auto queue = socket.of(seat.slot, side)->queue_length();
            if (queue) sum[static_cast<std::size_t>(side)] += queue->waiting;
        }
    }
    return sum;
}

void Editions::end(core::PoolIndex pool, core::Generation generation) {
    Entry& entry = entries_[number(pool)];
    const auto found = entry.generations.find(number(generation));
    if (found == entry.generations.end()) return;
    if (entry.generations.size() == 1) {
        auto last = std::make_shared<Edition>(*found->second);
        last->sockets.clear();
        entry.last = std::move(last);
    }
    entry.generations.erase(found);
}

const Edition& Editions::of(core::PoolIndex pool, core::Generation generation) const {
    const Entry& entry = entries_[number(pool)];
    const auto found = entry.generations.find(number(generation));
    return found == entry.generations.end() ? in_force(pool) : *found->second;
}

const Edition& Editions::in_force(core::PoolIndex pool) const {
    const Entry& entry = entries_[number(pool)];
    const auto found = entry.generations.find(entry.in_force);
    return found == entry.generations.end() ? *entry.last : *found->second;
}

const std::string& Editions::name(core::PoolIndex pool) const {
    return entries_[number(pool)].name;
}

bool Editions::is_wanted(const std::shared_ptr<os::Listener>& listener) const {
    return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
        const auto found = entry.generations.find(entry.in_force);
        if (entry.leaves || found == entry.generations.end()) return false;
        const PoolSockets& sockets = found->second->sockets;
        return std::any_of(sockets.begin(), sockets.end(), [&](const NamedListener& socket) {
            return socket.listener == listener;
        });
    });
}

void Editions::refuse_unwanted(const Entry& entry) const {
    for (const auto& [generation, edition] : entry.generations) {
        for (const NamedListener& socket : edition->sockets) {
            if (!is_wanted(socket.listener)) socket.refuse_new_connections();
        }
    }
}

}  // namespace reeve::daemon
