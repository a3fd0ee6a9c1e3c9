// What the shell adds to the view: sockets and how workers get them, and what the log lost.
#pragma once

#include "daemon/editions.hpp"
#include "daemon/log.hpp"
#include "daemon/view.hpp"

namespace reeve::daemon {

class ShellSurroundings final : public Surroundings {
public:
    ShellSurroundings(const Editions& editions, const Log& log) : editions_(editions), log_(log) {}

    [[nodiscard]] std::vector<SocketView> sockets(core::PoolIndex pool) const override {
        std::vector<SocketView> views;
        for (const NamedListener& socket : editions_.in_force(pool).sockets) {
            SocketView& view = views.emplace_back();
            view.name = socket.name;
            view.address = socket.listener->address();
            const auto queue = socket.queue_length();
            if (!queue) continue;
            view.queue = queue->waiting;
            view.queue_max = queue->limit;
        }
        return views;
    }
    [[nodiscard]] core::Handoff handoff(core::PoolIndex pool) const override {
        return editions_.in_force(pool).config.process.handoff;
    }
    [[nodiscard]] std::uint64_t dropped_log_lines() const override { return log_.dropped_lines(); }
    [[nodiscard]] std::uint64_t dropped_output_bytes() const override {
        return log_.dropped_output_bytes();
    }

private:
    const Editions& editions_;
    const Log& log_;
};

}  // namespace reeve::daemon
