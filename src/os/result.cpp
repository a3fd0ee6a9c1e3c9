// Texts of errors.
#include "os/result.hpp"

namespace reeve::os {

std::string Failure::text() const {
    std::string text = what;
    if (error != 0) {
        text += (text.empty() ? "" : ": ") + make_error(error).message();
    }
    if (!hint.empty()) {
        text += " (" + hint + ")";
    }
    return text;
}

void throw_exception_from_error(const Failure& failure, const boost::source_location& /*where*/) {
    throw std::runtime_error{failure.text()};
}

}  // namespace reeve::os
