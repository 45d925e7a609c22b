// Asks for operations, waits for them, and shows what came of them. Threads: one.
#pragma once

#include "cli/arguments.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include "lib/core/result.h"

namespace pannier::cli {

// Of a command kOperation or kRestore. Without `wait` the answer is the operation's uid. A restore
// that is about to replace something shows its plan first and asks, where somebody can be asked.
//   kDeadlineExceeded  the time was over; the operation goes on, and the hint says how to look
//   others             why it was refused, or why it failed
Result<Answer> Operate(const Arguments& arguments, Terminal& terminal);

}  // namespace pannier::cli
