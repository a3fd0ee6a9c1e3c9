// ${VAR}, ${VAR:-default} and $${ in values.
#include "config/substitute.hpp"

#include <algorithm>

namespace reeve::config {

namespace {

using Result = Parsed<std::string>;

constexpr int depth_max = 8;
constexpr std::size_t value_max = std::size_t{1} << 20U;

bool is_variable_name(std::string_view name) {
    const auto is_letter = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    return !name.empty() && is_letter(name.front()) &&
           std::all_of(name.begin(), name.end(),
                       [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

/// Where the brace that was opened just before `text` closes; braces inside are balanced.
std::size_t closing_brace(std::string_view text) {
    std::size_t depth = 1;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '{') {
            ++depth;
        } else if (text[i] == '}' && --depth == 0) {
            return i;
        }
    }
    return std::string_view::npos;
}

Result substitute_to(std::string_view text, const Environment& environment, int depth);

/// The value of what stands between "${" and "}".
Result value_of(std::string_view inner, const Environment& environment, int depth) {
    const auto split = inner.find(":-");
    const std::string name{inner.substr(0, split)};
    if (!is_variable_name(name)) {
        return Result::failure("${" + name.substr(0, 40) +
                               "} is not a variable; write $${ for a literal ${");
    }
    const auto value = environment(name);
    if (split == std::string_view::npos) {
        return value ? Result::success(*value)
                     : Result::failure("${" + name + "} is not set; give a default with ${" + name +
                                       ":-VALUE}");
    }
    if (value && !value->empty()) {
        return Result::success(*value);
    }
    return substitute_to(inner.substr(split + 2), environment, depth + 1);
}

Result substitute_to(std::string_view text, const Environment& environment, int depth) {
    if (depth > depth_max) {
        return Result::failure("has variables nested too deeply");
    }
    std::string out;
    while (!text.empty()) {
        const auto dollar = text.find('$');
        out += text.substr(0, dollar);
        if (dollar == std::string_view::npos) {
            break;
        }
        text.remove_prefix(dollar);
        if (text.starts_with("$${")) {
            out += "${";
            text.remove_prefix(3);
        } else if (text.starts_with("${")) {
            const auto end = closing_brace(text.substr(2));
            if (end == std::string_view::npos) {
                return Result::failure("has ${ without a closing }; write $${ for a literal ${");
            }
            auto value = value_of(text.substr(2, end), environment, depth);
            if (!value.ok()) {
                return value;
            }
            out += value.value;
            text.remove_prefix(2 + end + 1);
        } else {
            out += '$';
            text.remove_prefix(1);
        }
        if (out.size() > value_max) {
            return Result::failure("becomes too long: more than 1 MiB");
        }
    }
    return Result::success(std::move(out));
}

}  // namespace

Parsed<std::string> substitute(std::string_view text, const Environment& environment) {
    return substitute_to(text, environment, 0);
}

void substitute_all(Tree& node, const std::string& path, const Environment& environment,
                    Problems& problems) {
    if (node.kind == Tree::Kind::scalar) {
        auto result = substitute(node.text, environment);
        if (result.ok()) {
            node.text = std::move(result.value);
        } else {
            problems.add(node.place, path, result.error);
        }
        return;
    }
    for (auto& child : node.children) {
        substitute_all(child, child_path(path, child.key), environment, problems);
    }
}

std::string child_path(const std::string& parent, std::string_view child) {
    if (parent.empty() || child.empty()) {
        return parent + std::string{child};
    }
    return parent + "." + std::string{child};
}

}  // namespace reeve::config
