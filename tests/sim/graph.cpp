// Writes the explored machine as Graphviz and compares it with the prose table.
#include "sim/graph.hpp"

#include <sstream>
#include <stdexcept>
#include <vector>

namespace reeve::sim {
namespace {

std::string trimmed(const std::string& text) {
    const auto from = text.find_first_not_of(' ');
    if (from == std::string::npos) return {};
    return text.substr(from, text.find_last_not_of(' ') - from + 1);
}

/// The cells of a table row in a comment; empty where the line is none.
std::vector<std::string> cells(const std::string& line) {
    std::vector<std::string> found;
    if (!line.starts_with("// |")) return found;
    std::istringstream in(line.substr(4));
    for (std::string cell; std::getline(in, cell, '|');) found.push_back(trimmed(cell));
    return found;
}

/// The states after each arrow, up to the end of its clause.
std::set<std::string> targets(const std::string& text) {
    std::set<std::string> found;
    std::istringstream clauses(text);
    for (std::string clause; std::getline(clauses, clause, ';');) {
        const auto arrow = clause.find("->");
        if (arrow == std::string::npos) continue;
        std::istringstream words(clause.substr(arrow + 2));
        for (std::string word; words >> word;) {
            if (word.ends_with(',')) word.pop_back();
            if (word != "or") found.insert(word);
        }
    }
    return found;
}

std::string deadline_of(const std::string& cell) { return cell.substr(0, cell.find(':')); }

std::string joined(const std::set<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

}  // namespace

void Graph::add_edge(const core::Transition& transition) {
    edges_[{transition.from, transition.to}].insert(std::string(name(transition.reason)));
}

void Graph::add_state(core::State state, bool has_deadline) {
    (has_deadline ? states_[state].with_deadline : states_[state].without_deadline) = true;
}

Machine Graph::machine() const {
    Machine machine;
    for (const auto& [state, seen] : states_) {
        StateFacts& facts = machine[std::string(name(state))];
        facts.process = has_process(state);
        facts.deadline = !seen.with_deadline ? "no" : seen.without_deadline ? "if any" : "yes";
    }
    for (const auto& [edge, reasons] : edges_) {
        machine[std::string(name(edge.first))].leaves_to.insert(std::string(name(edge.second)));
    }
    return machine;
}

std::string Graph::dot() const {
    std::ostringstream out;
    out << "// The worker machine as the explorer finds it; boxes have a process. Written by\n"
           "// `sim-explore --write`, kept equal by the test `explore`.\n"
           "digraph worker {\n";
    for (const auto& [state, seen] : states_) {
        out << "    " << name(state) << " [shape=" << (has_process(state) ? "box" : "ellipse")
            << "];\n";
    }
    for (const auto& [edge, reasons] : edges_) {
        out << "    " << name(edge.first) << " -> " << name(edge.second) << " [label=\"";
        std::string text;
        for (const std::string& reason : reasons) text += (text.empty() ? "" : "\\n") + reason;
        out << text << "\"];\n";
    }
    out << "}\n";
    return out.str();
}

Machine read_prose(const std::string& header) {
    Machine machine;
    std::map<std::string, std::string> leaves;
    std::istringstream lines(header);
    std::string state;
    for (std::string line; std::getline(lines, line) && line != "#pragma once";) {
        const auto row = cells(line);
        if (row.size() < 4 || row[0] == "state" || row[0].starts_with("---")) continue;
        if (!row[0].empty()) {
            state = row[0];
            machine[state].process = row[1] == "yes";
            machine[state].deadline = deadline_of(row[2]);
        }
        leaves[state] += ' ' + row[3];
    }
    if (machine.empty()) throw std::runtime_error("no table at the head of worker.hpp");
    for (const auto& [from, text] : leaves) machine[from].leaves_to = targets(text);
    return machine;
}

std::string difference(const Machine& prose, const Machine& code) {
    std::string text;
    const auto say = [&](const std::string& state, const std::string& what, const std::string& said,
                         const std::string& found) {
        if (said == found) return;
        text +=
            state + ": " + what + ": the prose says \"" + said + "\", the code \"" + found + "\"\n";
    };
    Machine all = prose;
    all.insert(code.begin(), code.end());
    for (const auto& [state, unused] : all) {
        const auto said = prose.find(state);
        const auto found = code.find(state);
        if (said == prose.end() || found == code.end()) {
            say(state, "known", said == prose.end() ? "no" : "yes",
                found == code.end() ? "no" : "yes");
            continue;
        }
        say(state, "process", said->second.process ? "yes" : "no",
            found->second.process ? "yes" : "no");
        say(state, "deadline", said->second.deadline, found->second.deadline);
        say(state, "leaves to", joined(said->second.leaves_to), joined(found->second.leaves_to));
    }
    return text;
}

}  // namespace reeve::sim
