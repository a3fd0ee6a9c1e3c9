// The command line of `reeve import`.
#include "cli/import_arguments.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "config/words.hpp"

namespace reeve::cli {

namespace {

const std::vector<std::string> kinds{"gunicorn", "supervisord", "procfile"};
const std::vector<std::string> reports{"text", "json", "none"};

/// The place of a word in a list; nothing if it is not there.
std::optional<int> place_of(const std::string& word, const std::vector<std::string>& words) {
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == word) return static_cast<int>(i);
    }
    return std::nullopt;
}

}  // namespace

ImportFlags::ImportFlags(CLI::App& parent)
    : app_{*parent.add_subcommand("import", "Write a configuration from another manager's")} {
    app_.add_option("KIND", kind_, "gunicorn, supervisord or procfile")->required();
    app_.add_option("FILE", import_.file, "Its file, or the unit of gunicorn (*.service)");
    app_.add_option("-o,--output", import_.output, "Where to write; without it, standard output")
        ->type_name("FILE");
    app_.add_flag("--force", import_.force, "Replace a file that is there");
    app_.add_option("--report", report_, "What became of each setting, on standard error")
        ->type_name("text|json|none");
    app_.add_option("--python", import_.python, "Interpreter that executes gunicorn.conf.py")
        ->type_name("PATH");
    app_.add_flag("--client", import_.client,
                  "Workers run reeve's Python client, not plain uvicorn");
    app_.add_flag("--table", import_.table, "Only print what becomes of every setting");
    app_.footer("Everything after -- is gunicorn's own command line.");
}

std::optional<Import> ImportFlags::take(std::vector<std::string> command,
                                        std::string& complaint) const {
    if (!app_.parsed()) return std::nullopt;
    Import out = import_;
    const auto kind = place_of(kind_, kinds);
    const auto report = place_of(report_, reports);
    if (!kind) {
        complaint = "import knows " + config::join(kinds) + ", and not " + config::quoted(kind_) +
                    config::did_you_mean(kind_, kinds);
        return out;
    }
    out.kind = static_cast<Import::Kind>(*kind);
    if (!report) complaint = "--report is " + config::join(reports, "|");
    if (report) out.report = static_cast<Import::Report>(*report);
    const bool gunicorn = out.kind == Import::Kind::gunicorn;
    if (!gunicorn && !command.empty()) complaint = "only import gunicorn takes a command line";
    if (!gunicorn && (out.client || !out.python.empty())) {
        complaint = "--client and --python are for import gunicorn";
    }
    if (out.kind == Import::Kind::supervisord && out.file.empty() && !out.table) {
        complaint = "import supervisord needs a FILE";
    }
    if (out.kind == Import::Kind::procfile && out.table) complaint = "a Procfile has no settings";
    if (gunicorn && !out.file.empty() && !command.empty()) {
        complaint = "name the file with -c in gunicorn's command line";
    }
    out.arguments = std::move(command);
    return out;
}

}  // namespace reeve::cli
