// Completion scripts, written from the tree of commands itself, so that they are never behind.
// Threads: any; pure.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace pannier::cli {

std::string BashCompletion(const CLI::App& app);
// zsh runs the bash script through its bashcompinit.
std::string ZshCompletion(const CLI::App& app);

}  // namespace pannier::cli
