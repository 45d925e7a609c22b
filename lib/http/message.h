// What a handler sees of a request and what it answers. Plain values; no library type of HTTP
// leaves lib/http.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lib/core/clock.h"

namespace pannier::http {

// Who is at the other end. Of a Unix socket the kernel says so (SO_PEERCRED, at connect time).
struct Peer {
  bool is_unix = false;
  pid_t pid = 0;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string address;  // "127.0.0.1:4711" of TCP, else empty
  bool is_encrypted = false;
  std::string certificate_name;  // whom its certificate, checked, says it is; else empty
};

// Bytes that may be read (not used) behind Request::body, so that a vectorised parser needs no copy
// of it.
inline constexpr size_t kBodyPadding = 64;

// One whole request. All views live as long as the handler runs.
struct Request {
  std::string_view method;  // "GET", … (HEAD arrives as "GET": Server leaves the body out)
  std::string_view path;    // as sent, still percent-encoded, without the query
  std::string_view query;   // behind the '?', still encoded; empty without
  std::string_view body;    // whole, de-chunked; kBodyPadding readable bytes follow it
  std::vector<std::pair<std::string_view, std::string_view>> headers;  // as sent, in order
  Peer peer;
  uint64_t connection = 0;  // its number among all of this process, ever; 0 in requests of tests
  SteadyTime deadline;      // the answer is of no use after this
  // Once true, neither is it: the server's grace is over. Null only in requests of tests.
  const std::atomic<bool>* stop = nullptr;

  // The first header of that name (compared without case), or nothing.
  std::optional<std::string_view> Header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";  // empty: no content-type header
  std::string body;
  // Besides content-type, content-length, connection, date. A value with a line end is left out.
  std::vector<std::pair<std::string, std::string>> headers;
};

// Percent-decodes one path segment or query component ('+' is a plus sign in a path, a space in a
// query). Nothing when an escape is broken.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space);

}  // namespace pannier::http
