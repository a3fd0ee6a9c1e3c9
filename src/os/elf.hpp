// What an ELF file says about itself: how it is linked, what it needs, and whether Go made it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace reeve::os {

struct Elf {
    std::string interpreter;          ///< the dynamic linker; empty: static, nothing is preloaded
    std::vector<std::string> needed;  ///< the shared libraries that it names itself
    bool go = false;                  ///< built by the Go toolchain: no libc sees its system calls
    friend bool operator==(const Elf&, const Elf&) = default;
};

/// Reads the headers in the bytes of a file. Nothing for what is no 64-bit little-endian ELF file;
/// of a damaged one what could be read.
std::optional<Elf> parse_elf(std::span<const std::byte> file);

}  // namespace reeve::os
