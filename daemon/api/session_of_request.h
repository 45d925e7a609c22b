// Which session a request belongs to, and whose sessions a caller may see.
// Threads: one request each.
#pragma once

#include <optional>
#include <string>

#include "daemon/api/body.h"
#include "daemon/api/router.h"
#include "daemon/sessions/registry.h"
#include "lib/core/result.h"

namespace pannier::api {

// A client names its session here, and so says that it is there.
inline constexpr std::string_view kSessionHeader = "x-pannier-session";
// "true": a database that this request makes is temporary. Clients that can set nothing but headers
// for all requests use this instead of the body's member `ephemeral`.
inline constexpr std::string_view kEphemeralHeader = "x-pannier-ephemeral";

// Whose sessions the caller's are: by its token where tokens are asked for, else by the user of a
// Unix socket; all of a TCP address without tokens share theirs. Nothing: its token is unknown.
std::optional<std::string> OwnerOf(const Caller& caller, const http::Peer& peer);

// A request of that owner, as the registry is told of it.
sessions::Origin OriginOf(std::string owner, const http::Request& request);

// The session that a request names, told at once and again when it is done, so that a long request
// is no silence.
class SessionOfRequest {
 public:
  // `sessions` may be null.
  SessionOfRequest(sessions::Registry* sessions, const http::Request& request,
                   const Caller& caller);
  // `used`: of a database the store that it used; else none.
  void NoteDone(const service::Place& used) const;

 private:
  sessions::Registry* sessions_;  // null: it names none
  sessions::Origin origin_;
  std::string id_;
};

// Whether a request to make a database asks for a temporary one; `ephemeral` is of its body.
//   kMalformed  neither true nor false
Result<bool> WantsTemporary(const Call& call, const Field& ephemeral);
// Before it is made.
//   kInvalidArgument  the request names no session
//   others            of Registry::BeginCreation()
Result<sessions::Registry::Creation> BeginTemporary(sessions::Registry* sessions, const Call& call);

}  // namespace pannier::api
