// Listening sockets: Unix ones under a name in the file system, and TCP ones.
// Threads: a value; one at a time.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "lib/core/result.h"
#include "lib/file/descriptor.h"
#include "lib/http/message.h"

namespace pannier::http {

inline constexpr size_t kUnixPathBytesMax = 107;  // sockaddr_un::sun_path, less its NUL

// A socket that accepts under `path`. It was bound beside that name, given its mode and group, and
// moved into place, so whoever sees it can connect to it. A dead socket of that name is replaced.
class UnixListener {
 public:
  //   kInvalidArgument   the path is empty or too long; no such group
  //   kConflict          somebody accepts there (named by pid), or it is not a socket
  //   kNotFound, kPermissionDenied  the folder does not exist, cannot be written; hint set
  static Result<UnixListener> Bind(const std::string& path, unsigned mode,
                                   const std::string& group);
  // Takes over a socket that accepts under `path` already. It is lent: a supervisor keeps it, with
  // its name and with who waits there, for the next server.
  //   kInvalidArgument   it is no such socket, or its path is another
  static Result<UnixListener> Adopt(file::Descriptor socket, const std::string& path);
  UnixListener(UnixListener&&) = default;
  UnixListener& operator=(UnixListener&&) = delete;
  ~UnixListener() = default;  // leaves the name: see RemoveName()

  int descriptor() const { return socket_.get(); }
  const std::string& path() const { return path_; }
  bool is_lent() const { return is_lent_; }
  // Removes the name, unless it is lent or another server has taken it over.
  void RemoveName();

 private:
  UnixListener(std::string path, file::Descriptor socket, dev_t device, ino_t inode)
      : path_(std::move(path)), socket_(std::move(socket)), device_(device), inode_(inode) {}
  UnixListener(std::string path, file::Descriptor lent)
      : path_(std::move(path)), socket_(std::move(lent)), is_lent_(true) {}

  std::string path_;
  file::Descriptor socket_;
  bool is_lent_ = false;
  dev_t device_ = 0;  // of the name; of one that is lent nobody asks
  ino_t inode_ = 0;
};

// One or, of "localhost", up to two sockets (127.0.0.1 and, where the machine has it, ::1) with
// the same port.
struct TcpListener {
  std::vector<file::Descriptor> sockets;
  std::string address;  // with the real port: "127.0.0.1:4711", "localhost:4711"

  //   kInvalidArgument   `address` is not "number:port", "[number]:port" or "localhost:port"
  //   kConflict          the port is taken
  //   kPermissionDenied  the port needs a privilege
  //   kUnavailable       no such address on this machine
  static Result<TcpListener> Bind(const std::string& address);
};

// The path that a Unix socket is bound to; "": none, or another kind of socket.
std::string UnixPathOf(int socket);

// Who is at the other end of an accepted socket.
Peer PeerOf(int descriptor, bool is_unix);

}  // namespace pannier::http
