#include "lib/http/poller.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "lib/core/check.h"

namespace pannier::http {

namespace {

constexpr uint32_t kInput = EPOLLIN | EPOLLRDHUP | EPOLLET;

int Control(int epoll, int operation, int socket, uint32_t events, uint64_t reference) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = reference;
  return epoll_ctl(epoll, operation, socket, &event);
}

}  // namespace

Result<std::unique_ptr<Poller>> Poller::Make() {
  std::unique_ptr<Poller> poller(new Poller());
  poller->epoll_ = file::Descriptor(epoll_create1(EPOLL_CLOEXEC));
  poller->timer_ = file::Descriptor(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  poller->bell_ = file::Descriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!poller->epoll_ || !poller->timer_ || !poller->bell_) {
    return FromErrno(errno, "set up an event loop");
  }
  const int epoll = poller->epoll_.get();
  // The bell is level-triggered: it wakes every thread, again and again.
  if (Control(epoll, EPOLL_CTL_ADD, poller->bell_.get(), EPOLLIN, kBell) != 0 ||
      Control(epoll, EPOLL_CTL_ADD, poller->timer_.get(), EPOLLIN | EPOLLET, kTimer) != 0) {
    return FromErrno(errno, "set up an event loop");
  }
  return poller;
}

Status Poller::Watch(int socket, uint64_t reference) {
  if (Control(epoll_.get(), EPOLL_CTL_ADD, socket, kInput, reference) == 0) return {};
  return FromErrno(errno, "watch a socket");
}

void Poller::WatchOutput(int socket, uint64_t reference, bool output) {
  const uint32_t events = output ? kInput | static_cast<uint32_t>(EPOLLOUT) : kInput;
  CHECK(Control(epoll_.get(), EPOLL_CTL_MOD, socket, events, reference) == 0);
}

void Poller::Forget(int socket) {
  // Closing alone would not do when a child process still holds a copy.
  CHECK(Control(epoll_.get(), EPOLL_CTL_DEL, socket, 0, 0) == 0);
}

bool Poller::Wait(std::chrono::milliseconds limit, Event* event) {
  epoll_event found{};
  const int timeout = static_cast<int>(std::min<int64_t>(limit.count(), 1 << 30));
  // One at a time: what a thread took with it would wait while that thread runs a handler.
  const int count = epoll_wait(epoll_.get(), &found, 1, timeout);
  if (count < 0) CHECK(errno == EINTR);
  if (count <= 0) return false;
  event->reference = found.data.u64;
  event->hung_up = (found.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  return true;
}

int64_t Poller::NowMs() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               began_)
      .count();
}

void Poller::WakeBy(int64_t deadline_ms) {
  if (deadline_ms >= wake_ms_.load(std::memory_order_acquire)) return;
  MutexLock lock(timer_mutex_);
  if (deadline_ms >= wake_ms_.load(std::memory_order_relaxed)) return;
  const auto since_epoch = began_.time_since_epoch() + std::chrono::milliseconds(deadline_ms + 1);
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_epoch);
  itimerspec when{};
  when.it_value.tv_sec = seconds.count();
  when.it_value.tv_nsec =
      std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch - seconds).count();
  CHECK(timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr) == 0);
  wake_ms_.store(deadline_ms, std::memory_order_release);
}

// The lock: a WakeBy() that has set the timer notes it before it rings here. Noted after, it would
// stand for a timer that has rung, and no later WakeBy() would set another.
void Poller::TimerRang() {
  MutexLock lock(timer_mutex_);
  uint64_t times = 0;
  [[maybe_unused]] const ssize_t bytes = ::read(timer_.get(), &times, sizeof times);
  wake_ms_.store(INT64_MAX, std::memory_order_seq_cst);
}

void Poller::RingForEver() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t bytes = ::write(bell_.get(), &one, sizeof one);
}

}  // namespace pannier::http
