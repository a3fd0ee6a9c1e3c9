// Explores the core exhaustively: small pools, every event in every state, breadth first from down.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/supervisor.hpp"
#include "sim/checker.hpp"
#include "sim/graph.hpp"
#include "sim/inspector.hpp"
#include "sim/trace.hpp"

namespace reeve::sim {
namespace {

using core::Event;
using core::Incarnation;
using core::State;
using core::Time;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

/// More than this is no longer a small world: the abstraction of time has a hole.
constexpr std::size_t states_max = 400'000;

struct KeySink {
    TraceHash hash;
    template <typename Value>
    void put(Value value) {
        hash.add(static_cast<std::uint64_t>(value));
    }
};

/// One small world to be explored to its end.
struct Variant {
    const char* name;
    core::Config config;
    bool all_events = true;   ///< else those that matter between two processes
    bool free_time = true;    ///< time also passes when nothing is due, and reeve may be away
    std::size_t nearest = 0;  ///< only so many states, the nearest first; 0 = to the end
    bool notifies = false;    ///< the worker speaks on its NOTIFY_SOCKET
};

/// Short times on a grid of seconds, and a back-off too short for a jitter.
core::PoolPolicy small_policy() {
    core::PoolPolicy policy;
    policy.timeout = seconds{3};
    policy.beat_interval = seconds{1};
    policy.start_timeout = seconds{2};
    policy.graceful_timeout = seconds{2};
    policy.abort_timeout = seconds{1};
    policy.core_timeout = seconds{2};
    policy.kill_grace = seconds{1};
    policy.stable_after = seconds{2};
    policy.ready_for = seconds{1};
    policy.ready_after = seconds{1};
    policy.backoff_min = nanoseconds{3};
    policy.backoff_max = nanoseconds{3};
    policy.hook_timeout = seconds{1};
    policy.sample_interval = seconds{2};
    policy.give_up_after = 3;
    policy.fatal_exit_codes = {7};
    policy.ready = core::ReadyBy::native;
    // One process at a time, where nothing else is said.
    policy.max_surge = 0;
    policy.max_unavailable = 1;
    return policy;
}

core::Config config_of(const core::PoolPolicy& policy) {
    core::Config config;
    config.pools.emplace_back().policy = policy;
    return config;
}

std::vector<Variant> variants() {
    std::vector<Variant> all;
    core::PoolPolicy plain = small_policy();
    plain.max_requests = 2;
    all.push_back({"one worker", config_of(plain)});

    core::PoolPolicy hook = small_policy();
    hook.has_on_hang = true;
    hook.liveness = core::Liveness::required;
    hook.request_timeout = seconds{4};
    all.push_back({"a hook", config_of(hook)});

    core::PoolPolicy probed = small_policy();
    probed.ready = core::ReadyBy::automatic;
    probed.has_sockets = true;
    probed.on_give_up = core::OnGiveUp::exit;
    probed.start_timeout = milliseconds{150};
    probed.ready_after = milliseconds{60};
    probed.stable_after = {};
    probed.timeout = {};
    core::Config probing = config_of(probed);
    probing.stop_delay = {};
    probing.queue_grace = seconds{1};
    // The times of its probes depend on when it was executed: other steps would never end.
    all.push_back({"probes", probing, true, false});

    core::PoolPolicy fed = small_policy();
    fed.liveness = core::Liveness::notify;
    fed.ready = core::ReadyBy::notify;
    all.push_back({"a watchdog", config_of(fed), true, true, 60'000, true});

    core::PoolPolicy aging = small_policy();
    aging.ready = core::ReadyBy::delay;
    aging.max_memory_bytes = 1000;
    aging.max_lifetime = seconds{5};
    aging.liveness = core::Liveness::none;
    aging.has_sockets = true;
    core::Config slow_stop = config_of(aging);
    slow_stop.stop_delay = seconds{1};
    slow_stop.queue_grace = seconds{1};
    all.push_back({"memory, lifetime, a slow stop", slow_stop});

    core::PoolPolicy pair = small_policy();
    pair.max_surge = 1;
    pair.max_unavailable = 0;
    pair.timeout = {};
    pair.stable_after = {};
    pair.start_timeout = pair.graceful_timeout = pair.core_timeout = seconds{1};
    all.push_back({"a worker and its successor", config_of(pair), false, false, 60'000});

    core::PoolPolicy own = pair;
    own.accept = core::Accept::per_worker;
    own.liveness = core::Liveness::queue;
    own.has_sockets = true;
    own.timeout = seconds{1};
    own.graceful_timeout = milliseconds{400};
    core::Config owning = config_of(own);
    owning.stop_delay = {};
    owning.queue_grace = seconds{1};
    all.push_back(
        {"a worker and its successor with queues of their own", owning, false, false, 60'000});

    core::PoolPolicy two = pair;
    two.workers = 2;
    two.start_concurrency = 1;
    two.max_draining = 1;
    two.ready_for = {};
    all.push_back({"two workers", config_of(two), false, false, 40'000});
    return all;
}

/// A state of the world, and what the records said on the shortest way to it.
struct Node {
    core::Supervisor supervisor;
    Checker checker;
    Time now;
    std::size_t id;
};

/// How a state was reached.
struct Step {
    std::size_t from = 0;
    std::vector<Event> events;
    Time now;
};

class Explorer {
public:
    Explorer(const Variant& variant, Graph& graph) : variant_(variant), graph_(graph) {}

    /// Throws Violation. The number of edges.
    std::size_t run();
    std::size_t states() const noexcept { return seen_.size(); }
    std::string way_to_failure() const;

private:
    struct Live {
        Incarnation who;
        const core::Worker* worker;
    };

    void expand(const Node& node);
    void try_edge(const Node& node, std::vector<Event> events, Time now);
    void check_rest(const Node& node);
    void note_states(const core::Supervisor& supervisor);
    static std::uint64_t key(const core::Supervisor& supervisor, Time now);
    static std::vector<Live> alive(const core::Supervisor& supervisor);
    static std::vector<Event> few_events(const Live& live);
    static std::vector<Event> queue_events(const Live& live);
    static std::vector<Event> more_events(const Live& live, Time now);
    static std::vector<Event> notices(Incarnation who);
    static Event beat(const Live& live, Time now, core::Phase phase, bool stuck = false);

    const Variant& variant_;
    Graph& graph_;
    std::unordered_set<std::uint64_t> seen_;
    std::vector<Step> steps_;
    Step last_;
    std::deque<Node> queue_;
    std::size_t edges_ = 0;
};

std::uint64_t Explorer::key(const core::Supervisor& supervisor, Time now) {
    KeySink sink;
    core::Inspector::state_of(supervisor, now, sink);
    return sink.hash.value();
}

std::vector<Explorer::Live> Explorer::alive(const core::Supervisor& supervisor) {
    std::vector<Live> all;
    const auto add = [&](const core::Worker& worker) {
        if (has_process(worker.state())) all.push_back({worker.incarnation(), &worker});
    };
    for (const core::Pool& pool : supervisor.pools()) {
        for (const core::Slot& slot : pool.slots()) {
            add(slot.current);
            if (slot.successor) add(*slot.successor);
            for (const core::Worker& worker : slot.leaving) add(worker);
        }
    }
    return all;
}

/// The next beat of the worker's process; requests are counted up to where they make no difference.
Event Explorer::beat(const Live& live, Time now, core::Phase phase, bool stuck) {
    core::BeatFrame frame;
    frame.process = {1, 1};
    const auto& streams = live.worker->beats().streams();
    frame.sequence = streams.empty() ? 1'000'000 : streams.front().sequence + 1;
    frame.phase = phase;
    frame.sent = now;
    frame.counters.requests =
        std::min<std::uint64_t>(live.worker->beats().totals().requests + 1, 3);
    if (stuck) frame.oldest = now - seconds{10};
    return core::Beat{live.who, frame};
}

/// What decides over the life of a worker.
std::vector<Event> Explorer::few_events(const Live& live) {
    const Incarnation who = live.who;
    return {core::Exited{.incarnation = who, .status = core::ExitedWith{1}}, core::SaidReady{who},
            core::Examined{who, core::ProcessKey{}, core::Examined::Finding::dumping_core}};
}

/// What can be seen of a queue, and of who has it.
std::vector<Event> Explorer::queue_events(const Live& live) {
    std::vector<Event> all;
    all.emplace_back(core::QueueSeen{.incarnation = live.who, .ran = 1});
    all.emplace_back(core::QueueSeen{.incarnation = live.who, .busy = 1, .ran = 1});
    for (const std::uint64_t ran : {1U, 2U}) {
        all.emplace_back(core::QueueSeen{.incarnation = live.who, .waiting = 1, .ran = ran});
    }
    all.emplace_back(core::QueueSeen{.incarnation = live.who, .waiting = 1, .ran = {}});
    return all;
}

/// Everything else that can be said of a worker.
std::vector<Event> Explorer::more_events(const Live& live, Time now) {
    std::vector<Event> all;
    const Incarnation who = live.who;
    if (!core::Inspector::executed(*live.worker)) {
        all.emplace_back(core::Spawned{who});
        if (!core::Inspector::was_ready(*live.worker)) {
            all.emplace_back(core::SpawnFailed{who, "no such file"});
        }
    }
    for (const int code : {0, 7}) {
        all.emplace_back(core::Exited{.incarnation = who, .status = core::ExitedWith{code}});
    }
    all.emplace_back(core::Exited{.incarnation = who, .status = core::KilledBy{9, false}});
    all.emplace_back(core::Greeted{who, true});
    all.emplace_back(core::Greeted{who, false});
    all.emplace_back(core::Greeted{who, true, false, true});
    all.emplace_back(core::SaidSlow{who, std::chrono::seconds{1}, "GET", "/"});
    all.emplace_back(core::SaidReady{who, core::ReadySign::listening});
    all.emplace_back(core::SaidReady{who, core::ReadySign::notify});
    using View = core::Probed::View;
    for (const View view : {View::accepting, View::quiet, View::busy}) {
        all.emplace_back(core::Probed{who, view});
    }
    using Finding = core::Examined::Finding;
    for (const Finding finding : {Finding::alive, Finding::gone, Finding::other_image}) {
        all.emplace_back(core::Examined{who, core::ProcessKey{}, finding});
        all.emplace_back(core::Examined{who, core::ProcessKey{1, 1}, finding});
    }
    for (const core::Phase phase : {core::Phase::starting, core::Phase::serving,
                                    core::Phase::draining, core::Phase::stopping}) {
        all.emplace_back(beat(live, now, phase));
    }
    all.emplace_back(beat(live, now, core::Phase::serving, true));
    all.emplace_back(core::BeatsEnded{who});
    all.emplace_back(core::Garbage{who, core::Garbage::Channel::heartbeat, 1});
    all.emplace_back(core::Garbage{who, core::Garbage::Channel::heartbeat, 1000});
    all.emplace_back(core::Sampled{who, 5000});
    all.emplace_back(core::HookEnded{who});
    return all;
}

/// What a worker can say on its NOTIFY_SOCKET.
std::vector<Event> Explorer::notices(Incarnation who) {
    return {core::Notified{.incarnation = who, .alive = true},
            core::Notified{.incarnation = who, .hung = true},
            core::Notified{.incarnation = who, .stopping = true},
            core::Notified{.incarnation = who, .extension = seconds{3}}};
}

void Explorer::note_states(const core::Supervisor& supervisor) {
    for (const core::Pool& pool : supervisor.pools()) {
        const auto note = [&](const core::Worker& worker) {
            graph_.add_state(worker.state(), worker.deadline(pool.policy()).has_value());
        };
        for (const core::Slot& slot : pool.slots()) {
            note(slot.current);
            if (slot.successor) note(*slot.successor);
            for (const core::Worker& worker : slot.leaving) note(worker);
        }
    }
}

void Explorer::try_edge(const Node& node, std::vector<Event> events, Time now) {
    Node next = node;
    next.now = now;
    last_ = {node.id, events, now};
    next.checker.before(events, now, next.supervisor);
    const core::Output out = next.supervisor.turn(events, now);
    next.checker.after(out, next.supervisor);
    ++edges_;
    for (const core::Record& record : out.records) {
        if (const auto* transition = std::get_if<core::Transition>(&record)) {
            graph_.add_edge(*transition);
        }
    }
    if (variant_.nearest != 0 && seen_.size() >= variant_.nearest) return;
    if (!seen_.insert(key(next.supervisor, now)).second) return;
    if (seen_.size() > states_max) throw Violation("explorer", "the world does not end");
    note_states(next.supervisor);
    next.id = steps_.size();
    steps_.push_back(std::move(last_));
    queue_.push_back(std::move(next));
}

/// A turn in which nothing happens changes nothing, and so does one with news of the dead.
void Explorer::check_rest(const Node& node) {
    core::BeatFrame frame;
    frame.sequence = 2'000'000;
    frame.sent = node.now;
    const Incarnation dead{1'000'000};
    const std::vector<Event> stale{
        core::Beat{dead, frame}, core::Spawned{dead},
        core::SaidReady{dead},   core::Greeted{dead, true},
        core::HookEnded{dead},   core::Exited{.incarnation = dead, .status = {}}};
    for (const auto& events : {std::vector<Event>{}, stale}) {
        core::Supervisor copy = node.supervisor;
        last_ = {node.id, events, node.now};
        const core::Output out = copy.turn(events, node.now);
        if (!out.actions.empty() || !out.records.empty() ||
            key(copy, node.now) != key(node.supervisor, node.now)) {
            throw Violation("rest", "a turn without news changes something");
        }
    }
    // Those that were alive once are dead by their numbers, too.
    std::vector<Event> late;
    const auto now_alive = alive(node.supervisor);
    for (std::uint64_t number = 1; number <= node.checker.spawns(); ++number) {
        const Incarnation who{number};
        const bool lives = std::any_of(now_alive.begin(), now_alive.end(),
                                       [&](const Live& live) { return live.who == who; });
        if (lives) continue;
        late.emplace_back(core::Beat{who, frame});
        late.emplace_back(core::SaidReady{who});
    }
    core::Supervisor copy = node.supervisor;
    last_ = {node.id, late, node.now};
    const core::Output out = copy.turn(late, node.now);
    if (!out.actions.empty() || !out.records.empty()) {
        throw Violation("dead incarnation", "a late event wakes the dead");
    }
}

void Explorer::expand(const Node& node) {
    const auto due = node.supervisor.next_deadline();
    check_rest(node);
    if (due) {
        const Time on_time = std::max(*due, node.now);
        try_edge(node, {core::Tick{}}, on_time);
        if (variant_.free_time) try_edge(node, {core::Tick{}}, on_time + seconds{10});
    }
    if (variant_.free_time && (!due || *due > node.now + seconds{1})) {
        try_edge(node, {core::Tick{}}, node.now + seconds{1});
    }
    if (node.checker.left()) return;
    for (const auto mode :
         {core::StopMode::graceful, core::StopMode::fast, core::StopMode::immediate}) {
        try_edge(node, {core::StopRequested{mode}}, node.now);
    }
    try_edge(node, {core::QueuesEmpty{}}, node.now);
    for (std::uint32_t i = 0; i < variant_.config.pools[0].policy.workers; ++i) {
        try_edge(node, {core::RotationRequested{{core::PoolIndex{0}, core::SlotIndex{i}}}},
                 node.now);
    }
    const bool own_queues = variant_.config.pools[0].policy.accept == core::Accept::per_worker;
    if (own_queues) {
        for (const auto& waiting : {std::array{0U, 0U}, std::array{1U, 0U}, std::array{0U, 1U}}) {
            try_edge(node, {core::SidesSeen{{}, waiting}}, node.now);
        }
    }
    for (const Live& live : alive(node.supervisor)) {
        for (const Event& event : few_events(live)) try_edge(node, {event}, node.now);
        const core::Exited exit{.incarnation = live.who, .status = core::ExitedWith{1}};
        try_edge(node, {core::SaidReady{live.who}, exit}, node.now);
        if (own_queues) {
            for (const Event& event : queue_events(live)) try_edge(node, {event}, node.now);
        }
        if (!variant_.all_events) continue;
        for (const Event& event : more_events(live, node.now)) try_edge(node, {event}, node.now);
        if (variant_.notifies) {
            for (const Event& event : notices(live.who)) try_edge(node, {event}, node.now);
        }
        try_edge(node, {exit, beat(live, node.now, core::Phase::serving)}, node.now);
        try_edge(node, {core::StopRequested{}, exit}, node.now);
        if (!due) continue;
        const Time then = std::max(*due, node.now);
        try_edge(node, {core::Tick{}, exit}, then);
        try_edge(node, {core::Tick{}, beat(live, then, core::Phase::serving)}, then);
    }
}

std::size_t Explorer::run() {
    const Time begin{seconds{100}};
    Node first{core::Supervisor(variant_.config, 1), Checker(variant_.config), begin, 0};
    steps_.push_back({});
    note_states(first.supervisor);
    try_edge(first, {}, begin);
    while (!queue_.empty()) {
        const Node node = std::move(queue_.front());
        queue_.pop_front();
        expand(node);
    }
    return edges_;
}

/// The shortest way to the step that broke a promise.
std::string Explorer::way_to_failure() const {
    std::vector<const Step*> way{&last_};
    for (std::size_t id = last_.from; id != 0; id = steps_[id].from) way.push_back(&steps_[id]);
    std::string text;
    core::Supervisor again(variant_.config, 1);
    for (auto step = way.rbegin(); step != way.rend(); ++step) {
        const std::string at = "  " + text_of((*step)->now);
        for (const Event& event : (*step)->events) text += at + "   > " + text_of(event) + '\n';
        const core::Output out = again.turn((*step)->events, (*step)->now);
        for (const auto& record : out.records) text += at + "     " + text_of(record) + '\n';
        for (const auto& action : out.actions) text += at + "   < " + text_of(action) + '\n';
    }
    return text;
}

std::string read_file(const char* path) {
    std::ifstream in(path);
    if (!in) throw std::runtime_error(std::string("cannot read ") + path);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// Compares the explored graph with the picture and with the prose.
int compare(const Graph& graph, const char* golden, const char* header, bool write) {
    if (write) std::ofstream(golden) << graph.dot();
    int result = 0;
    if (read_file(golden) != graph.dot()) {
        std::printf("%s is not what was explored; sim-explore --write renews it\n", golden);
        result = 1;
    }
    const std::string different = difference(read_prose(read_file(header)), graph.machine());
    if (!different.empty()) {
        std::printf("%s: its table is not what was explored:\n%s", header, different.c_str());
        result = 1;
    }
    return result;
}

/// So many states of each world, the nearest first; 0 = as many as the world is meant to have.
std::size_t states_wanted() {
    const char* count = std::getenv("REEVE_SIM_STATES");
    return count == nullptr ? 0 : std::strtoull(count, nullptr, 10);
}

int explore(Graph& graph, std::size_t most) {
    for (Variant& variant : variants()) {
        if (most != 0 && (variant.nearest == 0 || most < variant.nearest)) variant.nearest = most;
        Explorer explorer(variant, graph);
        try {
            const std::size_t edges = explorer.run();
            std::printf("%s: %zu states%s, %zu edges, no violation\n", variant.name,
                        explorer.states(), variant.nearest != 0 ? " (the nearest)" : "", edges);
        } catch (const Violation& violation) {
            std::printf("%s%s: %s\n", explorer.way_to_failure().c_str(), variant.name,
                        violation.what());
            return 1;
        }
    }
    return 0;
}

}  // namespace
}  // namespace reeve::sim

/// sim-explore [--write] [GOLDEN HEADER]: without files, nothing is compared.
int main(int argc, char** argv) {
    const bool write = argc > 1 && std::strcmp(argv[1], "--write") == 0;
    const int first = write ? 2 : 1;
    reeve::sim::Graph graph;
    const std::size_t most = reeve::sim::states_wanted();
    const int broken = reeve::sim::explore(graph, most);
    if (broken != 0 || argc < first + 2) return broken;
    if (most != 0) {
        std::printf("not compared: cut at %zu states of a world\n", most);
        return 0;
    }
    try {
        return reeve::sim::compare(graph, argv[first], argv[first + 1], write);
    } catch (const std::runtime_error& error) {
        std::printf("%s\n", error.what());
        return 1;
    }
}
