// Two readings of what goes in and out of the core: text for people, a hash to compare two runs.
#pragma once

#include <cstdint>
#include <string>

#include "core/output.hpp"

namespace reeve::sim {

std::string text_of(const core::Event& event);
std::string text_of(const core::Action& action);
std::string text_of(const core::Record& record);
std::string text_of(core::Time time);

/// A fingerprint of everything that is added to it, in order.
class TraceHash {
public:
    void add(const core::Output& out, core::Time now);
    void add(std::uint64_t value) noexcept;
    [[nodiscard]] std::uint64_t value() const noexcept { return value_; }

private:
    std::uint64_t value_ = 0xcbf29ce484222325U;
};

}  // namespace reeve::sim
