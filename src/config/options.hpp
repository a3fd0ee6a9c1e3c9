// The options table: every option is declared once, here; whatever knows options reads this table.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "core/config.hpp"

namespace reeve::config {

/// Where an option may be written.
enum class Scope { top, log, admin, metrics, pool, listen };

/// What a reload does with a changed value: takes it over at once, replaces the workers, or needs a
/// new start of reeve.
enum class Reload { live, roll, restart };

/// What an option is read from and written to. Members that a scope does not use are null.
struct Target {
    core::Config* config = nullptr;
    core::PoolConfig* pool = nullptr;
    core::Listen* listen = nullptr;
};

template <typename T>
using Ref = T& (*)(const Target&);

/// One name of an enumerator. The first row of a value is the name that is printed; others are
/// understood.
struct Choice {
    std::string_view name;
    int value;
    std::string_view doc;
};

// The kinds of value. Each knows how to reach its field; parsing, printing, the schema and the
// flags visit them, so a new kind does not compile until all of them know it.

struct BoolKind {
    Ref<bool> ref;
};

/// `zero` is the word for 0 ("off"); where it is empty, 0 is below `min`.
struct DurationKind {
    Ref<core::Duration> ref;
    core::Duration min;
    core::Duration max;
    std::string_view zero;
};

struct CountKind {
    std::uint64_t (*get)(const Target&);
    void (*set)(const Target&, std::uint64_t);
    std::uint64_t min;
    std::uint64_t max;
    std::string_view zero;
};

struct BytesKind {
    Ref<std::uint64_t> ref;
    std::uint64_t min;
    std::uint64_t max;
    std::string_view zero;
};

/// A count, or "auto" = 2 x CPUs + 1.
struct WorkersKind {
    Ref<std::uint32_t> ref;
    std::uint32_t max;
};

struct ChoiceKind {
    std::span<const Choice> choices;
    int (*get)(const Target&);
    void (*set)(const Target&, int);
};

struct TextKind {
    enum class Form { name, absolute_path, account, address, url_path, protocol, log_place };
    Ref<std::string> ref;
    Form form;
};

struct CommandKind {
    Ref<std::vector<std::string>> ref;
};

struct SignalKind {
    Ref<int> ref;
};

struct ExitCodesKind {
    Ref<std::vector<int>> ref;
};

/// NAME: VALUE; defaults and pool are merged by name.
struct EnvironmentKind {
    Ref<std::map<std::string, std::string>> ref;
};

/// NAME: LIMIT, a count, a size or "unlimited"; defaults and pool are merged by name.
struct LimitsKind {
    Ref<std::map<std::string, std::uint64_t>> ref;
};

/// Permission bits; nothing where the option is not set.
struct OctalKind {
    std::optional<unsigned> (*get)(const Target&);
    void (*set)(const Target&, unsigned);
};

/// A number that may be negative; nothing where the option is not set.
struct IntegerKind {
    std::optional<std::int64_t> (*get)(const Target&);
    void (*set)(const Target&, std::int64_t);
    std::int64_t min;
    std::int64_t max;
};

struct ListenKind {
    Ref<std::vector<core::Listen>> ref;
};

/// The address of one socket.
struct AddressKind {};

/// Several names: of users or groups, or of pools.
struct NamesKind {
    Ref<std::vector<std::string>> ref;
    TextKind::Form form = TextKind::Form::account;
};

/// A path, or "none", which turns the thing off.
struct PathOrNoneKind {
    Ref<std::string> ref;
    Ref<bool> enabled;
};

/// A TCP address, or "off".
struct AddressOrOffKind {
    Ref<std::optional<core::Listen>> ref;
};

using Kind =
    std::variant<BoolKind, DurationKind, CountKind, BytesKind, WorkersKind, ChoiceKind, TextKind,
                 CommandKind, SignalKind, ExitCodesKind, EnvironmentKind, LimitsKind, OctalKind,
                 IntegerKind, ListenKind, AddressKind, NamesKind, PathOrNoneKind, AddressOrOffKind>;

struct Option {
    std::string_view key;
    Scope scope;
    Kind kind;
    Reload reload;
    std::string_view fallback;  ///< the default, as one would write it; empty = none
    std::string_view doc;       ///< one paragraph
};

/// All options, by scope and then in the order in which the reference shows them.
std::span<const Option> options();

/// The options of one scope.
std::vector<const Option*> options_in(Scope scope);

/// Null when there is none.
const Option* find_option(Scope scope, std::string_view key);

/// The names that may be written in `scope`, for suggestions.
std::vector<std::string> option_names(Scope scope);

/// The key at the top level under which the options of a scope stand; empty where there is none.
std::string_view section_of(Scope scope);

std::string_view name_of(Reload reload);

/// The flag of `reeve run`: "--max-requests", "--log-level", "--admin" (the path), "--metrics".
std::string flag_name(const Option& option);

// Ways to a field from a Target, for the rows of the table.

inline core::PoolPolicy& owner(const Target& target, std::type_identity<core::PoolPolicy>) {
    return target.pool->policy;
}
inline core::ProcessConfig& owner(const Target& target, std::type_identity<core::ProcessConfig>) {
    return target.pool->process;
}
inline core::PoolConfig& owner(const Target& target, std::type_identity<core::PoolConfig>) {
    return *target.pool;
}
inline core::Listen& owner(const Target& target, std::type_identity<core::Listen>) {
    return *target.listen;
}
inline core::LogConfig& owner(const Target& target, std::type_identity<core::LogConfig>) {
    return target.config->log;
}
inline core::AdminConfig& owner(const Target& target, std::type_identity<core::AdminConfig>) {
    return target.config->admin;
}
inline core::MetricsConfig& owner(const Target& target, std::type_identity<core::MetricsConfig>) {
    return target.config->metrics;
}
inline core::Config& owner(const Target& target, std::type_identity<core::Config>) {
    return *target.config;
}

template <typename Owner, typename Field>
Owner owner_of(Field Owner::*);
template <typename Owner, typename Field>
Field field_of(Field Owner::*);

template <auto Member>
auto& field(const Target& target) {
    return owner(target, std::type_identity<decltype(owner_of(Member))>{}).*Member;
}

}  // namespace reeve::config
