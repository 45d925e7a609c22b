#include "daemon/api/session_of_request.h"

#include "lib/crypto/sha256.h"
#include "lib/http/text.h"

namespace pannier::api {
namespace {

// Enough to tell tokens apart, too little to find one.
constexpr size_t kDigestDigits = 16;

}  // namespace

sessions::Origin OriginOf(std::string owner, const http::Request& request) {
  return {std::move(owner), request.peer, request.connection};
}

std::optional<std::string> OwnerOf(const Caller& caller, const http::Peer& peer) {
  if (caller.authorizer != nullptr) {
    const auto identity = caller.token ? caller.authorizer->Identify(*caller.token) : std::nullopt;
    if (!identity) return std::nullopt;
    if (!identity->user.empty()) return "user:" + identity->user;
    return "token:" + crypto::ToHex(crypto::Sha256(*caller.token)).substr(0, kDigestDigits);
  }
  if (peer.is_unix) return "uid:" + std::to_string(peer.uid);
  return peer.certificate_name.empty() ? "tcp" : "certificate:" + peer.certificate_name;
}

SessionOfRequest::SessionOfRequest(sessions::Registry* sessions, const http::Request& request,
                                   const Caller& caller)
    : sessions_(sessions) {
  if (sessions_ == nullptr) return;
  const auto header = request.Header(kSessionHeader);
  const auto owner = header ? OwnerOf(caller, request.peer) : std::nullopt;
  if (!owner) {
    sessions_ = nullptr;
    return;
  }
  origin_ = OriginOf(*owner, request);
  id_ = http::Trim(*header);
  sessions_->Touch(origin_, id_);
}

void SessionOfRequest::NoteDone(const service::Place& used) const {
  if (sessions_ == nullptr) return;
  if (used.database.value_or("").empty()) return sessions_->NoteDone(origin_, id_, nullptr);
  const store::StoreName store{std::string(used.tenant.value_or("")), std::string(*used.database)};
  sessions_->NoteDone(origin_, id_, &store);
}

Result<bool> WantsTemporary(const Call& call, const Field& ephemeral) {
  if (const Field given = Given(ephemeral)) {
    if (given->kind() == json::Kind::kBool) return given->AsBool();
    return WrongType("ephemeral", "a boolean");
  }
  const auto header = call.request.Header(kEphemeralHeader);
  return header && http::EqualsIgnoringCase(http::Trim(*header), "true");
}

Result<sessions::Registry::Creation> BeginTemporary(sessions::Registry* sessions,
                                                    const Call& call) {
  if (sessions == nullptr) return Unimplemented("this server has no sessions");
  const auto header = call.request.Header(kSessionHeader);
  if (!header) {
    return InvalidArgument("A temporary database belongs to a session: name one in the header " +
                           std::string(kSessionHeader));
  }
  const auto owner = OwnerOf(call.caller, call.request.peer);
  if (!owner) return PermissionDenied("Unknown token");
  return sessions->BeginCreation(OriginOf(*owner, call.request), std::string(http::Trim(*header)));
}

}  // namespace pannier::api
