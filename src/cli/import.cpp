// `reeve import`: reads another manager's files and writes a configuration and a report.
#include "cli/import.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <glob.h>
#include <iostream>
#include <unistd.h>

#include "cli/exit_code.hpp"
#include "config/words.hpp"
#include "import/env_file.hpp"
#include "import/execute.hpp"
#include "import/procfile.hpp"
#include "import/supervisord.hpp"
#include "import/table.hpp"
#include "os/executable.hpp"
#include "os/fd.hpp"

namespace reeve::cli {

namespace {

namespace fs = std::filesystem;
using Result = config::Parsed<imports::Imported>;

constexpr std::size_t file_max = std::size_t{1} << 20U;

/// What is wrong, and whether it is the command line.
struct Failure {
    int exit_code = exit_config;
    std::string text;
};

int fail(const Failure& failure) {
    std::cerr << "reeve: " << failure.text << '\n';
    return failure.exit_code;
}

std::vector<std::string> whole_environment() {
    std::vector<std::string> out;
    for (char** entry = environ; *entry != nullptr; ++entry) out.emplace_back(*entry);
    return out;
}

/// Empty where it is not set.
std::string value_of(const std::string& name, const std::vector<std::string>& environment) {
    const auto found =
        std::find_if(environment.begin(), environment.end(),
                     [&](const std::string& entry) { return entry.starts_with(name + "="); });
    return found == environment.end() ? "" : found->substr(name.size() + 1);
}

/// The interpreter of the gunicorn that a command line begins with, which knows its packages.
std::string python_of(const std::string& program) {
    if (program.find('/') == std::string::npos) return {};
    const auto name = fs::path{program}.filename().string();
    if (name.starts_with("python")) return program;
    const auto file = os::read_executable(program);
    if (!file || fs::path{file->interpreter}.filename().string().rfind("python", 0) != 0) return {};
    return file->interpreter;
}

const std::string* config_of(const imports::GunicornLine& line) {
    for (const auto& given : line.given) {
        if (given.setting->name == "config") return &given.value.text;
    }
    return nullptr;
}

/// A file as text: a regular one, and not without end.
config::Parsed<std::string> read_text(const std::string& path) {
    using Text = config::Parsed<std::string>;
    const os::Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (!file) return Text::failure(std::strerror(errno));
    std::string text;
    std::array<std::byte, 65536> buffer;
    for (;;) {
        const auto count = os::read_some(file.get(), buffer);
        if (!count) return Text::failure(count.error().message());
        if (*count == 0) return Text::success(std::move(text));
        text.append(reinterpret_cast<const char*>(buffer.data()), *count);
        if (text.size() > file_max) return Text::failure("it is larger than 1 MiB");
    }
}

/// Takes over what a service says: its command line, its environment, where it runs.
std::string read_service(const std::string& path, imports::Gunicorn& from,
                         imports::Execution& execution, std::vector<std::string>& arguments) {
    const auto text = read_text(path);
    if (!text.ok()) return path + ": " + text.error;
    auto unit = imports::read_unit(text.value, fs::path{path}.filename().string());
    if (!unit.ok()) return unit.error;
    from.unit = std::move(unit.value);
    auto& files = from.unit.environment_files;
    std::vector<std::pair<std::string, std::string>> variables = from.unit.environment;
    for (auto file = files.begin(); file != files.end();) {
        const bool optional = file->starts_with('-');
        const auto values = read_text(file->substr(optional ? 1 : 0));
        if (!values.ok() && !optional) return path + ": " + *file + ": " + values.error;
        const auto more = imports::read_env_file(values.value);
        variables.insert(variables.end(), more.begin(), more.end());
        file = values.ok() ? file + 1 : files.erase(file);
    }
    // The last one wins, as in systemd.
    for (const auto& [name, value] : variables) {
        auto& all = execution.environment;
        all.erase(std::remove_if(all.begin(), all.end(),
                                 [&, &key = name](const std::string& entry) {
                                     return entry.starts_with(key + "=");
                                 }),
                  all.end());
        all.push_back(name + "=" + value);
        execution.fixed.push_back(name);
    }
    from.cwd = execution.cwd = from.unit.cwd;
    arguments = from.unit.command;
    return {};
}

Result import_gunicorn(const Import& import, Failure& failure) {
    imports::Gunicorn from;
    from.client = import.client;
    std::error_code error;
    from.cwd = fs::current_path(error).string();
    imports::Execution execution;
    execution.environment = whole_environment();
    auto arguments = import.arguments;
    const bool service = import.file.ends_with(".service");
    if (service) {
        const auto trouble = read_service(import.file, from, execution, arguments);
        if (!trouble.empty()) return Result::failure(trouble);
    }
    auto line = imports::read_gunicorn_line(std::move(arguments), "command line");
    if (!line.ok()) {
        failure.exit_code = exit_usage;
        return Result::failure(line.error);
    }
    from.line = std::move(line.value);
    const auto& all = execution.environment;
    from.port = !value_of("PORT", all).empty();
    if (const auto words = config::split_command(value_of("GUNICORN_CMD_ARGS", all)); words.ok()) {
        auto read = imports::read_gunicorn_line(words.value, "GUNICORN_CMD_ARGS");
        if (!read.ok()) return Result::failure("GUNICORN_CMD_ARGS: " + read.error);
        from.environment = std::move(read.value);
    }
    const auto* named = config_of(from.line);
    if (named == nullptr) named = config_of(from.environment);
    execution.location = named != nullptr ? *named : service ? "" : import.file;
    execution.python = import.python.empty() ? python_of(from.line.program) : import.python;
    if (execution.python.empty()) execution.python = "python3";
    std::string said;
    auto file = imports::execute_gunicorn_file(execution, said);
    if (!said.empty()) std::cerr << said << (said.ends_with('\n') ? "" : "\n");
    if (!file.ok()) return Result::failure(file.error);
    from.file = std::move(file.value);
    return imports::translate(from);
}

std::vector<std::string> find_files(const std::string& pattern) {
    std::vector<std::string> out;
    glob_t found{};
    if (::glob(pattern.c_str(), GLOB_NOMAGIC, nullptr, &found) == 0) {
        out.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    }
    ::globfree(&found);
    return out;
}

Result import_supervisord(const Import& import) {
    std::error_code error;
    imports::Supervisord from;
    from.file = fs::absolute(import.file, error).lexically_normal().string();
    std::array<char, 256> host{};
    (void)::gethostname(host.data(), host.size() - 1);
    from.host = host.data();
    from.files = {read_text, find_files};
    return imports::translate(from);
}

Result import_procfile(const Import& import) {
    std::error_code error;
    imports::Procfile from;
    const auto file = import.file.empty() ? std::string{"Procfile"} : import.file;
    from.file = fs::absolute(file, error).lexically_normal().string();
    auto text = read_text(from.file);
    if (!text.ok()) return Result::failure(from.file + ": " + text.error);
    from.text = std::move(text.value);
    const auto beside = fs::path{from.file}.parent_path() / ".env";
    if (fs::exists(beside, error)) {
        const auto variables = read_text(beside.string());
        if (!variables.ok()) return Result::failure(beside.string() + ": " + variables.error);
        from.env_file = beside.string();
        for (const auto& [name, value] : imports::read_env_file(variables.value)) {
            from.env_names.insert(name);
        }
    }
    return imports::translate(from);
}

Result import_any(const Import& import, Failure& failure) {
    switch (import.kind) {
        case Import::Kind::gunicorn: return import_gunicorn(import, failure);
        case Import::Kind::supervisord: return import_supervisord(import);
        case Import::Kind::procfile: return import_procfile(import);
    }
    return {};
}

/// Writes all of it or nothing that is taken for it.
std::string write_file(const Import& import, const std::string& text) {
    const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (import.force ? O_TRUNC : O_EXCL);
    const os::Fd file{::open(import.output.c_str(), flags, 0644)};
    if (!file) {
        const bool there = errno == EEXIST;
        return import.output + ": " + std::strerror(errno) + (there ? "; --force replaces it" : "");
    }
    auto left = std::as_bytes(std::span{text});
    while (!left.empty()) {
        const auto written = os::write_some(file.get(), left);
        if (!written) return import.output + ": " + written.error().message();
        left = left.subspan(*written);
    }
    return {};
}

}  // namespace

int run_import(const Import& import) {
    if (import.table) {
        const bool gunicorn = import.kind == Import::Kind::gunicorn;
        std::cout << (gunicorn ? imports::gunicorn_table() : imports::supervisord_table());
        return exit_good;
    }
    Failure failure;
    const auto imported = import_any(import, failure);
    if (!imported.ok()) {
        failure.text = imported.error;
        return fail(failure);
    }
    const auto text = imports::show_draft(imported.value.draft);
    if (import.output.empty()) {
        std::cout << text << std::flush;
    } else if (auto trouble = write_file(import, text); !trouble.empty()) {
        return fail({exit_failed, trouble});
    }
    switch (import.report) {
        case Import::Report::text: std::cerr << imports::show_report(imported.value.report); break;
        case Import::Report::json: std::cerr << imports::report_json(imported.value.report); break;
        case Import::Report::none: break;
    }
    return exit_good;
}

}  // namespace reeve::cli
