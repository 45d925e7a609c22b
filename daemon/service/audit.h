// Who asked for what only an administrator may do, and who was turned away: one line of the log
// each. Names of paths are told, queries, bodies and tokens never.
// Threads: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "lib/http/message.h"

namespace pannier::service {

struct AuditEntry {
  // "uid=1000 pid=42" of a Unix socket; of TCP the certificate's name, or the address.
  std::string who;
  std::string call;  // "PUT /admin/v1/operations/…", cut to 256 bytes; never the query or the body
  int status = 0;

  bool is_refused() const { return status >= 400; }
};

// Nothing of calls that only look, unless they were turned away (401, 403).
std::optional<AuditEntry> AuditOf(const http::Request& request, const http::Response& response);

// Logs what AuditOf() says of a call of the admin API, refusals as warnings. `user`: whose token it
// was, where that is known.
void AuditAdminCall(const http::Request& request, const http::Response& response,
                    std::string_view user = {});

// Logs that a caller of the data API was turned away: the first of each second, with how many were
// between, since whoever guesses tokens decides how often that is.
void AuditRefusal(const http::Request& request, const http::Response& response,
                  std::string_view user);

}  // namespace pannier::service
