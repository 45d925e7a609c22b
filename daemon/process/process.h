// What the daemon asks of the process it runs in: signals, limits, and a word to systemd.
// Threads: the main thread, before others start, unless said otherwise.
#pragma once

#include <cstdint>
#include <string>

#include "lib/core/result.h"

namespace pannier::daemon {

// New files are the owner's alone; allocations of many threads do not each keep an arena, and large
// ones are given back; signals that stop are blocked (lib/core/stop_signals.h).
void PrepareProcess();

// Of this process and those it starts: a crash leaves no core file, and where core dumps go to a
// program (core_pattern with '|', which no limit stops) none of what lies in memory.
void ForbidCoreDumps();

// Gives up the memory of code that only the start ran, half of what an idle daemon would keep
// resident. What is run again comes back from the kernel's cache, in microseconds a page. Any
// thread.
void ReleaseCode();

// Raises the soft limit of open files as far as `wanted`, at most to the hard limit. Returns what
// holds now.
uint64_t RaiseOpenFiles(uint64_t wanted);

// Tells systemd, if it asked ($NOTIFY_SOCKET): "READY=1", "STOPPING=1". Errors do not matter.
void NotifySupervisor(const std::string& state);

}  // namespace pannier::daemon
