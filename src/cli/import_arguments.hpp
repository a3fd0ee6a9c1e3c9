// The command line of `reeve import`.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace reeve::cli {

/// Whose file is read, and what is to come of it.
struct Import {
    enum class Kind { gunicorn, supervisord, procfile };
    enum class Report { text, json, none };
    Kind kind = Kind::gunicorn;
    std::string file;                    ///< empty: the default
    std::vector<std::string> arguments;  ///< after "--": gunicorn's own command line
    std::string output;                  ///< empty: standard output
    bool force = false;
    Report report = Report::text;
    std::string python;  ///< empty: python3, or that of the gunicorn in `arguments`
    bool client = false;
    bool table = false;  ///< only print what becomes of every setting
};

/// The subcommand with its flags, and where their values are kept.
class ImportFlags {
public:
    explicit ImportFlags(CLI::App& parent);

    /// Nothing if another subcommand was used; what is wrong with the usage is in `complaint`.
    [[nodiscard]] std::optional<Import> take(std::vector<std::string> command,
                                             std::string& complaint) const;

private:
    CLI::App& app_;
    Import import_;
    std::string kind_;
    std::string report_ = "text";
};

}  // namespace reeve::cli
