// Where the daemon and its clients meet when nobody says otherwise.
// Threads: any; constants and a pure function.
#pragma once

#include <string>
#include <string_view>

namespace pannier::contract {

inline constexpr std::string_view kSocketPath = "/run/pannier/pannier.sock";
inline constexpr std::string_view kAdminSocketPath = "/run/pannier/admin.sock";
inline constexpr std::string_view kDataDirectory = "/var/lib/pannier";
inline constexpr std::string_view kConfigFile = "/etc/pannier/pannierd.yaml";

inline constexpr int kAdminPort = 9465;  // with mutual TLS

inline constexpr const char* kSocketVariable = "PANNIER_SOCKET";
inline constexpr const char* kAdminSocketVariable = "PANNIER_ADMIN_SOCKET";
inline constexpr const char* kConfigVariable = "PANNIER_CONFIG";

// The admin socket that belongs to a data socket whose place was chosen while the admin socket's
// was not: "/x/a.sock" → "/x/a.admin.sock", the default → the default. So two daemons in one
// directory do not meet, and one word tells pannierctl where both sockets are.
std::string AdminSocketBeside(std::string_view socket);

}  // namespace pannier::contract
