// What is seen in the files of programs, on headers made by hand and on damaged ones.
#include <cstring>
#include <elf.h>
#include <fstream>
#include <sys/stat.h>

#include <doctest/doctest.h>

#include "os/executable.hpp"
#include "support.hpp"

namespace reeve::os {

namespace {

/// An ELF file in the making: headers first, then what they point to, loaded at `base`.
class Made {
public:
    static constexpr std::uint64_t base = 0x400000;

    explicit Made(std::size_t segments) {
        header_.e_phoff = sizeof header_;
        header_.e_phnum = static_cast<Elf64_Half>(segments);
        std::memcpy(header_.e_ident, ELFMAG, SELFMAG);
        header_.e_ident[EI_CLASS] = ELFCLASS64;
        header_.e_ident[EI_DATA] = ELFDATA2LSB;
        bytes_.resize(sizeof header_ + segments * sizeof(Elf64_Phdr));
    }

    std::uint64_t append(std::string_view text) {
        const auto offset = bytes_.size();
        const auto* data = reinterpret_cast<const std::byte*>(text.data());
        bytes_.insert(bytes_.end(), data, data + text.size());
        return offset;
    }

    template <typename T>
    std::uint64_t append_value(const T& value) {
        return append({reinterpret_cast<const char*>(&value), sizeof value});
    }

    void segment(std::uint32_t type, std::uint64_t offset, std::uint64_t size) {
        Elf64_Phdr entry{};
        entry.p_type = type;
        entry.p_offset = offset;
        entry.p_vaddr = base + offset;
        entry.p_filesz = size;
        std::memcpy(bytes_.data() + sizeof header_ + used_++ * sizeof entry, &entry, sizeof entry);
    }

    std::vector<std::byte>& finish() {
        std::memcpy(bytes_.data(), &header_, sizeof header_);
        return bytes_;
    }

private:
    Elf64_Ehdr header_{};
    std::vector<std::byte> bytes_;
    std::size_t used_ = 0;
};

std::vector<std::byte> make_dynamic() {
    Made made{3};
    constexpr std::string_view linker{"/lib64/ld.so\0", 13};
    made.segment(PT_INTERP, made.append(linker), linker.size());
    const auto strings = made.append({"\0libsystemd.so.0\0libc.so.6\0", 27});
    const auto dynamic = made.append_value(Elf64_Dyn{DT_NEEDED, {1}});
    made.append_value(Elf64_Dyn{DT_NEEDED, {17}});
    made.append_value(Elf64_Dyn{DT_STRTAB, {Made::base + strings}});
    made.append_value(Elf64_Dyn{DT_NULL, {0}});
    made.segment(PT_LOAD, 0, dynamic + 4 * sizeof(Elf64_Dyn));
    made.segment(PT_DYNAMIC, dynamic, 4 * sizeof(Elf64_Dyn));
    return made.finish();
}

std::vector<std::byte> make_go() {
    Made made{1};
    const auto note = made.append_value(Elf64_Nhdr{4, 5, 4});
    made.append({"Go\0\0abcde\0\0\0", 12});
    made.segment(PT_NOTE, note, sizeof(Elf64_Nhdr) + 12);
    return made.finish();
}

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text.data(), text.size()});
}

}  // namespace

TEST_CASE("a program would be told to preload a library that nothing loads, or not to") {
    const auto dynamic = parse_elf(make_dynamic());
    REQUIRE(dynamic.has_value());
    CHECK(dynamic->interpreter == "/lib64/ld.so");
    CHECK(dynamic->needed == std::vector<std::string>{"libsystemd.so.0", "libc.so.6"});
    CHECK_FALSE(dynamic->go);
    CHECK(parse_elf(Made{0}.finish()) == Elf{});
}

TEST_CASE("a Go program would be taken for one whose system calls a library sees") {
    CHECK(parse_elf(make_go())->go);
    Made stripped{0};
    stripped.append("...\xff Go buildinf:...");
    CHECK(parse_elf(stripped.finish())->go);
}

TEST_CASE("a damaged file would crash who only asks what it is") {
    const auto whole = make_dynamic();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const std::vector<std::byte> cut{whole.begin(),
                                         whole.begin() + static_cast<std::ptrdiff_t>(size)};
        CHECK(parse_elf(cut).has_value() == (size >= sizeof(Elf64_Ehdr)));
    }
    for (std::size_t at = sizeof(Elf64_Ehdr); at < whole.size(); ++at) {
        auto damaged = whole;
        damaged[at] = std::byte{0xff};
        CHECK(parse_elf(damaged).has_value());
    }
    for (std::size_t at = 0; at < make_go().size(); ++at) {
        auto damaged = make_go();
        damaged[at] = std::byte{0xff};
        static_cast<void>(parse_elf(damaged));
    }
    CHECK_FALSE(parse_elf(bytes_of("#!/bin/sh\n")).has_value());
    CHECK_FALSE(parse_elf({}).has_value());
}

TEST_CASE("a script's interpreter, or the protocol that a program names, would be missed") {
    const testing::TempDirectory folder;
    const auto path = (folder.path / "script").string();
    std::ofstream{path} << "#! /usr/bin/env  -S node --x \nprocess.env.LISTEN_FDS\n";
    const auto script = read_executable(path).value();
    CHECK(script.interpreter == "/usr/bin/env");
    CHECK(script.argument == "-S node --x");
    CHECK_FALSE(script.elf.has_value());
    CHECK(script.names_listen_fds);
    CHECK_FALSE(script.names_notify_socket);
    CHECK_FALSE(script.privileged);
    REQUIRE(::chmod(path.c_str(), 04755) == 0);
    CHECK(read_executable(path)->privileged);
    std::ofstream{path} << "#!";
    CHECK(read_executable(path)->interpreter.empty());
    CHECK(read_executable("/proc/self/exe")->elf->interpreter.starts_with("/lib"));
    CHECK(read_executable("/nonexistent").has_error());
    CHECK(read_executable("/dev/null").has_error());
}

}  // namespace reeve::os
