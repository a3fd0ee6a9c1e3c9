// Reads `listen` in all its shapes.
#include <algorithm>

#include "config/address.hpp"
#include "config/reader.hpp"

namespace reeve::config {

namespace {

constexpr std::size_t listen_max = 64;

/// Options of a socket that not every kind of socket has.
bool has_effect(std::string_view option, const core::Listen& socket) {
    const bool tcp = socket.kind == core::Listen::Kind::tcp;
    const bool inherited = socket.kind == core::Listen::Kind::inherited;
    if (option == "nodelay") return tcp || inherited;
    if (option == "backlog") return !inherited;
    if (option == "v6only") return tcp && socket.host.find(':') != std::string::npos;
    if (option == "mode" || option == "owner" || option == "group") {
        return socket.kind == core::Listen::Kind::unix_path;
    }
    return true;
}

}  // namespace

bool Reader::operator()(const AddressKind& /*kind*/) const {
    return store_scalar(parse_address, [&](const core::Listen& parsed) {
        target_.listen->kind = parsed.kind;
        target_.listen->host = parsed.host;
        target_.listen->port = parsed.port;
        target_.listen->path = parsed.path;
    });
}

bool Reader::operator()(const AddressOrOffKind& kind) const {
    return with_scalar([&](const std::string& text) {
        if (text == "off") {
            kind.ref(target_).reset();
            return true;
        }
        auto parsed = parse_address(text);
        if (!parsed.ok()) return fail(parsed.error + ", or off");
        if (parsed.value.kind != core::Listen::Kind::tcp) {
            return fail("must be a TCP address (HOST:PORT), or off");
        }
        kind.ref(target_) = std::move(parsed.value);
        return true;
    });
}

bool Reader::operator()(const ListenKind& kind) const {
    std::vector<core::Listen> sockets;
    bool good = true;
    // First of all: looking for free names costs the square of their number.
    if (node_.children.size() > listen_max) {
        return fail("has more than " + std::to_string(listen_max) + " sockets");
    }
    switch (node_.kind) {
        case Tree::Kind::null:
        case Tree::Kind::scalar: good = add_unnamed(sockets); break;
        case Tree::Kind::sequence:
            good = with_items([&](const Reader& item) { return item.add_unnamed(sockets); });
            break;
        case Tree::Kind::map:
            good = with_entries([&](const Reader& entry, const std::string& name) {
                return entry.add_named(sockets, name);
            });
            break;
    }
    if (good) kind.ref(target_) = std::move(sockets);
    return good;
}

bool Reader::add(std::vector<core::Listen>& sockets, core::Listen socket) const {
    for (const auto& other : sockets) {
        if (other.name == socket.name) return fail("two sockets are named " + socket.name);
    }
    reading_.places["pools." + target_.pool->name + ".listen." + socket.name] = node_.place;
    sockets.push_back(std::move(socket));
    return true;
}

/// "ADDRESS" or "NAME=ADDRESS".
bool Reader::add_unnamed(std::vector<core::Listen>& sockets) const {
    if (node_.kind == Tree::Kind::map) {
        return fail(
            "must be an address; to give a socket a name or options write listen as a map: "
            "NAME: ADDRESS");
    }
    return with_scalar([&](const std::string& text) {
        const auto equals = text.find('=');
        const bool named = equals != std::string::npos && is_name(text.substr(0, equals));
        auto parsed = parse_address(named ? text.substr(equals + 1) : text);
        if (!parsed.ok()) return fail(parsed.error);
        parsed.value.name = named ? text.substr(0, equals) : next_name(sockets);
        return add(sockets, std::move(parsed.value));
    });
}

/// The pool's name for the first unnamed socket, then POOL-1, POOL-2, ...
std::string Reader::next_name(const std::vector<core::Listen>& sockets) const {
    const auto taken = [&](const std::string& name) {
        return std::any_of(sockets.begin(), sockets.end(),
                           [&](const auto& socket) { return socket.name == name; });
    };
    std::string name = target_.pool->name;
    for (int i = 1; taken(name); ++i) {
        name = target_.pool->name + "-" + std::to_string(i);
    }
    return name;
}

bool Reader::add_named(std::vector<core::Listen>& sockets, const std::string& name) const {
    if (!is_name(name)) {
        return fail("is not a name for a socket (letters, digits, '_', '.', '-'; at most 64)");
    }
    core::Listen socket;
    socket.name = name;
    const Target target{target_.config, target_.pool, &socket};
    if (node_.kind != Tree::Kind::map) {
        return Reader{node_, target, path_, reading_}(AddressKind{}) &&
               add(sockets, std::move(socket));
    }
    const auto before = reading_.problems.count();
    read_section(Scope::listen, node_, target, path_, reading_);
    if (node_.find("address") == nullptr) return fail("has no address");
    return reading_.problems.count() == before && options_fit(socket) &&
           add(sockets, std::move(socket));
}

/// An option that this kind of socket does not have would be silently without effect.
bool Reader::options_fit(const core::Listen& socket) const {
    for (const auto& entry : node_.children) {
        if (!has_effect(entry.key, socket)) {
            reading_.problems.add(entry.key_place, child_path(path_, entry.key),
                                  "has no effect on " + format_address(socket));
            return false;
        }
    }
    return true;
}

}  // namespace reeve::config
