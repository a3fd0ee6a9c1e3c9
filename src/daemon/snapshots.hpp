// The large answers: rendered seldom, shared by all who ask, and at most one a turn.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "core/time.hpp"
#include "daemon/backend.hpp"
#include "os/clock.hpp"

namespace reeve::daemon {

class Snapshots {
public:
    enum class Of : std::uint8_t { status, metrics, config };

    explicit Snapshots(Backend& backend) : backend_(backend) {}

    void new_turn() noexcept { rendered_ = false; }
    /// Something was changed on purpose: whoever asks next wants to see it.
    void forget() noexcept { kept_ = {}; }

    /// Null = another one was rendered in this turn: ask again in the next.
    std::shared_ptr<const std::string> get(Of what) {
        Kept& kept = kept_[static_cast<std::size_t>(what)];
        const core::Time now = os::now();
        if (kept.text && now - kept.made < fresh_for) return kept.text;
        if (rendered_) return nullptr;
        rendered_ = true;
        kept = {std::make_shared<const std::string>(render(what)), now};
        return kept.text;
    }

private:
    static constexpr auto fresh_for = std::chrono::milliseconds{250};

    struct Kept {
        std::shared_ptr<const std::string> text;
        core::Time made{};
    };

    std::string render(Of what) {
        switch (what) {
            case Of::status: return backend_.status();
            case Of::metrics: return backend_.metrics();
            case Of::config: return backend_.config();
        }
        return {};
    }

    Backend& backend_;
    std::array<Kept, 3> kept_;
    bool rendered_ = false;
};

}  // namespace reeve::daemon
