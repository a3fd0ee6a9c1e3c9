// Where facts wait for the next turn.
#pragma once

#include <utility>
#include <vector>

#include "core/event.hpp"

namespace reeve::daemon {

class Inbox {
public:
    template <typename Fact>
    void put(Fact&& fact) {
        events_.emplace_back(std::forward<Fact>(fact));
    }
    std::vector<core::Event> take() { return std::exchange(events_, {}); }
    [[nodiscard]] bool empty() const noexcept { return events_.empty(); }

private:
    std::vector<core::Event> events_;
};

}  // namespace reeve::daemon
