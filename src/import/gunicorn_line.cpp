// gunicorn's own command line, read by the table of its settings.
#include <algorithm>

#include "config/words.hpp"
#include "import/gunicorn.hpp"

namespace reeve::imports {

namespace {

using Takes = Setting::Takes;
using Result = config::Parsed<GunicornLine>;

std::vector<std::string> flags_of(const Setting& setting) {
    std::vector<std::string> out;
    auto rest = setting.flags;
    while (!rest.empty()) {
        const auto end = std::min(rest.find('|'), rest.size());
        out.emplace_back(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return out;
}

/// A flag as it was written and what belongs to it.
struct Flag {
    const Setting* setting = nullptr;
    std::string name;
    std::optional<std::string> value;
};

/// "-w4", "-w", "--workers=4", "--work": as Python's argparse reads them.
config::Parsed<Flag> find_flag(const std::string& word) {
    const bool is_long = word.starts_with("--");
    const auto equals = is_long ? word.find('=') : std::string::npos;
    const auto name = is_long ? word.substr(0, equals) : word.substr(0, 2);
    std::vector<std::string> known;
    std::vector<const Setting*> near;
    for (const auto& setting : gunicorn_settings()) {
        for (const auto& flag : flags_of(setting)) {
            known.push_back(flag);
            if (flag == name) {
                near = {&setting};
                known = {flag};
                break;
            }
            if (is_long && flag.starts_with(name)) near.push_back(&setting);
        }
        if (known.size() == 1 && near.size() == 1 && known.front() == name) break;
    }
    if (near.empty()) {
        return config::Parsed<Flag>::failure("gunicorn has no option " + name +
                                             config::did_you_mean(name, known));
    }
    if (near.size() > 1) return config::Parsed<Flag>::failure(name + " may be several options");
    Flag out{near.front(), name, {}};
    if (is_long && equals != std::string::npos) out.value = word.substr(equals + 1);
    if (!is_long && word.size() > 2) out.value = word.substr(word[2] == '=' ? 3 : 2);
    return config::Parsed<Flag>::success(std::move(out));
}

bool is_flag(const std::string& word) { return word.size() > 1 && word.starts_with('-'); }

/// The last one given wins; those that may be repeated add up.
void put(std::vector<Given>& to, const Setting& setting, Value value, const std::string& from) {
    const auto there = std::find_if(to.begin(), to.end(),
                                    [&](const Given& given) { return given.setting == &setting; });
    if (there == to.end()) {
        to.push_back({&setting, std::move(value), from, {}});
    } else if (setting.takes == Takes::many) {
        there->value.items.push_back(value.text);
        there->value.text += ", " + value.text;
    } else {
        there->value = std::move(value);
    }
}

/// A line may begin with the program itself: "/srv/venv/bin/gunicorn", "python3 -m gunicorn".
std::size_t length_of_program(const std::vector<std::string>& words) {
    const auto name = [&](std::size_t i) { return words[i].substr(words[i].rfind('/') + 1); };
    if (words.empty()) return 0;
    if (name(0) == "gunicorn" || name(0) == "gunicorn3") return 1;
    const bool is_module = words.size() > 2 && name(0).starts_with("python") && words[1] == "-m" &&
                           words[2] == "gunicorn";
    return is_module ? 3 : 0;
}

}  // namespace

Result read_gunicorn_line(std::vector<std::string> words, const std::string& from) {
    GunicornLine out;
    const auto begin = length_of_program(words);
    if (begin > 0) out.program = words.front();
    bool flags_end = false;
    for (std::size_t i = begin; i < words.size(); ++i) {
        const auto word = words[i];
        if (word == "--" && !flags_end) {
            flags_end = true;
            continue;
        }
        if (flags_end || !is_flag(word)) {
            out.words.push_back(word);
            continue;
        }
        auto found = find_flag(word);
        if (!found.ok()) return Result::failure(found.error);
        auto& [setting, name, value] = found.value;
        if (setting->takes == Takes::nothing || setting->takes == Takes::off) {
            if (value && name.starts_with("--")) return Result::failure(name + " takes no value");
            const bool yes = setting->takes == Takes::nothing;
            put(out.given, *setting, {Value::Kind::boolean, yes ? "True" : "False", {}}, from);
            // "-DR": several in one word.
            if (value && !value->empty()) words[i--] = "-" + *value;
            continue;
        }
        const bool apart = !value && i + 1 < words.size() && !is_flag(words[i + 1]);
        if (apart) value = words[++i];
        if (!value && setting->takes == Takes::maybe) value = "auto";
        if (!value) return Result::failure(name + " needs a value");
        const bool many = setting->takes == Takes::many;
        put(out.given, *setting,
            {many ? Value::Kind::list : Value::Kind::text, *value,
             many ? std::vector{*value} : std::vector<std::string>{}},
            from);
    }
    return Result::success(std::move(out));
}

}  // namespace reeve::imports
