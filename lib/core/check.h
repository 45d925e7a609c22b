// Invariants that stop the process when they do not hold.
// CHECK is for defects of ours, never for input, disk, network or clock: those are errors
// (result.h).
#pragma once

namespace pannier::internal {
// Prints `file:line: CHECK failed: expression` to stderr and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const char* expression);
}  // namespace pannier::internal

// Catch2 has a CHECK as well: tests include it first and use REQUIRE.
#undef CHECK
// Compiled in always, so that release builds stop as well rather than go on with broken state.
#define CHECK(expression)                                                \
  do {                                                                   \
    if (!(expression)) [[unlikely]]                                      \
      ::pannier::internal::CheckFailed(__FILE__, __LINE__, #expression); \
  } while (false)
