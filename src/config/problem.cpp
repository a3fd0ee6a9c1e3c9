// What is wrong with a configuration, and where.
#include "config/problem.hpp"

#include <algorithm>
#include <tuple>

namespace reeve::config {

namespace {

/// Lines kept for sorting before the first ten are shown: a hostile file must not make this grow.
constexpr std::size_t stored_max = 1000;

bool is_control(char c) {
    return static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) == 0x7f;
}

std::string one_line(std::string_view text) {
    std::string out{text};
    std::replace_if(out.begin(), out.end(), is_control, ' ');
    return out;
}

}  // namespace

Place named_place(std::string source) {
    return {std::make_shared<const std::string>(std::move(source)), 0, 0};
}

std::string describe(const Place& place) {
    if (!place.source) {
        return {};
    }
    if (place.line == 0) {
        return *place.source;
    }
    return *place.source + ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
}

std::string describe(const Problem& problem) {
    std::string out = describe(problem.place);
    for (const auto& part : {problem.path, problem.text}) {
        if (!part.empty()) {
            out += out.empty() ? part : ": " + part;
        }
    }
    return one_line(out);
}

void Problems::add(Place place, std::string path, std::string text) {
    if (problems_.size() >= stored_max) {
        ++dropped_;
        return;
    }
    problems_.push_back({std::move(place), std::move(path), std::move(text)});
}

std::vector<std::string> Problems::lines() const {
    auto sorted = problems_;
    std::stable_sort(sorted.begin(), sorted.end(), [](const Problem& a, const Problem& b) {
        const std::string none;
        const auto& left = a.place.source ? *a.place.source : none;
        const auto& right = b.place.source ? *b.place.source : none;
        return std::tie(left, a.place.line, a.place.column) <
               std::tie(right, b.place.line, b.place.column);
    });
    std::vector<std::string> out;
    for (const auto& problem : sorted) {
        auto line = describe(problem);
        if (std::find(out.begin(), out.end(), line) != out.end()) {
            continue;
        }
        if (out.size() == kept_max) {
            out.push_back("and more: " + std::to_string(count()) + " problems in all");
            break;
        }
        out.push_back(std::move(line));
    }
    return out;
}

std::string quoted(std::string_view text) {
    constexpr std::size_t shown_max = 60;
    const bool cut = text.size() > shown_max;
    return "\"" + one_line(cut ? text.substr(0, shown_max) : text) + (cut ? "...\"" : "\"");
}

}  // namespace reeve::config
