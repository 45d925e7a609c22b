#include "daemon/process/process.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "lib/core/stop_signals.h"
#include "lib/file/descriptor.h"
#include "tests/support/temp_dir.h"

namespace pannier::daemon {
namespace {

// A datagram socket of a supervisor, as systemd gives one to its services.
class Supervisor {
 public:
  Supervisor() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    const std::string path = (dir_ / "notify").string();
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) ==
            0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  ~Supervisor() { ::unsetenv("NOTIFY_SOCKET"); }

  std::string Heard() const {
    std::array<char, 256> buffer{};
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    return got < 0 ? "nothing" : std::string(buffer.data(), static_cast<size_t>(got));
  }

 private:
  const test::TempDir dir_;
  const file::Descriptor socket_;
};

TEST_CASE("process: new files are the owner's, and stop signals wait for main",
          "[daemon][process]") {
  const mode_t umask_before = ::umask(0);
  PrepareProcess();
  REQUIRE(::umask(umask_before) == 0077);
  REQUIRE(::kill(::getpid(), SIGTERM) == 0);  // blocked, so it waits for us
  REQUIRE(WaitForStopSignal() == SIGTERM);
}

TEST_CASE("process: code that is not run now is not resident, and runs again",
          "[daemon][process]") {
  const auto resident_files = [] {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("RssFile:")) return std::stoul(line.substr(8));  // KiB
    }
    return 0ul;
  };
  const uint64_t before = resident_files();
  ReleaseCode();
  REQUIRE(resident_files() < before);
}

TEST_CASE("process: a crash leaves nothing of what lies in memory", "[daemon][process]") {
  const pid_t child = ::fork();
  if (child == 0) {
    ForbidCoreDumps();
    rlimit limit{1, 1};
    ::getrlimit(RLIMIT_CORE, &limit);
    std::array<char, 16> filter{};
    const int file = ::open("/proc/self/coredump_filter", O_RDONLY);
    const ssize_t got = ::read(file, filter.data(), filter.size() - 1);
    ::_exit(limit.rlim_max == 0 && got > 0 && std::strtol(filter.data(), nullptr, 16) == 0 ? 0 : 1);
  }
  int status = 1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(status == 0);
}

TEST_CASE("process: open files are raised as far as the hard limit and never lowered",
          "[daemon][process]") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  REQUIRE(RaiseOpenFiles(1) == before.rlim_cur);
  REQUIRE(RaiseOpenFiles(before.rlim_max) == before.rlim_max);
  if (before.rlim_max != RLIM_INFINITY)
    REQUIRE(RaiseOpenFiles(before.rlim_max + 1) == before.rlim_max);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST_CASE("process: the supervisor hears when we are ready, and its absence does no harm",
          "[daemon][process]") {
  NotifySupervisor("READY=1");
  const Supervisor supervisor;
  REQUIRE(supervisor.Heard() == "nothing");
  NotifySupervisor("READY=1");
  REQUIRE(supervisor.Heard() == "READY=1");
  ::setenv("NOTIFY_SOCKET", std::string(300, 'x').c_str(), 1);
  NotifySupervisor("STOPPING=1");
  REQUIRE(supervisor.Heard() == "nothing");
}

}  // namespace
}  // namespace pannier::daemon
