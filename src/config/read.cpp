// Reads single options, each kind of value in its way.
#include "config/read.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "config/address.hpp"
#include "config/placeholders.hpp"
#include "config/reader.hpp"
#include "config/values.hpp"
#include "config/words.hpp"

namespace reeve::config {

namespace {

constexpr std::array<std::string_view, 16> limit_names{
    "as",   "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
    "nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};

/// ", or off" where 0 has a name.
std::string zero_hint(std::string_view word) {
    return word.empty() ? std::string{} : ", or " + std::string{word};
}

std::string out_of_range(const std::string& text, const std::string& min, const std::string& max) {
    return quoted(text) + " is out of range: " + min + " to " + max;
}

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

/// Without blanks and control characters.
bool is_graphic(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c != 0x7f; });
}

/// Why `text` is not of this form; empty if it is.
std::string what_is_wrong(TextKind::Form form, const std::string& text) {
    constexpr std::size_t account_max = 64;
    switch (form) {
        case TextKind::Form::name:
            if (is_name(text)) return {};
            return quoted(text) + " is not a name (letters, digits, '_', '.', '-'; at most 64)";
        case TextKind::Form::absolute_path:
            if (text.starts_with('/') && !has_nul(text)) return {};
            return quoted(text) + " is not an absolute path";
        case TextKind::Form::account:
            if (!text.empty() && text.size() <= account_max && !has_nul(text) &&
                text.find_first_of(" \t:/,") == std::string::npos) {
                return {};
            }
            return quoted(text) + " is neither a name nor a number";
        case TextKind::Form::address:
            if (!text.empty() && is_graphic(text)) return {};
            return quoted(text) + " is no address";
        case TextKind::Form::url_path:
            if (text.starts_with('/') && is_graphic(text)) return {};
            return quoted(text) + " is not the path of a URL";
        case TextKind::Form::protocol:
            if (text == "einhorn" || text == "server-starter") return {};
            return quoted(text) + " is neither einhorn nor server-starter";
        case TextKind::Form::log_place:
            if (text == "none" || text == "-") return {};
            if (text.starts_with('/') && !has_nul(text)) return {};
            return quoted(text) + " is neither -, an absolute path, nor none";
    }
    return {};
}

}  // namespace

bool Reader::fail_no_scalar() const {
    switch (node_.kind) {
        case Tree::Kind::null: return fail("has no value");
        case Tree::Kind::sequence: return fail("must be a single value, not a list");
        case Tree::Kind::scalar:
        case Tree::Kind::map: break;
    }
    if (node_.flow && node_.children.size() == 1 &&
        is_placeholder_name(node_.children.front().key)) {
        const auto text = "{" + node_.children.front().key + "}";
        return fail("YAML reads " + text + " as a map; quote it: \"" + text + "\"");
    }
    return fail("must be a single value, not a map");
}

bool Reader::operator()(const BoolKind& kind) const {
    return store_scalar(parse_bool, [&](bool value) { kind.ref(target_) = value; });
}

bool Reader::operator()(const DurationKind& kind) const {
    return with_scalar([&](const std::string& text) {
        const auto parsed = text == kind.zero && !text.empty()
                                ? Parsed<core::Duration>::success(core::Duration::zero())
                                : parse_duration(text);
        if (!parsed.ok()) return fail(parsed.error + zero_hint(kind.zero));
        if (parsed.value < kind.min || parsed.value > kind.max) {
            return fail(out_of_range(text, format_duration(kind.min), format_duration(kind.max)));
        }
        kind.ref(target_) = parsed.value;
        return true;
    });
}

bool Reader::operator()(const CountKind& kind) const {
    return with_scalar([&](const std::string& text) {
        const auto parsed = text == kind.zero && !text.empty()
                                ? Parsed<std::uint64_t>::success(0)
                                : parse_count(text, kind.min, kind.max);
        if (!parsed.ok()) return fail(parsed.error + zero_hint(kind.zero));
        kind.set(target_, parsed.value);
        return true;
    });
}

bool Reader::operator()(const BytesKind& kind) const {
    return with_scalar([&](const std::string& text) {
        const auto parsed = text == kind.zero && !text.empty() ? Parsed<std::uint64_t>::success(0)
                                                               : parse_bytes(text);
        if (!parsed.ok()) return fail(parsed.error + zero_hint(kind.zero));
        const bool off = parsed.value == 0 && !kind.zero.empty();
        if (!off && (parsed.value < kind.min || parsed.value > kind.max)) {
            return fail(out_of_range(text, format_bytes(kind.min), format_bytes(kind.max)));
        }
        kind.ref(target_) = parsed.value;
        return true;
    });
}

bool Reader::operator()(const WorkersKind& kind) const {
    return with_scalar([&](const std::string& text) {
        if (text == "auto") {
            kind.ref(target_) = automatic_workers(reading_.cpus);
            return true;
        }
        const auto parsed = parse_count(text, 1, kind.max);
        if (!parsed.ok()) return fail(parsed.error + ", or auto");
        kind.ref(target_) = static_cast<std::uint32_t>(parsed.value);
        return true;
    });
}

bool Reader::operator()(const ChoiceKind& kind) const {
    return with_scalar([&](const std::string& text) {
        std::vector<std::string> names;
        for (const auto& choice : kind.choices) {
            if (choice.name == text) {
                kind.set(target_, choice.value);
                return true;
            }
            names.emplace_back(choice.name);
        }
        return fail(quoted(text) + " is none of " + join(names) + did_you_mean(text, names));
    });
}

