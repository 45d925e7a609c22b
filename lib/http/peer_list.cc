#include "lib/http/peer_list.h"

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace pannier::http {
namespace {

constexpr size_t kEntryBytes = 16 << 10;
constexpr size_t kGroupsMax = 65'536;  // of a process, as the kernel has it
constexpr const char* kHint = "write its number where this machine does not know the name";

std::optional<uint32_t> NumberOf(const std::string& text) {
  uint32_t number = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  return number;
}

Result<uid_t> FindUser(const std::string& user) {
  if (const auto number = NumberOf(user)) return uid_t{*number};
  passwd entry{};
  passwd* found = nullptr;
  std::string strings(kEntryBytes, '\0');
  getpwnam_r(user.c_str(), &entry, strings.data(), strings.size(), &found);
  if (found == nullptr) return InvalidArgument("no user named " + user, kHint);
  return found->pw_uid;
}

template <typename T>
bool Contains(const std::vector<T>& all, T one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// Beside its first one. None where they cannot be told.
std::vector<gid_t> FurtherGroupsOf(int socket) {
  std::vector<gid_t> groups(32);
  for (;;) {
    socklen_t bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes) == 0) {
      groups.resize(bytes / sizeof(gid_t));
      return groups;
    }
    if (errno != ERANGE || groups.size() >= kGroupsMax) return {};
    groups.resize(std::min<size_t>(kGroupsMax, std::max(groups.size() * 2, bytes / sizeof(gid_t))));
  }
}

}  // namespace

Result<gid_t> FindGroup(const std::string& name) {
  if (const auto number = NumberOf(name)) return gid_t{*number};
  group entry{};
  group* found = nullptr;
  std::string strings(kEntryBytes, '\0');
  getgrnam_r(name.c_str(), &entry, strings.data(), strings.size(), &found);
  if (found == nullptr) return InvalidArgument("no group named " + name, kHint);
  return found->gr_gid;
}

Result<PeerList> PeerList::Of(const std::vector<std::string>& users,
                              const std::vector<std::string>& groups) {
  PeerList list;
  for (const std::string& user : users) list.users_.push_back(TRY(FindUser(user)));
  for (const std::string& group : groups) list.groups_.push_back(TRY(FindGroup(group)));
  return list;
}

bool PeerList::Admits(int socket, const Peer& peer) const {
  if (IsEmpty()) return true;
  if (!peer.is_unix || peer.pid == 0) return false;  // nothing is known of it
  if (Contains(users_, peer.uid) || Contains(groups_, peer.gid)) return true;
  if (groups_.empty()) return false;
  const std::vector<gid_t> further = FurtherGroupsOf(socket);
  return std::any_of(further.begin(), further.end(),
                     [this](gid_t group) { return Contains(groups_, group); });
}

}  // namespace pannier::http
