#include "lib/core/stop_signals.h"

#include <pthread.h>

#include <csignal>

namespace pannier {
namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

void BlockStopSignals() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

int WaitForStopSignal() {
  const sigset_t signals = StopSignals();
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {
  }
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  return signal;
}

int WaitForStopSignalOr(const std::function<bool()>& done, std::chrono::milliseconds interval) {
  const sigset_t signals = StopSignals();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(interval);
  const timespec wait{seconds.count(), std::chrono::nanoseconds(interval - seconds).count()};
  int signal = 0;
  while (signal <= 0) {
    if (done()) return 0;
    signal = sigtimedwait(&signals, nullptr, &wait);
  }
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  return signal;
}

}  // namespace pannier
