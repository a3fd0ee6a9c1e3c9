// Executes a Gunicorn configuration with the user's Python.
#include "import/execute.hpp"

#include "config/words.hpp"
#include "import/script.hpp"
#include "os/capture.hpp"

namespace reeve::imports {

namespace {

// The script bounds what it runs; this is for one that was led astray.
constexpr std::chrono::seconds within{90};
constexpr std::size_t answer_max = std::size_t{2} << 20U;
constexpr std::size_t said_max = std::size_t{16} << 10U;

std::string setting_names() {
    std::string out;
    for (const auto& setting : gunicorn_settings()) {
        out += (out.empty() ? "" : ",") + std::string{setting.name};
    }
    return out;
}

}  // namespace

config::Parsed<GunicornFile> execute_gunicorn_file(const Execution& execution, std::string& said) {
    using Result = config::Parsed<GunicornFile>;
    os::CaptureRequest request;
    request.argv = {execution.python,
                    "-c",
                    std::string{gunicorn_script},
                    execution.location,
                    setting_names(),
                    config::join(execution.fixed, ",")};
    request.cwd = execution.cwd;
    request.env = execution.environment;
    request.within = within;
    request.output_max = answer_max;
    request.errors_max = said_max;
    const auto captured = os::capture(request);
    if (!captured) return Result::failure(captured.error().text());
    said = captured->errors;
    const auto name = execution.location.empty() ? "gunicorn.conf.py" : execution.location;
    switch (captured->end) {
        case os::Captured::End::too_late: return Result::failure(name + ": it does not end");
        case os::Captured::End::too_much: return Result::failure(name + ": it says too much");
        case os::Captured::End::exited: break;
    }
    return read_gunicorn_answer(captured->output, name);
}

}  // namespace reeve::imports
