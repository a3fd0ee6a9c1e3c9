// Why the client cannot go on: thrown anywhere in it, said in one place.
#pragma once

#include <stdexcept>
#include <string>

namespace reeve::cli {

/// `what()`: the name, the place and the way out, without "reeve: ".
class Trouble : public std::runtime_error {
public:
    Trouble(int exit_code, const std::string& text)
        : std::runtime_error{text}, exit_code_{exit_code} {}
    [[nodiscard]] int exit_code() const noexcept { return exit_code_; }

private:
    int exit_code_;
};

}  // namespace reeve::cli