bool Reader::operator()(const TextKind& kind) const {
    return with_scalar([&](const std::string& text) {
        const auto wrong = what_is_wrong(kind.form, text);
        if (!wrong.empty()) return fail(wrong);
        kind.ref(target_) = text;
        return true;
    });
}

bool Reader::operator()(const CommandKind& kind) const {
    std::vector<std::string> words;
    if (node_.kind == Tree::Kind::scalar) {
        auto split = split_command(node_.text);
        return split.ok() ? store_command(kind, std::move(split.value)) : fail(split.error);
    }
    const bool good = with_items([&](const Reader& item) {
        return item.with_scalar([&](const std::string& text) {
            words.push_back(text);
            return true;
        });
    });
    return good && store_command(kind, std::move(words));
}

bool Reader::store_command(const CommandKind& kind, std::vector<std::string> words) const {
    if (words.empty() || words.front().empty()) return fail("names no program");
    if (std::any_of(words.begin(), words.end(), has_nul)) {
        return fail("has a NUL byte in an argument");
    }
    kind.ref(target_) = std::move(words);
    return true;
}

bool Reader::operator()(const SignalKind& kind) const {
    return store_scalar(parse_signal, [&](int value) { kind.ref(target_) = value; });
}

bool Reader::operator()(const ExitCodesKind& kind) const {
    std::vector<int> codes;
    const bool good = node_.kind == Tree::Kind::sequence
                          ? with_items([&](const Reader& item) { return item.add_codes(codes); })
                          : add_codes(codes);
    if (!good) return false;
    std::sort(codes.begin(), codes.end());
    codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
    kind.ref(target_) = std::move(codes);
    return true;
}

/// "3" or "3,4".
bool Reader::add_codes(std::vector<int>& codes) const {
    return with_scalar([&](const std::string& text) {
        for (std::size_t begin = 0; begin <= text.size();) {
            const auto end = std::min(text.find(',', begin), text.size());
            const auto parsed =
                parse_count(std::string_view{text}.substr(begin, end - begin), 0, 255);
            if (!parsed.ok()) return fail(parsed.error);
            codes.push_back(static_cast<int>(parsed.value));
            begin = end + 1;
        }
        return true;
    });
}

bool Reader::operator()(const NamesKind& kind) const {
    std::vector<std::string> names;
    const bool good =
        node_.kind == Tree::Kind::sequence
            ? with_items([&](const Reader& item) { return item.add_names(kind.form, names); })
            : add_names(kind.form, names);
    if (good) kind.ref(target_) = std::move(names);
    return good;
}

/// "www-data" or "www-data,1000".
bool Reader::add_names(TextKind::Form form, std::vector<std::string>& names) const {
    return with_scalar([&](const std::string& text) {
        for (std::size_t begin = 0; begin <= text.size();) {
            const auto end = std::min(text.find(',', begin), text.size());
            auto name = text.substr(begin, end - begin);
            const auto wrong = what_is_wrong(form, name);
            if (!wrong.empty()) return fail(wrong);
            names.push_back(std::move(name));
            begin = end + 1;
        }
        return true;
    });
}

bool Reader::operator()(const PathOrNoneKind& kind) const {
    return with_scalar([&](const std::string& text) {
        const bool none = text == "none";
        if (!none && (text.find('/') == std::string::npos || has_nul(text))) {
            return fail(quoted(text) + " is neither a path (with a '/') nor none");
        }
        kind.enabled(target_) = !none;
        kind.ref(target_) = none ? std::string{} : text;
        return true;
    });
}

bool Reader::operator()(const EnvironmentKind& kind) const {
    return with_entries([&](const Reader& entry, const std::string& name) {
        if (name.empty() || has_nul(name) || name.find_first_of("= ") != std::string::npos) {
            return entry.fail("is not a name of an environment variable");
        }
        if (entry.node_.kind == Tree::Kind::null) {
            return entry.fail("has no value; write \"\" for an empty one");
        }
        return entry.with_scalar([&](const std::string& text) {
            if (has_nul(text)) return entry.fail("has a NUL byte in its value");
            entry.reading_.places[entry.path_] = entry.node_.place;
            kind.ref(target_)[name] = text;
            return true;
        });
    });
}

bool Reader::operator()(const LimitsKind& kind) const {
    return with_entries([&](const Reader& entry, const std::string& name) {
        if (std::find(limit_names.begin(), limit_names.end(), name) == limit_names.end()) {
            const std::vector<std::string> known{limit_names.begin(), limit_names.end()};
            return entry.fail("no such limit" + did_you_mean(name, known));
        }
        return entry.with_scalar([&](const std::string& text) {
            const bool unlimited = text == "unlimited" || text == "infinity";
            const auto parsed =
                unlimited
                    ? Parsed<std::uint64_t>::success(std::numeric_limits<std::uint64_t>::max())
                    : parse_bytes(text);
            if (!parsed.ok()) {
                return entry.fail(quoted(text) + " is not a limit (like 65536, 512M, unlimited)");
            }
            kind.ref(target_)[name] = parsed.value;
            return true;
        });
    });
}

bool Reader::operator()(const OctalKind& kind) const {
    return store_scalar(parse_octal, [&](unsigned value) { kind.set(target_, value); });
}

bool Reader::operator()(const IntegerKind& kind) const {
    return store_scalar(
        [&](std::string_view text) { return parse_integer(text, kind.min, kind.max); },
        [&](std::int64_t value) { kind.set(target_, value); });
}

}  // namespace reeve::config
