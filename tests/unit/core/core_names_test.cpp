// Names of states, reasons and records: scripts, dashboards and logs rely on them.
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include "core/record.hpp"

namespace reeve::core::test {
namespace {

/// The number of names of an enum that runs from 0; 0 where one is missing or is there twice.
template <typename Enum>
int count_names(Enum last) {
    std::set<std::string_view> names;
    for (int i = 0; i <= static_cast<int>(last); ++i) {
        const std::string_view text = name(static_cast<Enum>(i));
        if (text == "unknown" || text.empty() || !names.insert(text).second) return 0;
    }
    return static_cast<int>(last) + 1;
}

template <std::size_t... Index>
std::set<std::string_view> record_names(std::index_sequence<Index...>) {
    return {name(Record{std::in_place_index<Index>})...};
}

TEST_CASE("a state without a name would be a label `unknown` in a dashboard") {
    CHECK(count_names(State::failed) == 9);
    CHECK(count_names(Reason::stop) == 20);
    CHECK(count_names(ReadySign::probe) == 7);
    CHECK(count_names(HangSign::queue) == 4);
    CHECK(count_names(Notice::extension) == 3);
    CHECK(count_names(Garbage::Channel::einhorn) == 4);
    CHECK(count_names(StopMode::immediate) == 3);
}

TEST_CASE("two records of one name could not be told apart in the log") {
    constexpr std::size_t records = std::variant_size_v<Record>;
    const auto names = record_names(std::make_index_sequence<records>{});
    CHECK(names.size() == records);
    for (const std::string_view text : names) {
        CHECK(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos);
    }
}

}  // namespace
}  // namespace reeve::core::test
