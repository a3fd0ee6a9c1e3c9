// Walks over the segments of everything that is loaded.
#include "os/own_memory.hpp"

#include <cstdint>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

namespace reeve::os {
namespace {

int drop_of_one(dl_phdr_info* object, std::size_t /*size*/, void* /*context*/) noexcept {
    static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    for (int at = 0; at < object->dlpi_phnum; ++at) {
        const ElfW(Phdr)& segment = object->dlpi_phdr[at];
        if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
        const std::uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) & ~(page - 1);
        const std::uintptr_t end = object->dlpi_addr + segment.p_vaddr + segment.p_memsz;
        // The vdso and what cannot be dropped refuse, and nothing is lost.
        (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
    }
    return 0;
}

}  // namespace

void drop_clean_pages() noexcept { (void)::dl_iterate_phdr(drop_of_one, nullptr); }

}  // namespace reeve::os
