#include "daemon/service/audit.h"

#include <algorithm>

#include "lib/core/log.h"

namespace pannier::service {
namespace {

constexpr size_t kCallMax = 256;

std::string NameOf(const http::Peer& peer) {
  if (peer.is_unix) return "uid=" + std::to_string(peer.uid) + " pid=" + std::to_string(peer.pid);
  return peer.certificate_name.empty() ? peer.address : peer.certificate_name;
}

AuditEntry EntryOf(const http::Request& request, const http::Response& response) {
  std::string call = std::string(request.method) + " " + std::string(request.path);
  call.resize(std::min(call.size(), kCallMax));
  return AuditEntry{NameOf(request.peer), std::move(call), response.status};
}

void Write(const AuditEntry& entry, const char* message, std::string_view user, int64_t held_back) {
  Log line(entry.is_refused() ? LogLevel::kWarn : LogLevel::kInfo, message);
  line.Add("who", entry.who);
  if (!user.empty()) line.Add("user", user);
  line.Add("call", entry.call).Add("status", entry.status);
  if (held_back > 0) line.Add("held_back", held_back);
}

}  // namespace

std::optional<AuditEntry> AuditOf(const http::Request& request, const http::Response& response) {
  const bool looks = request.method == "GET" || request.method == "OPTIONS";
  const bool turned_away = response.status == 401 || response.status == 403;
  if (looks && !turned_away) return std::nullopt;
  return EntryOf(request, response);
}

void AuditAdminCall(const http::Request& request, const http::Response& response,
                    std::string_view user) {
  const std::optional<AuditEntry> entry = AuditOf(request, response);
  if (!entry) return;
  Write(*entry, entry->is_refused() ? "admin call refused" : "admin call", user, 0);
}

void AuditRefusal(const http::Request& request, const http::Response& response,
                  std::string_view user) {
  static LogLimiter limiter(std::chrono::seconds(1));
  int64_t held_back = 0;
  if (!limiter.Allow(&held_back)) return;
  Write(EntryOf(request, response), "request refused", user, held_back);
}

}  // namespace pannier::service
