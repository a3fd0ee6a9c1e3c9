// Every bad file of tests/golden/config gives exactly the errors that stand beside it.
//
// A case is NAME.yaml, or a folder NAME with reeve.yaml and conf.d, and NAME.err. Set
// REEVE_UPDATE_GOLDEN=1 to write the .err files anew; read the difference before you keep it.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <doctest/doctest.h>

#include "support.hpp"

namespace reeve::config {

namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
    std::ifstream stream{path, std::ios::binary};
    std::ostringstream out;
    out << stream.rdbuf();
    return out.str();
}

std::set<std::string> cases() {
    std::set<std::string> out;
    for (const auto& entry : fs::directory_iterator{"."}) {
        const auto path = entry.path().filename();
        if (entry.is_directory()) out.insert((path / "reeve.yaml").string());
        if (path.extension() == ".yaml") out.insert(path.string());
    }
    return out;
}

fs::path expected_file(const fs::path& input) {
    const auto folder = input.parent_path();
    return folder.empty() ? fs::path{input}.replace_extension(".err")
                          : fs::path{folder.string() + ".err"};
}

}  // namespace

TEST_CASE("the error for each mistake names the place and the thing") {
    fs::current_path(GOLDEN_CONFIG);
    const bool update = std::getenv("REEVE_UPDATE_GOLDEN") != nullptr;
    const auto all = cases();
    CHECK(all.size() > 10);
    for (const auto& file : all) {
        CAPTURE(file);
        Request request;
        request.file = file;
        request.cpus = {2, "fixed"};
        request.environment = environment_of({{"PORT", "8000"}, {"EMPTY", ""}});
        const auto errors = errors_of(load(request));
        CHECK_FALSE(errors.empty());
        if (update) std::ofstream{expected_file(file)} << errors;
        CHECK(errors == read_file(expected_file(file)));
    }
}

}  // namespace reeve::config
