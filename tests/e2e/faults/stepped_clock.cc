// Preloaded into a program, it tells a wall clock that a test turns: real time plus the seconds, as
// an int64_t, in the file that STEPPED_CLOCK names. The steady clock and timers stay true. (Other
// such libraries move absolute steady timers along, which then lie before the machine's start.)
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

const volatile int64_t* Offset() {
  static const volatile int64_t* const offset = [] {
    static const int64_t none = 0;
    const char* const path = std::getenv("STEPPED_CLOCK");
    const int fd = path != nullptr ? ::open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return &none;
    void* const mapped = ::mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    ::close(fd);
    return mapped != MAP_FAILED ? static_cast<const int64_t*>(mapped) : &none;
  }();
  return offset;
}

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* now) {
  using Function = int (*)(clockid_t, timespec*);
  static const auto real = reinterpret_cast<Function>(::dlsym(RTLD_NEXT, "clock_gettime"));
  const int done = real(clock, now);
  if (done == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
    now->tv_sec += *Offset();
  }
  return done;
}

extern "C" int gettimeofday(timeval* now, void*) {
  timespec time;
  const int done = clock_gettime(CLOCK_REALTIME, &time);
  if (done == 0) *now = {time.tv_sec, time.tv_nsec / 1'000};
  return done;
}

extern "C" time_t time(time_t* out) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}
