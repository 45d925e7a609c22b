#include "lib/file/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <string>

#include "lib/core/time_text.h"

namespace pannier::file {
namespace {

// "pid 7\nstarted 2025-01-31T12:00:00Z\n"
constexpr std::string_view kPidWord = "pid ";
constexpr std::string_view kStartedWord = "\nstarted ";
constexpr size_t kTimeLength = sizeof("2025-01-31T12:00:00Z") - 1;

// "pid 7 (started …)", or "another process" when the file does not say.
std::string HolderOf(int descriptor) {
  std::array<char, 128> buffer{};
  const ssize_t got = ::pread(descriptor, buffer.data(), buffer.size(), 0);
  std::string_view text(buffer.data(), got > 0 ? static_cast<size_t>(got) : 0);
  if (!text.starts_with(kPidWord)) return "another process";
  text.remove_prefix(kPidWord.size());
  int pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  if (error != std::errc() || pid <= 0) return "another process";
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  std::string holder = "pid " + std::to_string(pid);
  if (text.starts_with(kStartedWord) && text.size() >= kStartedWord.size() + kTimeLength)
    holder += " (started " + std::string(text.substr(kStartedWord.size(), kTimeLength)) + ")";
  return holder;
}

Error Refusal(int error_number, int descriptor, const Path& path) {
  if (error_number == EWOULDBLOCK) {
    return Conflict(path.parent_path().string() + " is locked by " + HolderOf(descriptor),
                    "stop that process, or give this one a directory of its own");
  }
  Error error = FromErrno(error_number, "lock " + path.string());
  if (error_number == ENOLCK || error_number == EOPNOTSUPP)
    error.hint = "use a file system that has locks (flock), such as ext4 or xfs";
  return error;
}

// False when someone removed or replaced the file between our open and our lock: then the lock
// guards a file that nobody else will find.
bool StillNamed(int descriptor, const Path& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(descriptor, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

int Lock(int descriptor) {
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

// For people only, so its failure (a full disk) does not refuse the lock.
void NameHolder(int descriptor, const Clock& clock) {
  std::string text(kPidWord);
  text += std::to_string(::getpid());
  text += kStartedWord;
  text += FormatTime(std::chrono::floor<std::chrono::seconds>(clock.Now())) + "\n";
  if (::ftruncate(descriptor, 0) != 0) return;
  (void)!::pwrite(descriptor, text.data(), text.size(), 0);
}

}  // namespace

Result<FileLock> FileLock::Acquire(const Path& path, const Clock& clock) {
  constexpr int kAttemptsMax = 10;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    Descriptor descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!descriptor) return FromErrno(errno, "open " + path.string());
    const int refused = Lock(descriptor.get());
    if (refused != 0) return Refusal(refused, descriptor.get(), path);
    if (!StillNamed(descriptor.get(), path)) continue;
    NameHolder(descriptor.get(), clock);
    return FileLock(std::move(descriptor));
  }
  return Unavailable("lock " + path.string() + ": the file keeps being replaced");
}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  if (this != &other) {
    Release();
    descriptor_ = std::move(other.descriptor_);
  }
  return *this;
}

FileLock::~FileLock() { Release(); }

void FileLock::Release() {
  if (!descriptor_) return;
  // Emptied first, so that a later refusal never names us.
  (void)!::ftruncate(descriptor_.get(), 0);
  descriptor_ = Descriptor();
}

}  // namespace pannier::file
