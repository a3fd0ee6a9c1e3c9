// The options table as JSON Schema, so that an editor can complete and check a configuration file.
#include <array>

#include "config/show.hpp"
#include "config/words.hpp"

namespace reeve::config {

namespace {

constexpr auto number_or_text = R"("type": ["number", "string"])";
constexpr auto integer_or_text = R"("type": ["integer", "string"])";
constexpr auto text = R"("type": "string")";
constexpr auto list_or_text =
    R"("type": ["array", "string"], "items": {"type": ["string", "number"]})";

/// The schema of each kind, without its braces. A variable may stand for any single value, so a
/// string is allowed everywhere.
struct KindSchema {
    std::string operator()(const BoolKind& /*kind*/) const {
        return R"("type": ["boolean", "string"])";
    }
    std::string operator()(const DurationKind& /*kind*/) const { return number_or_text; }
    std::string operator()(const CountKind& /*kind*/) const { return integer_or_text; }
    std::string operator()(const BytesKind& /*kind*/) const { return integer_or_text; }
    std::string operator()(const WorkersKind& /*kind*/) const { return integer_or_text; }
    std::string operator()(const ChoiceKind& kind) const {
        std::vector<std::string> names;
        for (const auto& choice : kind.choices) {
            names.push_back(json_string(choice.name));
        }
        return R"("anyOf": [{"enum": [)" + join(names) +
               R"(]}, {"type": "string", "pattern": "\\$\\{"}])";
    }
    std::string operator()(const TextKind& /*kind*/) const {
        return R"("type": ["string", "integer"])";
    }
    std::string operator()(const CommandKind& /*kind*/) const { return list_or_text; }
    std::string operator()(const SignalKind& /*kind*/) const { return integer_or_text; }
    std::string operator()(const ExitCodesKind& /*kind*/) const {
        return R"("type": ["array", "integer", "string"], )"
               R"("items": {"type": ["integer", "string"]})";
    }
    std::string operator()(const EnvironmentKind& /*kind*/) const {
        return R"("type": "object", "additionalProperties": )"
               R"({"type": ["string", "number", "boolean"]})";
    }
    std::string operator()(const LimitsKind& /*kind*/) const {
        return R"("type": "object", "additionalProperties": {"type": ["integer", "string"]})";
    }
    std::string operator()(const OctalKind& /*kind*/) const { return integer_or_text; }
    std::string operator()(const IntegerKind& /*kind*/) const { return integer_or_text; }
    std::string operator()(const ListenKind& /*kind*/) const {
        return R"("type": ["string", "array", "object"], "items": {"type": "string"}, )"
               R"("additionalProperties": {"anyOf": [{"type": "string"}, )"
               R"({"$ref": "#/definitions/socket"}]})";
    }
    std::string operator()(const AddressKind& /*kind*/) const { return text; }
    std::string operator()(const NamesKind& /*kind*/) const {
        return R"("type": ["array", "string", "integer"], )"
               R"("items": {"type": ["string", "integer"]})";
    }
    std::string operator()(const PathOrNoneKind& /*kind*/) const { return text; }
    std::string operator()(const AddressOrOffKind& /*kind*/) const { return text; }
};

std::string show_option(const Option& option) {
    auto description = std::string{option.doc};
    if (const auto* choice = std::get_if<ChoiceKind>(&option.kind)) {
        for (const auto& entry : choice->choices) {
            description += " " + std::string{entry.name} + ": " + std::string{entry.doc} + ".";
        }
    }
    std::string out = json_string(option.key) + ": {" + std::visit(KindSchema{}, option.kind);
    if (!option.fallback.empty()) out += ", \"default\": " + json_string(option.fallback);
    return out + ", \"description\": " + json_string(description) + "}";
}

/// The schema of a map with the options of a scope and others that are written by hand.
std::string show_object(Scope scope, const std::vector<std::string>& others = {}) {
    auto properties = others;
    for (const auto* option : options_in(scope)) {
        properties.push_back(show_option(*option));
    }
    return "{\n\"type\": [\"object\", \"null\"], \"additionalProperties\": false, \"properties\": "
           "{\n" +
           join(properties, ",\n") + "\n}}";
}

}  // namespace

std::string json_string(std::string_view value) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : value) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (byte < 0x20) {
            out += "\\u00";
            out += digits[byte >> 4U];
            out += digits[byte & 15U];
        } else {
            out += c;
        }
    }
    return out + "\"";
}

std::string show_schema() {
    const std::vector<std::string> top{
        R"("defaults": {"$ref": "#/definitions/pool"})",
        R"("log": {"$ref": "#/definitions/log"})",
        R"("admin": {"$ref": "#/definitions/admin"})",
        R"("metrics": {"$ref": "#/definitions/metrics"})",
        R"("pools": {"type": ["object", "null"], "additionalProperties": )"
        R"({"$ref": "#/definitions/pool"}})",
    };
    auto root = show_object(Scope::top, top);
    root.erase(0, 2);
    return "{\n\"$schema\": \"http://json-schema.org/draft-07/schema#\",\n"
           "\"title\": \"reeve configuration\",\n\"definitions\": {\n\"pool\": " +
           show_object(Scope::pool) + ",\n\"log\": " + show_object(Scope::log) +
           ",\n\"admin\": " + show_object(Scope::admin) +
           ",\n\"metrics\": " + show_object(Scope::metrics) +
           ",\n\"socket\": " + show_object(Scope::listen) + "\n},\n" + root + "\n";
}

}  // namespace reeve::config
