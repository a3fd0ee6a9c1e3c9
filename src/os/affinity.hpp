// Which CPUs this process may run on.
#pragma once

#include <sched.h>
#include <vector>

namespace reeve::os {

/// Numbers of the CPUs in the affinity mask, ascending; empty when the kernel does not say.
inline std::vector<unsigned> allowed_cpus() {
    std::vector<unsigned> cpus;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return cpus;
    for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    }
    return cpus;
}

}  // namespace reeve::os
