// The files of a configuration, read with bounds and turned into trees.
#include "config/files.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>

#include "config/yaml.hpp"

namespace reeve::config {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t file_max = std::size_t{1} << 20U;
constexpr std::size_t files_max = 200;

std::optional<std::string> read_text(const std::string& path, Problems& problems) {
    const auto fail = [&](const std::string& why) {
        problems.add(named_place(path), {}, why);
        return std::nullopt;
    };
    std::error_code error;
    if (fs::is_directory(path, error)) {
        return fail("cannot be read: it is a directory");
    }
    errno = 0;
    std::ifstream stream{path, std::ios::binary};
    if (!stream) {
        return fail(std::string{"cannot be read: "} + std::strerror(errno));
    }
    // A pipe has no size to ask for, so the bound is kept by reading one byte more.
    std::string text(file_max + 1, '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(stream.gcount()));
    if (stream.bad()) {
        return fail("cannot be read");
    }
    if (text.size() > file_max) {
        return fail("is bigger than 1 MiB");
    }
    return text;
}

std::vector<std::string> drop_ins(const std::string& file, Problems& problems) {
    const auto directory = fs::path{file}.parent_path() / "conf.d";
    std::error_code error;
    std::vector<std::string> out;
    if (!fs::is_directory(directory, error)) {
        return out;
    }
    for (fs::directory_iterator it{directory, error}, end; !error && it != end;
         it.increment(error)) {
        const auto name = it->path().filename().string();
        if (it->path().extension() == ".yaml" && !name.starts_with('.')) {
            out.push_back(it->path().string());
        }
    }
    if (error) {
        problems.add(named_place(directory.string()), {}, "cannot be read: " + error.message());
    }
    std::sort(out.begin(), out.end());
    if (out.size() > files_max) {
        problems.add(named_place(directory.string()), {},
                     "holds more than " + std::to_string(files_max) + " files");
        out.resize(files_max);
    }
    return out;
}

}  // namespace

std::vector<Tree> read_document_text(const std::string& text, const std::string& name,
                                     const Environment& environment, Problems& problems) {
    std::vector<Tree> out;
    auto tree = parse_yaml(text, std::make_shared<const std::string>(name), problems);
    if (tree) {
        substitute_all(*tree, {}, environment, problems);
        out.push_back(std::move(*tree));
    }
    return out;
}

std::vector<Tree> read_documents(const std::string& file, const Environment& environment,
                                 Problems& problems) {
    std::vector<std::string> paths = drop_ins(file, problems);
    paths.insert(paths.begin(), file);
    std::vector<Tree> out;
    for (const auto& path : paths) {
        const auto text = read_text(path, problems);
        if (!text) continue;
        for (auto& document : read_document_text(*text, path, environment, problems)) {
            out.push_back(std::move(document));
        }
    }
    return out;
}

}  // namespace reeve::config
