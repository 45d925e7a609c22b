// How a program of ours says that it failed. Threads: any.
#pragma once

#include "lib/core/result.h"

namespace pannier::contract {

inline constexpr int kExitFailed = 1;
inline constexpr int kExitWrongUsage = 2;  // or a wrong configuration

// On stderr: "error: …", and "try: …" when there is a hint.
void PrintError(const Error& error);

// Prints it. The exit code: kExitWrongUsage of kInvalidArgument, else kExitFailed.
int ExitWith(const Error& error);

}  // namespace pannier::contract
