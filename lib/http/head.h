// Reads the head of a request: request line and headers, strictly. What two parsers could read
// differently is refused rather than guessed, so that nothing can be smuggled past a proxy: see
// ParseHead. Threads: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace pannier::http {

inline constexpr size_t kTargetBytesMax = 8 << 10;  // the request target; past it 414
inline constexpr size_t kHeaderCountMax = 128;      // past it 431

// Why a request cannot be served: the status of the answer, after which the connection is closed,
// and a sentence. Status 0: nothing is wrong.
struct Fault {
  int status = 0;
  std::string_view message;
  explicit operator bool() const { return status != 0; }
};

// All views are of the parsed bytes.
struct Head {
  std::string_view method;
  std::string_view path;   // "/a%20b"; "*" of OPTIONS
  std::string_view query;  // behind the first '?', or empty
  std::vector<std::pair<std::string_view, std::string_view>> headers;
  int minor_version = 1;  // HTTP/1.0 or HTTP/1.1
  uint64_t content_length = 0;
  bool chunked = false;
  bool expects_continue = false;
  bool keeps_alive = true;
};

// `text` is everything up to and including the empty line; each line ends in CR LF (FindHeadEnd
// has seen to it). Reuses the memory of `head->headers`.
// Refused: anything but "token SP target SP HTTP/1.x"; blanks around names, folded lines, control
// characters; Content-Length given twice, as a list, not as digits, or with Transfer-Encoding;
// Transfer-Encoding given twice, in HTTP/1.0, or other than "chunked" (501); two Host headers;
// HTTP of another major version (505); an Expect other than "100-continue" (417).
Fault ParseHead(std::string_view text, Head* head);

// Searches for the end of a head in bytes that arrive over time.
struct HeadScan {
  size_t scanned = 0;     // how far earlier calls looked
  size_t line_begin = 0;  // of the line not yet ended
};
enum class ScanResult { kFound, kMore, kBareLineFeed };
// kFound: `scan->scanned` is the size of the head.
ScanResult FindHeadEnd(std::string_view bytes, HeadScan* scan);

}  // namespace pannier::http
