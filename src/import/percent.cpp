// supervisord's %(name)s in values.
#include "import/percent.hpp"

#include <algorithm>

namespace reeve::imports {

namespace {

using Result = config::Parsed<Text>;

/// One "%(name)02d" at the beginning of `text`, which starts behind the percent sign.
struct Format {
    std::string name;
    std::size_t width = 0;
    bool zero = false;
    char kind = 0;
    std::size_t length = 0;  ///< 0: it is none
};

Format read_format(std::string_view text) {
    Format out;
    const auto close = text.starts_with('(') ? text.find(')') : std::string_view::npos;
    if (close == std::string_view::npos) return out;
    out.name = text.substr(1, close - 1);
    auto at = close + 1;
    out.zero = at < text.size() && text[at] == '0';
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9' && out.width < 100; ++at) {
        out.width = out.width * 10 + static_cast<std::size_t>(text[at] - '0');
    }
    if (at >= text.size() || (text[at] != 's' && text[at] != 'd')) return out;
    out.kind = text[at];
    out.length = at + 1;
    return out;
}

std::string padded(std::string value, const Format& format) {
    if (value.size() < format.width) {
        value.insert(0, format.width - value.size(), format.zero && format.kind == 'd' ? '0' : ' ');
    }
    return value;
}

}  // namespace

Result Percent::expand(std::string_view text) const {
    Text out;
    std::string literal;
    const auto flush = [&](bool escaped) {
        for (auto at = literal.find("${"); escaped && at != std::string::npos;
             at = literal.find("${", at + 3)) {
            literal.insert(at, 1, '$');
        }
        out.text += literal;
        literal.clear();
    };
    const bool variables = text.find("%(ENV_") != std::string_view::npos;
    for (;;) {
        const auto percent = text.find('%');
        literal += text.substr(0, percent);
        if (percent == std::string_view::npos) break;
        text.remove_prefix(percent + 1);
        if (text.starts_with('%')) {
            literal += '%';
            text.remove_prefix(1);
            continue;
        }
        const auto format = read_format(text);
        if (format.length == 0) {
            return Result::failure("has a % that begins no %(name)s; %% stands for a %");
        }
        text.remove_prefix(format.length);
        const auto known = names.find(format.name);
        if (format.name == "process_num") {
            literal += padded(process_number, format);
        } else if (known != names.end()) {
            literal += padded(known->second, format);
        } else if (format.name.starts_with("ENV_") && format.name.size() > 4) {
            flush(variables);
            out.text += "${" + format.name.substr(4) + "}";
            out.variables = true;
        } else {
            return Result::failure("has %(" + format.name + ")s, which supervisord does not know");
        }
    }
    flush(variables);
    return Result::success(std::move(out));
}

bool pads_number(std::string_view text) {
    constexpr std::string_view number = "(process_num)";
    for (auto at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 1)) {
        const auto format = read_format(text.substr(at + 1));
        if (format.length > 0 && text.substr(at + 1).starts_with(number) && format.width > 0) {
            return true;
        }
    }
    return false;
}

}  // namespace reeve::imports
