// What an ELF file says about itself.
#include "os/elf.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <elf.h>
#include <string_view>

namespace reeve::os {

namespace {

constexpr std::size_t entries_max = 4096;  // of any table: a damaged file must not keep us
constexpr std::string_view go_build_info = "\xff Go buildinf:";
constexpr std::string_view go_note{"Go\0\0", 4};

using Bytes = std::span<const std::byte>;

/// Part of the file, or nothing where the file ends before it does.
Bytes part(Bytes file, std::uint64_t offset, std::uint64_t size) {
    if (offset > file.size() || size > file.size() - offset) return {};
    return file.subspan(offset, size);
}

template <typename T>
std::optional<T> read_at(Bytes file, std::uint64_t offset) {
    const auto bytes = part(file, offset, sizeof(T));
    if (bytes.size() != sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

std::string_view text(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The bytes from `offset` to the next zero.
std::string string_at(Bytes file, std::uint64_t offset) {
    if (offset >= file.size()) return {};
    const auto rest = text(file.subspan(offset));
    return std::string{rest.substr(0, rest.find('\0'))};
}

/// Walks over the program headers of one file.
class Reader {
public:
    explicit Reader(Bytes file) : file_{file} {}

    std::optional<Elf> run() {
        const auto header = read_at<Elf64_Ehdr>(file_, 0);
        if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 ||
            header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_ident[EI_DATA] != ELFDATA2LSB) {
            return std::nullopt;
        }
        for (std::size_t i = 0; i < header->e_phnum && i < entries_max; ++i) {
            const auto entry = read_at<Elf64_Phdr>(file_, header->e_phoff + i * sizeof(Elf64_Phdr));
            if (!entry) break;
            segments_.push_back(*entry);
        }
        for (const auto& segment : segments_) {
            if (segment.p_type == PT_INTERP) elf_.interpreter = string_at(file_, segment.p_offset);
            if (segment.p_type == PT_DYNAMIC) read_dynamic(segment);
            if (segment.p_type == PT_NOTE) read_notes(segment);
        }
        // A build without an id still has what `go version` reads.
        elf_.go = elf_.go || text(file_).find(go_build_info) != std::string_view::npos;
        return elf_;
    }

private:
    /// Where in the file the byte is that is loaded there.
    [[nodiscard]] std::optional<std::uint64_t> offset_of(std::uint64_t address) const {
        for (const auto& segment : segments_) {
            if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
                address - segment.p_vaddr < segment.p_filesz) {
                return segment.p_offset + (address - segment.p_vaddr);
            }
        }
        return std::nullopt;
    }

    void read_dynamic(const Elf64_Phdr& segment) {
        std::vector<std::uint64_t> names;
        std::optional<std::uint64_t> strings;
        for (std::size_t i = 0; i < segment.p_filesz / sizeof(Elf64_Dyn) && i < entries_max; ++i) {
            const auto entry = read_at<Elf64_Dyn>(file_, segment.p_offset + i * sizeof(Elf64_Dyn));
            if (!entry || entry->d_tag == DT_NULL) break;
            if (entry->d_tag == DT_NEEDED) names.push_back(entry->d_un.d_val);
            if (entry->d_tag == DT_STRTAB) strings = offset_of(entry->d_un.d_ptr);
        }
        if (!strings) return;
        for (const auto name : names) {
            if (name < file_.size()) elf_.needed.push_back(string_at(file_, *strings + name));
        }
    }

    void read_notes(const Elf64_Phdr& segment) {
        auto rest = part(file_, segment.p_offset, segment.p_filesz);
        const auto padded = [](std::uint64_t size) { return (size + 3) / 4 * 4; };
        for (std::size_t i = 0; i < entries_max; ++i) {
            const auto note = read_at<Elf64_Nhdr>(rest, 0);
            if (!note) return;
            const auto name = part(rest, sizeof *note, note->n_namesz);
            elf_.go = elf_.go || text(name) == go_note;
            const auto size = sizeof *note + padded(note->n_namesz) + padded(note->n_descsz);
            if (size >= rest.size()) return;
            rest = rest.subspan(size);
        }
    }

    Bytes file_;
    std::vector<Elf64_Phdr> segments_;
    Elf elf_;
};

}  // namespace

std::optional<Elf> parse_elf(std::span<const std::byte> file) { return Reader{file}.run(); }

}  // namespace reeve::os
