// Goal: the daemon takes exactly the sockets that systemd opened for it, and tells what it cannot
// use. Method: a child process, since the descriptors' numbers are fixed.
#include "daemon/process/activation.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "tests/support/temp_dir.h"

namespace pannier::daemon {
namespace {

file::Descriptor Listening(const std::string& path) {
  file::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(socket.get(), 16) == 0);
  return socket;
}

// What `look` says in a child to which `socket` is handed over, as to `pid` (0: to itself).
int InChild(int socket, pid_t pid, const std::function<int()>& look) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(socket, 3);
    ::setenv("LISTEN_PID", std::to_string(pid == 0 ? ::getpid() : pid).c_str(), 1);
    ::setenv("LISTEN_FDS", "1", 1);
    ::_exit(look());
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_CASE("activation: a socket is known by its path, and the environment forgets it",
          "[daemon][process]") {
  const test::TempDir dir;
  const std::string path = dir / "s";
  const file::Descriptor bound = Listening(path);
  const auto look = [&] {
    const auto sockets = TakeActivatedSockets();
    if (!sockets.ok() || sockets->size() != 1 || !sockets->contains(path)) return 1;
    return std::getenv("LISTEN_FDS") == nullptr && TakeActivatedSockets()->empty() ? 0 : 2;
  };
  REQUIRE(InChild(bound.get(), 0, look) == 0);
}

TEST_CASE("activation: what was meant for another process is left alone", "[daemon][process]") {
  const test::TempDir dir;
  const file::Descriptor bound = Listening(dir / "s");
  const auto look = [] {
    return TakeActivatedSockets()->empty() && ::fcntl(3, F_GETFD) >= 0 ? 0 : 1;
  };
  REQUIRE(InChild(bound.get(), 1, look) == 0);
}

TEST_CASE("activation: a TCP socket is refused", "[daemon][process]") {
  const file::Descriptor tcp(::socket(AF_INET, SOCK_STREAM, 0));
  REQUIRE(::listen(tcp.get(), 1) == 0);
  const auto look = [] { return TakeActivatedSockets().Is(Errc::kInvalidArgument) ? 0 : 1; };
  REQUIRE(InChild(tcp.get(), 0, look) == 0);
}

}  // namespace
}  // namespace pannier::daemon
