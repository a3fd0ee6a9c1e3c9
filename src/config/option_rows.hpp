// Short forms for the rows of the options table.
#pragma once

#include <chrono>

#include "config/options.hpp"
#include "core/limits.hpp"

namespace reeve::config {

constexpr core::Duration day = std::chrono::hours{24};
constexpr core::Duration year = 365 * day;
constexpr std::uint64_t count_max = 1'000'000'000'000;
constexpr auto workers_max = static_cast<std::uint32_t>(core::workers_max);
constexpr std::uint64_t bytes_max = std::uint64_t{1} << 50U;

template <auto Member>
constexpr DurationKind duration(core::Duration min, core::Duration max = year) {
    return {&field<Member>, min, max, {}};
}

/// A duration where 0 has the meaning `word`.
template <auto Member>
constexpr DurationKind duration_or(std::string_view word, core::Duration max = year) {
    return {&field<Member>, core::Duration::zero(), max, word};
}

template <auto Member>
constexpr CountKind count(std::uint64_t min, std::uint64_t max, std::string_view zero = {}) {
    using Number = decltype(field_of(Member));
    return {[](const Target& target) -> std::uint64_t { return field<Member>(target); },
            [](const Target& target, std::uint64_t value) {
                field<Member>(target) = static_cast<Number>(value);
            },
            min, max, zero};
}

template <auto Member>
constexpr BytesKind bytes(std::uint64_t min, std::string_view zero = {}) {
    return {&field<Member>, min, bytes_max, zero};
}

template <auto Member>
constexpr ChoiceKind choice(std::span<const Choice> choices) {
    using Enum = decltype(field_of(Member));
    return {
        choices, [](const Target& target) { return static_cast<int>(field<Member>(target)); },
        [](const Target& target, int value) { field<Member>(target) = static_cast<Enum>(value); }};
}

template <typename Enum>
constexpr Choice named(std::string_view name, Enum value, std::string_view doc) {
    return {name, static_cast<int>(value), doc};
}

/// The rows, in the files that hold them; options() joins them.
std::span<const Option> top_rows();
std::span<const Option> admin_rows();
std::span<const Option> serving_rows();
std::span<const Option> policy_rows();
std::span<const Option> process_rows();

}  // namespace reeve::config
