#include "lib/contract/version.h"

namespace pannier::contract {

std::string_view Version() { return PANNIER_VERSION; }
std::string_view Commit() { return PANNIER_COMMIT; }

std::string VersionLine() { return std::string(Version()) + " (" + std::string(Commit()) + ")"; }

}  // namespace pannier::contract
