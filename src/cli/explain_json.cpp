// What `reeve explain --json` says.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "cli/explain.hpp"

namespace reeve::cli {

namespace {

namespace json = boost::json;

json::array list(const std::vector<std::string>& words) {
    json::array out;
    for (const auto& word : words) out.emplace_back(word);
    return out;
}

json::object object_of(const Explanation& explanation) {
    const auto& advice = explanation.advice;
    json::object out;
    out["pool"] = explanation.pool;
    out["path"] = explanation.path;
    out["file"] = explanation.file;
    const auto* row = advice.program;
    out["program"] = row == nullptr ? json::value{} : json::value(std::string{row->title});
    json::object options;
    for (const auto* choice : advice.choices()) {
        options[choice->key] = {
            {"value", choice->value}, {"why", choice->why}, {"added", choice->added}};
    }
    out["options"] = std::move(options);
    out["compat"] = list(advice.compat);
    out["env"] = list(advice.env);
    out["command"] = list(advice.command);
    out["warnings"] = list(advice.warnings);
    out["run"] = explanation.run.empty() ? json::value{} : json::value(explanation.run);
    out["yaml"] = explanation.yaml;
    return out;
}

}  // namespace

std::string explanations_json(const std::vector<Explanation>& explanations) {
    json::array pools;
    for (const auto& explanation : explanations) pools.push_back(object_of(explanation));
    return json::serialize(json::object{{"pools", std::move(pools)}}) + "\n";
}

}  // namespace reeve::cli
