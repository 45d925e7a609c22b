// What each command does: asks the daemon, and writes its answer. Threads: one.
#pragma once

#include <string>

#include "cli/arguments.h"
#include "cli/terminal.h"
#include "lib/core/result.h"

namespace pannier::cli {

struct Answer {
  std::string text;   // for stdout
  int exit_code = 0;  // 0, or 3: what was checked is damaged
};

//   kNotFound, kUnavailable, kDeadlineExceeded  the daemon cannot be reached, or the store is
//   absent;
//                                               the hint says what to try
//   kCorruption                                 it failed on bytes that are wrong: exit code 3
//   others                                      what the daemon answered
Result<Answer> Run(const Arguments& arguments, Terminal& terminal);

// What the process ends with when Run() failed.
int ExitCodeOf(Command command, const Error& error);

}  // namespace pannier::cli
