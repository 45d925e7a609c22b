// The flags of one command of the admin API: declared from its row of the table, and read into the
// JSON of its request. Threads: one.
#pragma once

#include <deque>
#include <string>

#include "cli/arguments.h"
#include "cli/command_table.h"
#include "lib/core/result.h"

namespace CLI {
class App;
}

namespace pannier::cli {

class AdminArguments {
 public:
  // `app` writes into this object when it parses, so this stays where it is.
  void Declare(const CommandSpec& command, CLI::App& app);
  //   kInvalidArgument  a value is not of its kind, or flags contradict each other
  Status Fill(const CommandSpec& command, Arguments* arguments) const;

 private:
  struct Given {
    std::string text;
    bool flag = false;
  };
  std::deque<Given> given_;  // one per option of the command
};

}  // namespace pannier::cli
