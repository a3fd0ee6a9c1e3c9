// Goes round the workers as far as the time allows.
#include "daemon/sampler.hpp"

#include <algorithm>

#include "os/clock.hpp"
#include "os/process.hpp"
#include "os/usage.hpp"

namespace reeve::daemon {
namespace {

/// Who belongs to a tree changes seldom and costs several times as much to find as what it uses.
constexpr core::Duration list_interval = std::chrono::seconds{5};

}  // namespace

void Sampler::refresh(core::Time now, const std::vector<Living>& living) {
    if (last_ && now - *last_ < interval) return;
    last_ = now;
    ++round_;
    for (const Living& one : living) entries_[number(one.incarnation)].round = round_;
    std::erase_if(entries_, [&](const auto& each) { return each.second.round != round_; });

    const core::Time began = os::now();
    for (std::size_t done = 0; done < living.size(); ++done) {
        const core::Duration used = os::now() - began;
        if (used >= budget) break;
        const Living& one = living[next_++ % living.size()];
        look(entries_[number(one.incarnation)], one.pid, now, used < budget / 4);
    }
    next_ = living.empty() ? 0 : next_ % living.size();
}

void Sampler::look(Entry& entry, pid_t pid, core::Time now, bool may_list) {
    if (may_list && (!entry.listed || now - *entry.listed >= list_interval)) {
        entry.listed = now;
        entry.below = os::tree_of(pid);
        entry.below.erase(entry.below.begin());
    }
    const auto own = os::usage_of(pid);
    if (!own) return;
    Sample sample{own->cpu_time, own->resident_bytes, std::nullopt};
    std::vector<pid_t> family{pid};
    for (const pid_t member : entry.below) {
        const auto usage = os::usage_of(member);
        // A number that somebody else has by now has a parent outside.
        if (!usage || std::ranges::find(family, usage->parent) == family.end()) continue;
        family.push_back(member);
        sample.cpu_time += usage->cpu_time;
        sample.resident_bytes += usage->resident_bytes;
    }
    if (const auto count = os::open_descriptors(pid)) sample.open_descriptors = *count;
    if (entry.sample) sample.cpu_time = std::max(sample.cpu_time, entry.sample->cpu_time);
    entry.sample = sample;
}

const Sample* Sampler::find(core::Incarnation incarnation) const {
    const auto found = entries_.find(number(incarnation));
    return found == entries_.end() || !found->second.sample ? nullptr : &*found->second.sample;
}

}  // namespace reeve::daemon
