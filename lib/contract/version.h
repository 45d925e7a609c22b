// Which Pannier this is. Threads: any; pure.
#pragma once

#include <string>
#include <string_view>

namespace pannier::contract {

// "0.1.0"
std::string_view Version();
// The commit it was configured from, abbreviated; "unknown" outside of a git tree.
std::string_view Commit();
// Both, for --version: "0.1.0 (0123456789ab)".
std::string VersionLine();

}  // namespace pannier::contract
