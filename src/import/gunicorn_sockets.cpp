// Gunicorn's addresses as reeve's.
#include "import/gunicorn_sockets.hpp"

#include <filesystem>

namespace reeve::imports {

namespace {

using Result = config::Parsed<Bound>;

constexpr std::string_view default_port = ":8000";

void drop(std::string& from, std::string_view prefix) {
    if (from.starts_with(prefix)) from.erase(0, prefix.size());
}

}  // namespace

Result read_bind(const Text& bind, const std::string& cwd) {
    Bound out;
    auto text = bind.text;
    if (text.starts_with("fd://")) {
        // Sockets come by name: this is the one that docs/systemd.md uses.
        out.address = Text{"systemd:web"};
        return Result::success(std::move(out));
    }
    if (text.starts_with("unix:")) {
        drop(text, "unix:");
        drop(text, "//");
        if (text.empty()) return Result::failure("is a Unix socket without a path");
        const auto path = (std::filesystem::path{cwd} / text).lexically_normal().string();
        out.address = Text{"unix:" + path, bind.variables};
        out.unix_path = true;
        return Result::success(std::move(out));
    }
    drop(text, "tcp://");
    // The whole address is the variable's.
    const bool whole =
        bind.variables && text.starts_with("${") && text.find('}') + 1 == text.size();
    const bool v6 = text.starts_with('[');
    const auto after_host = v6 ? text.find(']') : 0;
    if (after_host == std::string::npos) return Result::failure("lacks a ]");
    // A colon of ${VAR:-8000} separates nothing.
    auto colon = text.find(':', after_host);
    while (colon != std::string::npos && colon + 1 < text.size() && text[colon + 1] == '-' &&
           bind.variables) {
        colon = text.find(':', colon + 1);
    }
    if (colon == std::string::npos && !whole) text += default_port;
    if (text.starts_with(':')) text.insert(0, "0.0.0.0");
    out.address = Text{text, bind.variables};
    out.tcp = true;
    return Result::success(std::move(out));
}

}  // namespace reeve::imports
