#include "daemon/process/process.h"

#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <span>

#include "lib/core/stop_signals.h"
#include "lib/file/descriptor.h"

namespace pannier::daemon {
namespace {

// More arenas than cores only keep memory from returning to the system.
constexpr int kArenasMax = 2;
// Bodies and answers from this size on are mapped by themselves and go back to the system when they
// are freed. Left alone, the C library raises its threshold to the largest ever freed, and keeps
// all below.
// Chunks of snapshots (1 MiB and a little) stay below: mapping each anew costs more than its hash.
constexpr int kMappedBytesMin = 2 << 20;
// What lies free at the end of an arena stays there: the chunks of one operation.
constexpr int kKeptBytesMax = 8 << 20;

}  // namespace

void PrepareProcess() {
  umask(0077);
  mallopt(M_ARENA_MAX, kArenasMax);
  mallopt(M_MMAP_THRESHOLD, kMappedBytesMin);
  mallopt(M_TRIM_THRESHOLD, kKeptBytesMax);
  BlockStopSignals();
}

void ForbidCoreDumps() {
  const rlimit none{0, 0};
  [[maybe_unused]] const int limited = setrlimit(RLIMIT_CORE, &none);
  // Not PR_SET_DUMPABLE: that would also take /proc/self from whoever watches the daemon.
  const file::Descriptor filter(open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC));
  if (filter) [[maybe_unused]]
    const ssize_t written = write(filter.get(), "0", 1);
}

void ReleaseCode() {
  const auto release = [](dl_phdr_info* object, size_t, void*) {
    const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
    for (const ElfW(Phdr) & part : std::span(object->dlpi_phdr, object->dlpi_phnum)) {
      // What can be written to may be unlike the file.
      if (part.p_type != PT_LOAD || (part.p_flags & (PF_X | PF_W)) != PF_X) continue;
      const uintptr_t begin = (object->dlpi_addr + part.p_vaddr + page - 1) / page * page;
      const uintptr_t end = (object->dlpi_addr + part.p_vaddr + part.p_filesz) / page * page;
      if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
    }
    return 0;
  };
  dl_iterate_phdr(release, nullptr);
}

uint64_t RaiseOpenFiles(uint64_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur < wanted) {
    rlimit raised = limit;
    raised.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
  }
  return limit.rlim_cur;
}

void NotifySupervisor(const std::string& state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || path[0] == '\0') return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(path);
  if (length >= sizeof address.sun_path) return;
  std::memcpy(address.sun_path, path, length);
  if (path[0] == '@') address.sun_path[0] = '\0';  // systemd's spelling of an abstract name
  const file::Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return;
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  [[maybe_unused]] const ssize_t sent =
      ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace pannier::daemon
