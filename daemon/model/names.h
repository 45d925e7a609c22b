// Which names databases and collections may have. Error texts are Chroma's.
// Threads: pure functions.
#pragma once

#include <string_view>

#include "lib/core/result.h"

namespace pannier::model {

// 3 to 512 characters of [a-zA-Z0-9._-], a letter or digit at both ends, no "..", not an IPv4
// address. One '+' may separate a "topology" from the name; then both halves obey the rule.
// `message_prefix` begins the message ("Validation error: name: ").
//   kInvalidArgument  it is not such a name
Status CheckName(std::string_view name, std::string_view message_prefix);

}  // namespace pannier::model
