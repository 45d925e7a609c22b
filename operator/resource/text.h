// Text that goes into objects. Threads: pure functions.
#pragma once

#include <string>
#include <string_view>

namespace pannier::control {

// At most `characters_max` of them, an ellipsis being the last when some were cut; never half of
// one.
std::string Cut(std::string_view text, size_t characters_max);

}  // namespace pannier::control
