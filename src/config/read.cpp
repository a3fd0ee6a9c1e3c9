// From a tree of text to fields: reads one option, or a whole section, as the options table
// declares it.
#include "config/read.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "config/address.hpp"
#include "config/option_rows.hpp"
#include "config/placeholders.hpp"
#include "config/substitute.hpp"
#include "config/values.hpp"
#include "config/words.hpp"

namespace reeve::config {

namespace {

constexpr std::array<std::string_view, 16> limit_names{
    "as",   "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue",
    "nice", "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};

constexpr std::size_t listen_max = 64;

/// Reads one node as each kind of value.
class Reader {
public:
    Reader(const Node& node, const Target& target, std::string path, Reading& reading)
        : node_{node}, target_{target}, path_{std::move(path)}, reading_{reading} {}

    bool operator()(const BoolKind& kind) {
        return store_scalar(parse_bool, [&](bool value) { kind.ref(target_) = value; });
    }

    bool operator()(const DurationKind& kind) {
        return with_scalar([&](const std::string& text) {
            if (!kind.zero.empty() && text == kind.zero) {
                kind.ref(target_) = core::Duration::zero();
                return true;
            }
            const auto parsed = parse_duration(text);
            if (!parsed.ok()) {
                return fail(parsed.error + zero_hint(kind.zero));
            }
            if (parsed.value < kind.min || parsed.value > kind.max) {
                return fail(
                    out_of_range(text, format_duration(kind.min), format_duration(kind.max)));
            }
            kind.ref(target_) = parsed.value;
            return true;
        });
    }

    bool operator()(const CountKind& kind) {
        return with_scalar([&](const std::string& text) {
            const auto parsed = text == kind.zero ? Parsed<std::uint64_t>::success(0)
                                                  : parse_count(text, kind.min, kind.max);
            if (!parsed.ok()) {
                return fail(parsed.error + zero_hint(kind.zero));
            }
            kind.set(target_, parsed.value);
            return true;
        });
    }

    bool operator()(const BytesKind& kind) {
        return with_scalar([&](const std::string& text) {
            const auto parsed =
                text == kind.zero ? Parsed<std::uint64_t>::success(0) : parse_bytes(text);
            if (!parsed.ok()) {
                return fail(parsed.error + zero_hint(kind.zero));
            }
            const bool off = parsed.value == 0 && !kind.zero.empty();
            if (!off && (parsed.value < kind.min || parsed.value > kind.max)) {
                return fail(out_of_range(text, format_bytes(kind.min), format_bytes(kind.max)));
            }
            kind.ref(target_) = parsed.value;
            return true;
        });
    }

    bool operator()(const WorkersKind& kind) {
        return with_scalar([&](const std::string& text) {
            if (text == "auto") {
                kind.ref(target_) = automatic_workers(reading_.cpus);
                return true;
            }
            const auto parsed = parse_count(text, 1, kind.max);
            if (!parsed.ok()) {
                return fail(parsed.error + ", or auto");
            }
            kind.ref(target_) = static_cast<std::uint32_t>(parsed.value);
            return true;
        });
    }

    bool operator()(const ChoiceKind& kind) {
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

    bool operator()(const TextKind& kind) {
        return with_scalar([&](const std::string& text) {
            switch (kind.form) {
                case TextKind::Form::name:
                    if (!is_name(text)) {
                        return fail(quoted(text) +
                                    " is not a name (letters, digits, '_', '.', '-'; at most 64)");
                    }
                    break;
                case TextKind::Form::absolute_path:
                    if (!text.starts_with('/') || text.find('\0') != std::string::npos) {
                        return fail(quoted(text) + " is not an absolute path");
                    }
                    break;
                case TextKind::Form::account:
                    if (text.empty() || text.size() > 64 ||
                        text.find_first_of(" \t:/,") != std::string::npos) {
                        return fail(quoted(text) + " is neither a name nor a number");
                    }
                    break;
            }
            kind.ref(target_) = text;
            return true;
        });
    }

    bool operator()(const CommandKind& kind) {
        if (node_.kind == Node::Kind::scalar) {
            auto words = split_command(node_.text);
            return words.ok() ? store_command(kind, std::move(words.value)) : fail(words.error);
        }
        std::vector<std::string> words;
        return with_items([&](const Reader& item) {
                   return item.with_scalar([&](const std::string& text) {
                       words.push_back(text);
                       return true;
                   });
               }) &&
               store_command(kind, std::move(words));
    }

    bool operator()(const SignalKind& kind) {
        return store_scalar(parse_signal, [&](int value) { kind.ref(target_) = value; });
    }

    bool operator()(const ExitCodesKind& kind) {
        std::vector<int> codes;
        const auto add = [&](const Reader& item, std::string_view text) {
            const auto parsed = parse_count(text, 0, 255);
            if (!parsed.ok()) {
                return item.fail(parsed.error);
            }
            codes.push_back(static_cast<int>(parsed.value));
            return true;
        };
        const auto add_list = [&](const Reader& item) {
            return item.with_scalar([&](const std::string& text) {
                bool good = true;
                for (std::size_t begin = 0; begin <= text.size();) {
                    const auto end = std::min(text.find(',', begin), text.size());
                    good = add(item, std::string_view{text}.substr(begin, end - begin)) && good;
                    begin = end + 1;
                }
                return good;
            });
        };
        if (!(node_.kind == Node::Kind::sequence ? with_items(add_list) : add_list(*this))) {
            return false;
        }
        std::sort(codes.begin(), codes.end());
        codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
        kind.ref(target_) = std::move(codes);
        return true;
    }

    bool operator()(const EnvironmentKind& kind) {
        return with_entries([&](const Reader& entry, const std::string& name) {
            if (name.empty() ||
                name.find_first_of(std::string_view{"=\0 ", 3}) != std::string::npos) {
                return entry.fail("is not a name of an environment variable");
            }
            if (entry.node_.kind == Node::Kind::null) {
                return entry.fail("has no value; write \"\" for an empty one");
            }
            return entry.with_scalar([&](const std::string& text) {
                kind.ref(target_)[name] = text;
                return true;
            });
        });
    }

    bool operator()(const LimitsKind& kind) {
        return with_entries([&](const Reader& entry, const std::string& name) {
            if (std::find(limit_names.begin(), limit_names.end(), name) == limit_names.end()) {
                const std::vector<std::string> known{limit_names.begin(), limit_names.end()};
                return entry.fail("no such limit" + did_you_mean(name, known));
            }
            return entry.with_scalar([&](const std::string& text) {
                if (text == "unlimited" || text == "infinity") {
                    kind.ref(target_)[name] = std::numeric_limits<std::uint64_t>::max();
                    return true;
                }
                const auto parsed = parse_bytes(text);
                if (!parsed.ok()) {
                    return entry.fail(quoted(text) +
                                      " is not a limit (like 65536, 512M, unlimited)");
                }
                kind.ref(target_)[name] = parsed.value;
                return true;
            });
        });
    }

    bool operator()(const OctalKind& kind) {
        return store_scalar(parse_octal, [&](unsigned value) { kind.set(target_, value); });
    }

    bool operator()(const IntegerKind& kind) {
        return store_scalar(
            [&](std::string_view text) { return parse_integer(text, kind.min, kind.max); },
            [&](std::int64_t value) { kind.set(target_, value); });
    }

    bool operator()(const AddressKind&) {
        return store_scalar(parse_address, [&](const core::Listen& parsed) {
            target_.listen->kind = parsed.kind;
            target_.listen->host = parsed.host;
            target_.listen->port = parsed.port;
            target_.listen->path = parsed.path;
        });
    }

    bool operator()(const ListenKind& kind) {
        std::vector<core::Listen> sockets;
        bool good = true;
        switch (node_.kind) {
            case Node::Kind::null:
            case Node::Kind::scalar: good = add_unnamed(sockets); break;
            case Node::Kind::sequence:
                good = with_items([&](Reader item) { return item.add_unnamed(sockets); });
                break;
            case Node::Kind::map:
                good = with_entries([&](Reader entry, const std::string& name) {
                    return entry.add_named(sockets, name);
                });
                break;
        }
        if (good && sockets.size() > listen_max) {
            return fail("has more than " + std::to_string(listen_max) + " sockets");
        }
        if (good) {
            kind.ref(target_) = std::move(sockets);
        }
        return good;
    }

private:
    bool fail(const std::string& text) const {
        reading_.problems.add(node_.place, path_, text);
        return false;
    }

    static std::string zero_hint(std::string_view word) {
        return word.empty() ? std::string{} : ", or " + std::string{word};
    }

    static std::string out_of_range(const std::string& text, const std::string& min,
                                    const std::string& max) {
        return quoted(text) + " is out of range: " + min + " to " + max;
    }

    /// Calls `use` with the text, or says why there is none.
    template <typename Use>
    bool with_scalar(Use use) const {
        switch (node_.kind) {
            case Node::Kind::scalar: return use(node_.text);
            case Node::Kind::null: return fail("has no value");
            case Node::Kind::sequence: return fail("must be a single value, not a list");
            case Node::Kind::map: break;
        }
        if (node_.flow && node_.children.size() == 1 &&
            is_placeholder_name(node_.children.front().key)) {
            const auto text = "{" + node_.children.front().key + "}";
            return fail("YAML reads " + text + " as a map; quote it: \"" + text + "\"");
        }
        return fail("must be a single value, not a map");
    }

    template <typename Parse, typename Store>
    bool store_scalar(Parse parse, Store store) const {
        return with_scalar([&](const std::string& text) {
            const auto parsed = parse(text);
            if (!parsed.ok()) {
                return fail(parsed.error);
            }
            store(parsed.value);
            return true;
        });
    }

    /// Calls `use` for each item of a list, also after one has failed, so that all errors are
    /// found.
    template <typename Use>
    bool with_items(Use use) const {
        if (node_.kind != Node::Kind::sequence) {
            return node_.kind == Node::Kind::null ? fail("has no value")
                                                  : fail("must be a list, not a map");
        }
        bool good = true;
        for (const auto& item : node_.children) {
            good = use(Reader{item, target_, path_, reading_}) && good;
        }
        return good;
    }

    template <typename Use>
    bool with_entries(Use use) const {
        if (node_.kind != Node::Kind::map) {
            return node_.kind == Node::Kind::null ? fail("has no value")
                                                  : fail("must be a map NAME: VALUE");
        }
        bool good = true;
        for (const auto& entry : node_.children) {
            good = use(Reader{entry, target_, child_path(path_, entry.key), reading_}, entry.key) &&
                   good;
        }
        return good;
    }

    bool store_command(const CommandKind& kind, std::vector<std::string> words) const {
        if (words.empty() || words.front().empty()) {
            return fail("names no program");
        }
        for (const auto& word : words) {
            if (word.find('\0') != std::string::npos) {
                return fail("has a NUL byte in an argument");
            }
        }
        kind.ref(target_) = std::move(words);
        return true;
    }

    bool add(std::vector<core::Listen>& sockets, core::Listen socket) const {
        for (const auto& other : sockets) {
            if (other.name == socket.name) {
                return fail("two sockets are named " + socket.name);
            }
        }
        reading_.places["pools." + target_.pool->name + ".listen." + socket.name] = node_.place;
        sockets.push_back(std::move(socket));
        return true;
    }

    /// "ADDRESS" or "NAME=ADDRESS".
    bool add_unnamed(std::vector<core::Listen>& sockets) const {
        if (node_.kind == Node::Kind::map) {
            return fail(
                "must be an address; to give a socket a name or options write listen as a map: "
                "NAME: ADDRESS");
        }
        return with_scalar([&](const std::string& text) {
            const auto equals = text.find('=');
            const bool named = equals != std::string::npos && is_name(text.substr(0, equals));
            auto parsed = parse_address(named ? text.substr(equals + 1) : text);
            if (!parsed.ok()) {
                return fail(parsed.error);
            }
            parsed.value.name = named ? text.substr(0, equals) : next_name(sockets);
            return add(sockets, std::move(parsed.value));
        });
    }

    /// The pool's name for the first unnamed socket, then POOL-1, POOL-2, ...
    [[nodiscard]] std::string next_name(const std::vector<core::Listen>& sockets) const {
        const auto taken = [&](const std::string& name) {
            return std::any_of(sockets.begin(), sockets.end(),
                               [&](const auto& socket) { return socket.name == name; });
        };
        std::string name = target_.pool->name;
        for (int i = 1; taken(name); ++i) {
            name = target_.pool->name + "-" + std::to_string(i);
        }
        return name;
    }

    bool add_named(std::vector<core::Listen>& sockets, const std::string& name) {
        if (!is_name(name)) {
            return fail("is not a name for a socket (letters, digits, '_', '.', '-'; at most 64)");
        }
        core::Listen socket;
        socket.name = name;
        const Target target{target_.config, target_.pool, &socket};
        if (node_.kind != Node::Kind::map) {
            const Reader address{node_, target, path_, reading_};
            return Reader{address}(AddressKind{}) && add(sockets, std::move(socket));
        }
        const auto before = reading_.problems.count();
        read_section(Scope::listen, node_, target, path_, reading_);
        if (node_.find("address") == nullptr) {
            fail("has no address");
        }
        return reading_.problems.count() == before && options_fit(socket) &&
               add(sockets, std::move(socket));
    }

    /// Options that this kind of socket does not have would be silently without effect.
    [[nodiscard]] bool options_fit(const core::Listen& socket) const {
        const bool tcp = socket.kind == core::Listen::Kind::tcp;
        const bool path = socket.kind == core::Listen::Kind::unix_path;
        const bool v6 = tcp && socket.host.find(':') != std::string::npos;
        for (const auto& entry : node_.children) {
            const bool has_effect =
                entry.key == "nodelay"                                                ? tcp
                : entry.key == "v6only"                                               ? v6
                : entry.key == "mode" || entry.key == "owner" || entry.key == "group" ? path
                                                                                      : true;
            if (!has_effect) {
                reading_.problems.add(entry.key_place, child_path(path_, entry.key),
                                      "has no effect on " + format_address(socket));
                return false;
            }
        }
        return true;
    }

    const Node& node_;
    const Target& target_;
    std::string path_;
    Reading& reading_;
};

/// What other supervisors call it.
constexpr std::array<std::pair<std::string_view, std::string_view>, 20> foreign_names{{
    {"bind", "listen"},
    {"sockets", "listen"},
    {"socket", "listen"},
    {"chdir", "cwd"},
    {"directory", "cwd"},
    {"working_directory", "cwd"},
    {"environment", "env"},
    {"environment_file", "env_file"},
    {"exec", "command"},
    {"cmd", "command"},
    {"args", "command"},
    {"replicas", "workers"},
    {"processes", "workers"},
    {"numprocs", "workers"},
    {"concurrency", "workers"},
    {"loglevel", "log.level"},
    {"stopsignal", "stop_signal"},
    {"stop_timeout", "graceful_timeout"},
    {"limits", "rlimits"},
    {"max_worker_lifetime", "max_lifetime"},
}};

}  // namespace

std::uint32_t automatic_workers(const Cpus& cpus) {
    return std::min(2 * std::clamp(cpus.count, 1U, workers_max) + 1, workers_max);
}

bool read_option(const Option& option, const Node& node, const Target& target,
                 const std::string& path, Reading& reading) {
    return std::visit(Reader{node, target, path, reading}, option.kind);
}

bool expect_map(const Node& node, const std::string& path, Reading& reading) {
    switch (node.kind) {
        case Node::Kind::null:
        case Node::Kind::map: return true;
        case Node::Kind::scalar:
        case Node::Kind::sequence: break;
    }
    reading.problems.add(node.place, path, "must be a map of options");
    return false;
}

void report_unknown(Scope scope, const Node& child, const std::string& path, Reading& reading) {
    const auto report = [&](const std::string& hint) {
        reading.problems.add(child.key_place, child_path(path, child.key), "unknown key" + hint);
    };
    for (const auto& [foreign, ours] : foreign_names) {
        if (foreign == child.key) {
            return report("; reeve calls it " + std::string{ours});
        }
    }
    if (scope == Scope::top && find_option(Scope::pool, child.key) != nullptr) {
        return report(" here; it belongs in a pool or in defaults");
    }
    if (scope != Scope::top && find_option(Scope::top, child.key) != nullptr) {
        return report(" here; it belongs at the top level");
    }
    report(did_you_mean(child.key, option_names(scope)));
}

void read_section(Scope scope, const Node& section, const Target& target, const std::string& path,
                  Reading& reading) {
    if (!expect_map(section, path, reading)) {
        return;
    }
    for (const auto& child : section.children) {
        const auto* option = find_option(scope, child.key);
        if (option == nullptr) {
            report_unknown(scope, child, path, reading);
            continue;
        }
        const auto child_way = child_path(path, child.key);
        reading.places[child_way] = child.place;
        read_option(*option, child, target, child_way, reading);
    }
}

}  // namespace reeve::config
