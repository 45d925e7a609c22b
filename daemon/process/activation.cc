#include "daemon/process/activation.h"

#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "lib/http/listener.h"

namespace pannier::daemon {
namespace {

constexpr int kFirst = 3;        // SD_LISTEN_FDS_START
constexpr int kSocketsMax = 16;  // a daemon has two

int NumberOf(const char* name) {
  const char* text = std::getenv(name);
  int number = 0;
  if (text != nullptr) std::from_chars(text, text + std::string_view(text).size(), number);
  return number;
}

}  // namespace

Result<ActivatedSockets> TakeActivatedSockets() {
  const bool are_ours = NumberOf("LISTEN_PID") == getpid();
  const int count = are_ours ? NumberOf("LISTEN_FDS") : 0;
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) unsetenv(name);
  if (count > kSocketsMax) {
    return InvalidArgument("systemd hands over " + std::to_string(count) + " sockets",
                           "name the paths of listen.socket and listen.admin alone");
  }
  ActivatedSockets sockets;
  for (int i = kFirst; i < kFirst + count; ++i) {
    file::Descriptor socket(i);
    const std::string path = http::UnixPathOf(i);
    if (path.empty()) {
      return InvalidArgument("systemd hands over a socket that has no path",
                             "use ListenStream=/a/path; TCP is the daemon's own (listen.tcp)");
    }
    sockets[path] = std::move(socket);
  }
  return sockets;
}

}  // namespace pannier::daemon
