#include "lib/contract/version.h"

namespace pannier::contract {

std::string_view Version() { return PANNIER_VERSION; }
std::string_view Commit() { return PANNIER_COMMIT; }

}  // namespace pannier::contract
