// Preloaded into a program, it has calls on files below a folder fail, or take long, as a test says
// while the program runs.
//
// DISK_FAULTS_ROOT names the folder, DISK_FAULTS a file of three int64_t: which kinds of calls (a
// sum of kRead, kWrite, kSync), the errno they fail with (0: they work), and how many microseconds
// each takes before. "Write" is all that changes the disk: also to make, remove or rename. Zeros:
// no fault, and nothing but a look at memory per call.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

enum Kind : int64_t { kRead = 1, kWrite = 2, kSync = 4 };
struct Wanted {
  volatile int64_t kinds, error, delay_us;
};

const Wanted* Control() {
  static const Wanted* const control = [] {
    static const Wanted none{};
    const char* const path = std::getenv("DISK_FAULTS");
    using Open = int (*)(const char*, int, ...);
    const auto real = reinterpret_cast<Open>(::dlsym(RTLD_NEXT, "open"));
    const int fd = path != nullptr ? real(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return &none;
    void* const mapped = ::mmap(nullptr, sizeof(Wanted), PROT_READ, MAP_SHARED, fd, 0);
    ::close(fd);
    return mapped != MAP_FAILED ? static_cast<const Wanted*>(mapped) : &none;
  }();
  return control;
}

bool IsBelowRoot(const char* path) {
  static const char* const root = std::getenv("DISK_FAULTS_ROOT");
  return root != nullptr && std::strncmp(path, root, std::strlen(root)) == 0;
}

bool IsBelowRoot(int fd) {
  char name[64], path[PATH_MAX];
  std::snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  const ssize_t length = ::readlink(name, path, sizeof path - 1);
  if (length <= 0) return false;
  path[length] = '\0';
  return IsBelowRoot(path);
}

// Whether this call fails; waits first where it is to take long.
template <typename File>
bool Fails(Kind kind, File file) {
  const Wanted* const wanted = Control();
  if ((wanted->kinds & kind) == 0 || !IsBelowRoot(file)) return false;
  if (wanted->delay_us > 0) ::usleep(static_cast<useconds_t>(wanted->delay_us));
  if (wanted->error == 0) return false;
  errno = static_cast<int>(wanted->error);
  return true;
}

template <typename Function>
Function Real(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

int OpenAs(const char* name, const char* path, int flags, mode_t mode) {
  // Opening what is there changes nothing.
  const bool makes = (flags & O_CREAT) != 0 && ::access(path, F_OK) != 0;
  if ((makes || (flags & O_TRUNC) != 0) && Fails(kWrite, path)) return -1;
  return Real<int (*)(const char*, int, ...)>(name)(path, flags, mode);
}

}  // namespace

#define PANNIER_CALL(kind, type, name, parameters, file, ...)             \
  extern "C" type name parameters {                                       \
    static const auto real = Real<type(*) parameters>(#name);             \
    return Fails(kind, file) ? static_cast<type>(-1) : real(__VA_ARGS__); \
  }

extern "C" int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return OpenAs("open", path, flags, mode);
}
extern "C" int open64(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = va_arg(rest, mode_t);
  va_end(rest);
  return OpenAs("open64", path, flags, mode);
}

PANNIER_CALL(kRead, ssize_t, read, (int fd, void* to, size_t n), fd, fd, to, n)
PANNIER_CALL(kRead, ssize_t, pread, (int fd, void* to, size_t n, off_t at), fd, fd, to, n, at)
PANNIER_CALL(kRead, ssize_t, pread64, (int fd, void* to, size_t n, off64_t at), fd, fd, to, n, at)
PANNIER_CALL(kWrite, ssize_t, write, (int fd, const void* b, size_t n), fd, fd, b, n)
PANNIER_CALL(kWrite, ssize_t, pwrite, (int fd, const void* b, size_t n, off_t at), fd, fd, b, n, at)
PANNIER_CALL(kWrite, ssize_t, pwrite64, (int fd, const void* b, size_t n, off64_t at), fd, fd, b, n,
             at)
PANNIER_CALL(kWrite, int, ftruncate, (int fd, off_t size), fd, fd, size)
PANNIER_CALL(kWrite, int, ftruncate64, (int fd, off64_t size), fd, fd, size)
PANNIER_CALL(kWrite, int, mkdir, (const char* path, mode_t mode), path, path, mode)
PANNIER_CALL(kWrite, int, rename, (const char* from, const char* to), from, from, to)
PANNIER_CALL(kSync, int, fsync, (int fd), fd, fd)
PANNIER_CALL(kSync, int, fdatasync, (int fd), fd, fd)
