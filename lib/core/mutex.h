// std::mutex and std::condition_variable with clang's thread-safety annotations, so that
// `-Wthread-safety` checks which mutex guards which member. No cost over the standard types.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define PANNIER_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define PANNIER_THREAD_ATTRIBUTE(x)
#endif

#if defined(__SANITIZE_THREAD__)
#define PANNIER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define PANNIER_TSAN 1
#endif
#endif

#define CAPABILITY(name) PANNIER_THREAD_ATTRIBUTE(capability(name))
#define SCOPED_CAPABILITY PANNIER_THREAD_ATTRIBUTE(scoped_lockable)
#define GUARDED_BY(mutex) PANNIER_THREAD_ATTRIBUTE(guarded_by(mutex))
#define PT_GUARDED_BY(mutex) PANNIER_THREAD_ATTRIBUTE(pt_guarded_by(mutex))
#define REQUIRES(...) PANNIER_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) PANNIER_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define ACQUIRE(...) PANNIER_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define RELEASE(...) PANNIER_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define TRY_ACQUIRE(...) PANNIER_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define NO_THREAD_SAFETY_ANALYSIS PANNIER_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace pannier {

class CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ACQUIRE() { mutex_.lock(); }
  void Unlock() RELEASE() { mutex_.unlock(); }
  bool TryLock() TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

// Holds a Mutex for a scope. Unlock() and Lock() let go in the middle, for work that must not run
// under it.
class SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ACQUIRE(mutex) : mutex_(mutex) { mutex_.Lock(); }
  ~MutexLock() RELEASE() {
    if (held_) mutex_.Unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

  void Unlock() RELEASE() {
    mutex_.Unlock();
    held_ = false;
  }
  void Lock() ACQUIRE() {
    mutex_.Lock();
    held_ = true;
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

// Waits are always bounded: a caller that would wait for ever loops and looks at its stop
// condition.
class CondVar {
 public:
  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

  // Returns false when the time ran out. Spurious wake-ups happen: loop over the condition.
  bool WaitFor(Mutex& mutex, std::chrono::nanoseconds limit) REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const auto bounded = std::min<std::chrono::nanoseconds>(limit, std::chrono::hours(1));
    const bool notified =
        condition_.wait_until(lock, WaitClock::now() + bounded) == std::cv_status::no_timeout;
    lock.release();
    return notified;
  }

 private:
#if PANNIER_TSAN
  // ThreadSanitizer of our compilers does not know the wait by the steady clock.
  using WaitClock = std::chrono::system_clock;
#else
  using WaitClock = std::chrono::steady_clock;
#endif
  std::condition_variable condition_;
};

}  // namespace pannier
