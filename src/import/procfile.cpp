// From a Procfile to pools of reeve.
#include "import/procfile.hpp"

#include <algorithm>
#include <filesystem>

#include "config/address.hpp"
#include "config/advice.hpp"
#include "config/values.hpp"
#include "config/words.hpp"
#include "import/env_file.hpp"

namespace reeve::imports {

namespace {

using Result = config::Parsed<Imported>;
using Words = std::vector<std::string>;

constexpr std::string_view shell_marks = "|&;<>()`*?[]#~\n\\";
constexpr auto web_address = "0.0.0.0:${PORT:-5000}";
constexpr std::size_t types_max = 1000;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// One line of a Procfile, as reeve can run it.
struct Command {
    Words words;
    std::vector<std::pair<std::string, Text>> env;  ///< assignments before it
    bool variables = false;
    std::string why_shell;  ///< why it needs one; empty: it needs none
};

/// "$NAME" and "${NAME}" become "${NAME:-}", which is what a shell makes of one that is not set.
/// Empty: there is something else, or a variable that only the worker will have.
std::string with_variables(std::string_view text, const std::set<std::string>& theirs,
                           Command& command) {
    std::string out;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\'') quoted = !quoted;
        if (text[i] != '$') {
            out += text[i];
            continue;
        }
        const bool braces = i + 1 < text.size() && text[i + 1] == '{';
        const auto begin = i + (braces ? 2 : 1);
        auto end = begin;
        while (end < text.size() &&
               (is_letter(text[end]) || (end > begin && is_digit(text[end])))) {
            ++end;
        }
        const std::string name{text.substr(begin, end - begin)};
        if (quoted || name.empty() || (braces && (end == text.size() || text[end] != '}'))) {
            command.why_shell = "it has a $ that is no plain variable";
            return {};
        }
        if (theirs.count(name) != 0) {
            command.why_shell = "it uses " + name + ", which .env sets for the worker";
            return {};
        }
        command.variables = true;
        out += "${" + name + (name == "PORT" ? ":-5000}" : ":-}");
        i = braces ? end : end - 1;
    }
    return out;
}

/// Whether it begins with the name of a program, and not with an assignment or "exec".
bool is_program(std::string_view text) {
    const auto word = text.substr(0, text.find(' '));
    return word.find('=') == std::string_view::npos && word != "exec";
}

Command read_command(std::string_view text, const std::set<std::string>& theirs) {
    Command out;
    const auto mark = text.find_first_of(shell_marks);
    if (mark != std::string_view::npos) {
        out.why_shell = "it has " + std::string{text.substr(mark, 1)};
    } else {
        const auto with = with_variables(text, theirs, out);
        auto words = config::split_command(with);
        if (out.why_shell.empty() && !words.ok()) out.why_shell = words.error;
        if (out.why_shell.empty()) out.words = std::move(words.value);
    }
    while (!out.words.empty()) {
        const auto& word = out.words.front();
        const auto equals = word.find('=');
        const bool assigns = equals != std::string::npos && equals > 0 && is_letter(word[0]) &&
                             std::all_of(word.begin(), word.begin() + static_cast<long>(equals),
                                         [](char c) { return is_letter(c) || is_digit(c); });
        if (!assigns) break;
        out.env.emplace_back(word.substr(0, equals), Text{word.substr(equals + 1), out.variables});
        out.words.erase(out.words.begin());
    }
    if (out.why_shell.empty() && out.words.empty()) out.why_shell = "it is only an assignment";
    if (!out.why_shell.empty()) {
        out.env.clear();
        out.variables = false;
        // One simple command takes the shell's place, so that signals reach it.
        const bool simple = mark == std::string_view::npos && is_program(text);
        out.words = {"/bin/sh", "-c", (simple ? "exec " : "") + std::string{text}};
    }
    return out;
}

std::string sentence(std::string text) {
    if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
        text[0] = static_cast<char>(text[0] - 32);
    return text + ".";
}

class Translation {
public:
    explicit Translation(const Procfile& from) : from_{from} {}

