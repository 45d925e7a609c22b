// Writes docs/configuration.md from the table of keys. Threads: any; pure.
#pragma once

#include <string>

namespace pannier::daemon {

// The whole page. A test compares it with the file in docs/.
std::string ConfigReference();

}  // namespace pannier::daemon
