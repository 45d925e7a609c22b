// SIGTERM and SIGINT as something that main waits for.
#pragma once

#include <chrono>
#include <functional>

namespace pannier {

// In this thread and those that it starts later; called before others run.
void BlockStopSignals();

// Waits for one and returns its number. From then on the default action applies: a second one ends
// the process at once. Threads: the main thread.
int WaitForStopSignal();

// The same, but asks `done` every `interval`, and returns 0 when that says yes.
int WaitForStopSignalOr(const std::function<bool()>& done, std::chrono::milliseconds interval);

}  // namespace pannier