    Result run() {
        std::string_view rest{from_.text};
        std::size_t number = 0;
        while (!rest.empty()) {
            const auto end = std::min(rest.find('\n'), rest.size());
            const auto line = trimmed(rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
            ++number;
            if (line.empty() || line.front() == '#') continue;
            take(line, from_.file + ":" + std::to_string(number));
            if (!error_.empty()) return Result::failure(error_);
        }
        if (out_.draft.pools.empty()) return Result::failure(from_.file + ": names no process");
        if (!release_.empty()) place_release();
        out_.report.source = from_.file;
        out_.draft.comment = "Made from " + from_.file +
                             " by `reeve import procfile`. `reeve check -c FILE` validates it, "
                             "`reeve config --reference` explains every option.";
        return Result::success(std::move(out_));
    }

private:
    void take(std::string_view line, const std::string& place) {
        const auto colon = line.find(':');
        const std::string name{trimmed(line.substr(0, colon))};
        const auto text = colon == std::string_view::npos ? "" : trimmed(line.substr(colon + 1));
        if (!config::is_name(name) || text.empty()) {
            error_ = place + ": is no NAME: COMMAND";
            return;
        }
        const auto same = [&](const PoolDraft& pool) { return pool.name == name; };
        if (std::any_of(out_.draft.pools.begin(), out_.draft.pools.end(), same) ||
            out_.draft.pools.size() > types_max) {
            error_ = place + ": " + name + " is there already";
            return;
        }
        auto command = read_command(text, from_.env_names);
        Entry entry{name, std::string{text}, place, Fate::carried, "pool " + name, ""};
        if (!command.why_shell.empty()) {
            entry.fate = Fate::different;
            entry.note = "A shell runs it, because " + command.why_shell +
                         (command.words.back().starts_with("exec ")
                              ? "."
                              : ". The stop signal reaches the shell alone, unless its last "
                                "command begins with exec.");
        }
        if (name == "release") {
            release_ = command.words;
            release_variables_ = command.variables;
            entry.becomes = "before_start";
            entry.note =
                "Run before each start and reload of the web; when it fails, nothing "
                "changes. " +
                entry.note;
        } else {
            make_pool(name, command, entry);
        }
        out_.report.add(std::move(entry));
    }

    void make_pool(const std::string& name, const Command& command, Entry& entry) {
        PoolDraft pool;
        pool.name = name;
        auto words = command.words;
        if (name == "web") {
            add_sockets(pool, words, command, entry);
        } else {
            pool.options.set("workers", "1", "A Procfile runs one of each.");
        }
        for (auto& word : words) pool.command.emplace_back(std::move(word), command.variables);
        pool.options.set("cwd", yaml_scalar({directory()}));
        if (!from_.env_file.empty()) {
            pool.options.set("env_file", yaml_scalar({from_.env_file}));
        }
        auto env = command.env;
        if (name == "web") env.emplace_back("PORT", Text{"${PORT:-5000}", true});
        if (!env.empty()) pool.options.set("env", yaml_map(env));
        out_.draft.pools.push_back(std::move(pool));
    }

    [[nodiscard]] std::string directory() const {
        return std::filesystem::path{from_.file}.parent_path().string();
    }

    /// How the program gets the socket of $PORT: as `reeve explain` would say.
    void add_sockets(PoolDraft& pool, Words& words, const Command& command, Entry& entry) {
        core::PoolConfig config;
        config.name = "web";
        config.process.command = words;
        config.listen.push_back(config::parse_address("0.0.0.0:5000").value);
        config.listen.back().name = "web";
        config::Subject subject;
        const auto unwrapped = config::unwrap(words);
        subject.command = unwrapped.command;
        subject.opaque = unwrapped.opaque || !command.why_shell.empty();
        const auto* known = config::find_program(subject.command);
        if (known != nullptr) subject.linkage = config::Subject::Linkage::dynamic;
        const auto advice = config::advise(subject, config);
        pool.options.set("workers", "${WEB_CONCURRENCY:-" + workers_of(words) + "}",
                         "WEB_CONCURRENCY, as platforms set it.");
        pool.options.set("listen", "\n      web: \"" + std::string{web_address} + "\"");
        for (const auto* choice : advice.choices()) {
            if (choice->added) pool.options.set(choice->key, choice->value, sentence(choice->why));
        }
        if (!advice.compat.empty()) {
            std::vector<Text> protocols{advice.compat.begin(), advice.compat.end()};
            pool.options.set("compat", yaml_list(protocols));
        }
        words = advice.command;
        entry.note += (entry.note.empty() ? "" : " ") + std::string{"Its socket: "} +
                      advice.handoff.why + ".";
        for (const auto& warning : advice.warnings) {
            out_.report.notes.push_back("web: " + warning + ".");
        }
    }

    /// The number that the command itself has, which reeve then runs.
    static std::string workers_of(const Words& words) {
        for (std::size_t i = 0; i + 1 < words.size(); ++i) {
            const bool flag = words[i] == "-w" || words[i] == "--workers";
            if (flag && config::parse_count(words[i + 1], 1, 1000).ok()) return words[i + 1];
        }
        return "1";
    }

    void place_release() {
        const auto web = std::find_if(out_.draft.pools.begin(), out_.draft.pools.end(),
                                      [](const PoolDraft& pool) { return pool.name == "web"; });
        auto& pool = web == out_.draft.pools.end() ? out_.draft.pools.front() : *web;
        std::vector<Text> words;
        for (const auto& word : release_) words.emplace_back(word, release_variables_);
        pool.options.set("before_start", yaml_list(words), "The process type release.");
    }

    const Procfile& from_;
    Words release_;
    bool release_variables_ = false;
    std::string error_;
    Imported out_;
};

}  // namespace

Result translate(const Procfile& procfile) { return Translation{procfile}.run(); }

}  // namespace reeve::imports
