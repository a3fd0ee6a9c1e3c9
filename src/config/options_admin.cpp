// The options table: who may look and command, and where scrapers may look.
#include <array>

#include "config/option_rows.hpp"

namespace reeve::config {

namespace {

using core::AdminConfig;
using core::MetricsConfig;

std::optional<unsigned> admin_mode(const Target& target) { return target.config->admin.mode; }
void set_admin_mode(const Target& target, unsigned mode) { target.config->admin.mode = mode; }

const std::array rows{
    Option{"path", Scope::admin,
           PathOrNoneKind{&field<&AdminConfig::path>, &field<&AdminConfig::enabled>},
           Reload::restart, "",
           "The Unix socket on which reeve takes commands and tells what it sees. Without this "
           "option: $RUNTIME_DIRECTORY/admin.sock, for root /run/reeve[/NAME]/admin.sock, else "
           "$XDG_RUNTIME_DIR/reeve/[NAME/]admin.sock, else /tmp/reeve-UID/[NAME/]admin.sock. The "
           "environment variable REEVE_ADMIN wins over the file, the flag --admin over both."},
    Option{"mode", Scope::admin, OctalKind{&admin_mode, &set_admin_mode}, Reload::restart, "0660",
           "Permission bits of the socket's file, in octal. They decide who can connect; the lists "
           "below decide what one may do then."},
    Option{"owner", Scope::admin, TextKind{&field<&AdminConfig::owner>, TextKind::Form::account},
           Reload::restart, "",
           "User, by name or number, who owns the socket's file. Default: the user that reeve runs "
           "as."},
    Option{"group", Scope::admin, TextKind{&field<&AdminConfig::group>, TextKind::Form::account},
           Reload::restart, "",
           "Group, by name or number, of the socket's file. Its members may look and command. "
           "Default: the group that reeve runs as, which gives its members nothing."},
    Option{"read_users", Scope::admin, NamesKind{&field<&AdminConfig::read_users>}, Reload::restart,
           "", "Users, by name or number, who may look: status, events, metrics, configuration."},
    Option{"read_groups", Scope::admin, NamesKind{&field<&AdminConfig::read_groups>},
           Reload::restart, "",
           "Groups, by name or number, whose members may look. Supplementary groups count too."},
    Option{"command_users", Scope::admin, NamesKind{&field<&AdminConfig::command_users>},
           Reload::restart, "",
           "Users, by name or number, who may look and command. Root and the user that reeve runs "
           "as always may."},
    Option{"command_groups", Scope::admin, NamesKind{&field<&AdminConfig::command_groups>},
           Reload::restart, "",
           "Groups, by name or number, whose members may look and command. Supplementary groups "
           "count too."},
    Option{"listen", Scope::metrics, AddressOrOffKind{&field<&MetricsConfig::listen>},
           Reload::restart, "off",
           "HOST:PORT on which everybody may read /metrics, /healthz and /readyz, and nothing "
           "else. The admin socket has them too."},
};

}  // namespace

std::span<const Option> admin_rows() { return rows; }

}  // namespace reeve::config
