#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <optional>
#include <thread>

#include "lib/http/listener.h"
#include "lib/http/peer_list.h"

namespace pannier::http {

namespace {

constexpr int kBacklog = 4096;  // the kernel lowers it to net.core.somaxconn

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

// Where the socket goes: its folder, opened and locked against other servers that start, and names
// in it.
struct Place {
  file::Descriptor folder;
  std::string path, folder_path, name;

  // The folder through /proc, so that a long path leaves room for the name beside.
  std::string Through(const std::string& other) const {
    return "/proc/self/fd/" + std::to_string(folder.get()) + "/" + other;
  }
};

// Others hold this lock for the few calls of a Bind().
Status LockFolder(const Place& place) {
  for (int attempt = 0; attempt < 500; ++attempt) {
    if (flock(place.folder.get(), LOCK_EX | LOCK_NB) == 0) return {};
    if (errno != EWOULDBLOCK && errno != EINTR)
      return FromErrno(errno, "lock " + place.folder_path);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return Unavailable(
      "listen on " + place.path + ": another process keeps " + place.folder_path + " locked",
      "find it with fuser, or choose another folder");
}

Result<Place> OpenPlace(const std::string& path) {
  Place place;
  place.path = path;
  const std::filesystem::path whole(path);
  place.name = whole.filename();
  place.folder_path = whole.has_parent_path() ? whole.parent_path().string() : ".";
  place.folder =
      file::Descriptor(open(place.folder_path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!place.folder) {
    Error error = FromErrno(errno, "listen on " + path);
    error.hint = errno == ENOENT ? "create the folder " + place.folder_path
                                 : "check the folder " + place.folder_path;
    return error;
  }
  TRY(LockFolder(place));
  return place;
}

// Whether nobody stands in the way under that name.
Status CheckFree(const Place& place) {
  struct stat info {};
  if (fstatat(place.folder.get(), place.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? Status() : Status(FromErrno(errno, "look at " + place.path));
  }
  if (!S_ISSOCK(info.st_mode)) {
    return Conflict("listen on " + place.path + ": it exists and is not a socket",
                    "remove it, or choose another path");
  }
  const file::Descriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return FromErrno(errno, "make a socket");
  const sockaddr_un address = AddressOf(place.Through(place.name));
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const Peer holder = PeerOf(probe.get(), true);
    return Conflict(
        "listen on " + place.path + ": process " + std::to_string(holder.pid) + " serves there",
        "stop it, or choose another path");
  }
  if (errno == ECONNREFUSED || errno == ENOENT) return {};
  if (errno == EAGAIN) {
    return Conflict("listen on " + place.path + ": another process serves there",
                    "stop it, or choose another path");
  }
  return FromErrno(errno, "look at " + place.path);
}

Status SetRights(const Place& place, const std::string& name, unsigned mode,
                 std::optional<gid_t> group) {
  if (group && fchownat(place.folder.get(), name.c_str(), static_cast<uid_t>(-1), *group, 0) != 0) {
    Error error = FromErrno(errno, "give " + place.path + " to group " + std::to_string(*group));
    error.hint = "run as a member of that group";
    return error;
  }
  if (fchmodat(place.folder.get(), name.c_str(), mode, 0) != 0) {
    return FromErrno(errno, "set the mode of " + place.path);
  }
  return {};
}

// Binds `socket` beside, makes it accept, and moves it to its name.
Status Publish(const Place& place, int socket, const std::string& beside, unsigned mode,
               std::optional<gid_t> group, struct stat* info) {
  const sockaddr_un address = AddressOf(place.Through(beside));
  if (bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    Error error = FromErrno(errno, "listen on " + place.path);
    error.hint = "make the folder " + place.folder_path + " writable for this user";
    return error;
  }
  TRY(SetRights(place, beside, mode, group));
  if (listen(socket, kBacklog) != 0) return FromErrno(errno, "listen on " + place.path);
  const int folder = place.folder.get();
  if (fstatat(folder, beside.c_str(), info, AT_SYMLINK_NOFOLLOW) != 0 ||
      renameat(folder, beside.c_str(), folder, place.name.c_str()) != 0) {
    return FromErrno(errno, "listen on " + place.path);
  }
  return {};
}

}  // namespace

Result<UnixListener> UnixListener::Bind(const std::string& path, unsigned mode,
                                        const std::string& group) {
  if (path.empty() || path.back() == '/' || path.find('\0') != std::string::npos) {
    return InvalidArgument("\"" + path + "\" is no path for a socket");
  }
  if (path.size() > kUnixPathBytesMax) {
    return InvalidArgument("listen on " + path + ": a socket's path has at most " +
                               std::to_string(kUnixPathBytesMax) + " bytes, this one has " +
                               std::to_string(path.size()),
                           "choose a shorter path");
  }
  std::optional<gid_t> owner;
  if (!group.empty()) owner = TRY(FindGroup(group).Context("listen on " + path));
  const Place place = TRY(OpenPlace(path));
  TRY(CheckFree(place));
  file::Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return FromErrno(errno, "make a socket");

  static std::atomic<int> serial{0};
  const std::string beside =
      ".pannier-" + std::to_string(getpid()) + "-" + std::to_string(++serial);
  unlinkat(place.folder.get(), beside.c_str(), 0);  // of a dead process with our pid
  struct stat info {};
  const Status published = Publish(place, socket.get(), beside, mode, owner, &info);
  if (!published.ok()) {
    unlinkat(place.folder.get(), beside.c_str(), 0);
    return published.error();
  }
  return UnixListener(path, std::move(socket), info.st_dev, info.st_ino);
}

std::string UnixPathOf(int socket) {
  sockaddr_un address{};
  socklen_t size = sizeof address;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "";
  // Names that begin with NUL are no paths.
  if (address.sun_family != AF_UNIX || size <= offsetof(sockaddr_un, sun_path)) return "";
  return std::string(address.sun_path, strnlen(address.sun_path, sizeof address.sun_path));
}

Result<UnixListener> UnixListener::Adopt(file::Descriptor socket, const std::string& path) {
  if (const std::string bound = UnixPathOf(socket.get()); bound != path) {
    return InvalidArgument("listen on " + path + ": the socket that was handed over is at \"" +
                           bound + "\"");
  }
  int accepts = 0, type = 0;
  socklen_t size = sizeof accepts;
  if (getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) != 0 ||
      getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return FromErrno(errno, "look at the socket " + path);
  }
  if (accepts == 0 || type != SOCK_STREAM) {
    return InvalidArgument(
        "listen on " + path + ": the socket that was handed over does not listen",
        "hand over a listening stream socket (systemd: ListenStream=)");
  }
  const int flags = fcntl(socket.get(), F_GETFL);
  if (flags < 0 || fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0 ||
      fcntl(socket.get(), F_SETFD, FD_CLOEXEC) != 0) {
    return FromErrno(errno, "set up the socket " + path);
  }
  return UnixListener(path, std::move(socket));
}

void UnixListener::RemoveName() {
  if (is_lent_) return;
  struct stat info {};
  if (lstat(path_.c_str(), &info) != 0) return;
  if (info.st_dev == device_ && info.st_ino == inode_) unlink(path_.c_str());
}

}  // namespace pannier::http
