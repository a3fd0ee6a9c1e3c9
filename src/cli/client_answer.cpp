// What an answer of the daemon means for the one who asked.
#include "cli/client_answer.hpp"

#include "cli/client_trouble.hpp"
#include "cli/exit_code.hpp"

namespace reeve::cli {

int exit_code_of(unsigned status) {
    if (status >= 200 && status < 300) return exit_good;
    return status == 403 ? exit_refused : exit_failed;
}

std::string words_of(const Response& response) {
    auto verdict = parse_verdict(response.body);
    while (verdict.text.ends_with('\n')) verdict.text.pop_back();
    if (!verdict.text.empty()) return verdict.text;
    if (!verdict.verdict.empty()) return verdict.verdict;
    return "the daemon answered with HTTP status " + std::to_string(response.status) +
           (response.status == 404 ? ": it may be of a version that does not know this" : "");
}

std::string expect_good(const Response& response) {
    const int code = exit_code_of(response.status);
    if (code != exit_good) throw Trouble{code, words_of(response)};
    return response.body;
}

}  // namespace reeve::cli
