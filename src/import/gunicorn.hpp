// What Gunicorn was told, setting by setting, and what becomes of it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.hpp"
#include "import/imported.hpp"
#include "import/unit.hpp"

namespace reeve::imports {

/// One setting of Gunicorn, up to version 26.
struct Setting {
    enum class Takes {
        value,
        nothing,  ///< the flag says yes
        off,      ///< the flag says no
        many,     ///< the flag may be given again
        maybe,    ///< the flag stands alone or has a value
    };
    std::string_view name;
    std::string_view flags{};  ///< "-w|--workers"; empty: in a file only
    Takes takes = Takes::value;
    Fate fate = Fate::carried;   ///< with a Uvicorn worker, which uvicorn itself then is
    std::string_view becomes{};  ///< options of reeve, or of uvicorn
    std::string_view note{};
    /// reeve does it also where gunicorn itself, of one worker, is the worker; all else it still
    /// does. `off`: what it is then told instead.
    bool moved = false;
    std::string_view off{};
};

/// All settings: one table for the translation, the report and the page.
std::span<const Setting> gunicorn_settings();
const Setting* find_gunicorn_setting(std::string_view name);
std::span<const SignalRow> gunicorn_signals();

/// A value of a configuration that is Python.
struct Value {
    enum class Kind { nothing, boolean, number, text, list, map, function, other };
    Kind kind = Kind::nothing;
    std::string text;                ///< in words; the text itself where it is one
    std::vector<std::string> items;  ///< of a list
};

/// A setting with the value that it was given.
struct Given {
    const Setting* setting = nullptr;
    Value value;
    std::string from;
    std::vector<std::string> with;  ///< the same with ${VAR:-default} in it, where that was seen
    std::vector<std::string> variables{};  ///< those of `with`
    std::vector<std::string> depends{};    ///< variables that change it in other ways
    bool cpus = false;                     ///< it depends on the number of CPUs
    std::string formula{};                 ///< "2 x CPUs + 1"; empty where it is no such sum
};

/// A command line of gunicorn, read.
struct GunicornLine {
    std::string program;  ///< where the line begins with one, as it was written
    std::vector<Given> given;
    std::vector<std::string> words;  ///< the application, and what is passed to it
};

/// `from`: how the place is called in the report.
config::Parsed<GunicornLine> read_gunicorn_line(std::vector<std::string> words,
                                                const std::string& from);

/// What the configuration file says, as it was executed.
struct GunicornFile {
    std::string location;  ///< empty: there is none
    std::vector<Given> given;
    std::vector<std::string> unknown;  ///< names that are no settings
    bool complete = true;              ///< all its variables were looked at
    /// Programs of the virtual environment that executed it; else empty.
    std::string uvicorn, gunicorn, python;
};

/// What the script printed. The error names the place.
config::Parsed<GunicornFile> read_gunicorn_answer(std::string_view json,
                                                  const std::string& location);

/// Everything that decides.
struct Gunicorn {
    Unit unit;  ///< the service that ran it, if one was named
    GunicornFile file;
    GunicornLine environment;  ///< GUNICORN_CMD_ARGS
    GunicornLine line;
    std::string cwd;      ///< where gunicorn would run
    bool client = false;  ///< with reeve's Python client instead of plain uvicorn
    bool port = false;    ///< PORT is set, which gunicorn binds by default
};

config::Parsed<Imported> translate(const Gunicorn& gunicorn);

}  // namespace reeve::imports
