// Runs this program again as a child, for work that may crash on what it reads. The child gets a
// hidden verb and its arguments (`pannierd child VERB JSON`), no sockets and no locks; it writes
// JSON lines to stdout: {"done":n,"total":n} as it goes, and {"result":…} or
// {"error":{"code","what","hint"}} at its end. The child dies with the thread that started it, and
// when `progress` says stop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "lib/core/result.h"

namespace pannier::daemon {

// Told of each step; false: stop.
using ChildProgress = std::function<bool(uint64_t done, uint64_t total)>;

// --- the parent's side --- Threads: any.

struct ChildLimits {
  uint64_t memory_bytes = 2ull << 30;  // of address space
  std::chrono::seconds time{3600};
  uint64_t output_bytes = 64ull << 20;
  std::string program = "/proc/self/exe";  // tests start another
};

// Runs `verb` with `arguments`, a JSON text, and returns the JSON text of its result. `progress` is
// also asked between steps, at least ten times a second. The child is gone when this returns.
//   kCorruption         it died of a signal: what it read has made it crash; `what` names the
//                       signal
//   kDeadlineExceeded   its time was over, or `progress` said stop
//   kResourceExhausted  it wrote more than output_bytes, it was killed (for its memory, it seems),
//   or
//                       no process could be made
//   kInternal           it ended without a result
//   others              what the child said
Result<std::string> RunChild(const std::string& verb, const std::string& arguments,
                             const ChildLimits& limits, const ChildProgress& progress);

// --- the child's side --- Threads: the main one.

struct ChildVerb {
  std::string_view name;
  // From a JSON text to a JSON text.
  std::function<Result<std::string>(std::string_view arguments, const ChildProgress& progress)> run;
};

// Whether this process was started by RunChild.
bool IsChild(int argc, const char* const* argv);
// Takes the limits on, runs the verb, writes its result; the exit code.
int ServeChild(std::span<const ChildVerb> verbs, int argc, const char* const* argv);

}  // namespace pannier::daemon
