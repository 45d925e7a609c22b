// Which processes a Unix socket lets in, by what the kernel says of them (SO_PEERCRED,
// SO_PEERGROUPS: as they were when they connected). Permissions of the socket's file say who can
// reach it; a list also holds where a volume or a group is shared by more than those who may come
// in.
// Threads: Admits() from any, once it is made.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "lib/core/result.h"
#include "lib/http/message.h"

namespace pannier::http {

class PeerList {
 public:
  PeerList() = default;  // lets everyone in
  // Of names or numbers.
  //   kInvalidArgument  this machine knows no such user, or group; hint set
  static Result<PeerList> Of(const std::vector<std::string>& users,
                             const std::vector<std::string>& groups);
  void AddUser(uid_t user) { users_.push_back(user); }

  // Nobody is named: everyone comes in.
  bool IsEmpty() const { return users_.empty() && groups_.empty(); }
  // Whether the process at the other end of `socket` is of a user that is named, or in a group that
  // is. `peer` is what PeerOf() says of it.
  bool Admits(int socket, const Peer& peer) const;

 private:
  std::vector<uid_t> users_;
  std::vector<gid_t> groups_;
};

// The number of a group's name; digits stand for themselves.
//   kInvalidArgument  there is none
Result<gid_t> FindGroup(const std::string& group);

}  // namespace pannier::http
