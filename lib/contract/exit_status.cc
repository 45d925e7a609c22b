#include "lib/contract/exit_status.h"

#include <cstdio>

namespace pannier::contract {

void PrintError(const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "try: %s\n", error.hint.c_str());
}

int ExitWith(const Error& error) {
  PrintError(error);
  return error.code == Errc::kInvalidArgument ? kExitWrongUsage : kExitFailed;
}

}  // namespace pannier::contract
