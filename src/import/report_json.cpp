// What became of each setting of a file that was imported, told for programs.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "import/report.hpp"

namespace reeve::imports {

namespace json = boost::json;

std::string report_json(const Report& report) {
    json::array settings;
    for (const auto& entry : report.entries) {
        settings.push_back({{"setting", entry.setting},
                            {"value", entry.value},
                            {"from", entry.from},
                            {"fate", std::string{name_of(entry.fate)}},
                            {"becomes", entry.becomes},
                            {"note", entry.note}});
    }
    json::array notes;
    for (const auto& note : report.notes) notes.emplace_back(note);
    json::array signals;
    for (const auto& row : report.signals) {
        signals.push_back({{"signal", std::string{row.name}},
                           {"before", std::string{row.before}},
                           {"now", std::string{row.now}}});
    }
    return json::serialize(json::object{{"source", report.source},
                                        {"settings", std::move(settings)},
                                        {"notes", std::move(notes)},
                                        {"signals", std::move(signals)}}) +
           "\n";
}

}  // namespace reeve::imports
