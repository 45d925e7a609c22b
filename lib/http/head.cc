#include "lib/http/head.h"

#include <cstring>
#include <optional>

#include "lib/http/text.h"

namespace pannier::http {

namespace {

constexpr std::string_view kLineEnd = "\r\n";

// Cuts the next line off `text`, without its end.
std::string_view TakeLine(std::string_view* text) {
  const size_t end = text->find(kLineEnd);
  const std::string_view line = text->substr(0, end);
  text->remove_prefix(end == std::string_view::npos ? text->size() : end + kLineEnd.size());
  return line;
}

bool IsTargetChar(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte != 0x7f && c != '#';
}

bool IsValueChar(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || c == '\t';
}

template <typename Predicate>
bool All(std::string_view text, Predicate predicate) {
  for (const char c : text) {
    if (!predicate(c)) return false;
  }
  return true;
}

Fault ParseVersion(std::string_view version, Head* head) {
  if (version == "HTTP/1.1" || version == "HTTP/1.0") {
    head->minor_version = version.back() - '0';
    return {};
  }
  const bool is_http = version.size() == 8 && version.starts_with("HTTP/") && IsDigit(version[5]) &&
                       version[6] == '.' && IsDigit(version[7]);
  if (is_http) return {505, "Only HTTP/1.0 and HTTP/1.1 are spoken here"};
  return {400, "Malformed request line"};
}

// A proxy may send "http://host/path"; the host says nothing to us.
std::string_view WithoutOrigin(std::string_view target) {
  const size_t scheme = target.find("://");
  if (target.starts_with('/') || scheme == std::string_view::npos) return target;
  const size_t slash = target.find_first_of("/?", scheme + 3);
  return slash == std::string_view::npos ? "/" : target.substr(slash);
}

Fault ParseTarget(std::string_view target, Head* head) {
  if (target.size() > kTargetBytesMax) return {414, "The request target is too long"};
  if (!All(target, IsTargetChar)) return {400, "Malformed request target"};
  target = WithoutOrigin(target);
  const size_t mark = target.find('?');
  head->path = target.substr(0, mark);
  head->query = mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  const bool is_path = head->path.starts_with('/') || (head->path == "*" && head->query.empty());
  return is_path ? Fault() : Fault{400, "Malformed request target"};
}

Fault ParseRequestLine(std::string_view line, Head* head) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return {400, "Malformed request line"};
  head->method = line.substr(0, first);
  if (!IsToken(head->method)) return {400, "Malformed request line"};
  if (const Fault fault = ParseVersion(line.substr(last + 1), head)) return fault;
  return ParseTarget(line.substr(first + 1, last - first - 1), head);
}

Fault ParseHeaderLine(std::string_view line, Head* head) {
  if (line.front() == ' ' || line.front() == '\t') return {400, "Folded header lines are refused"};
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) {
    return {400, "Malformed header line"};
  }
  const std::string_view value = Trim(line.substr(colon + 1));
  if (!All(value, IsValueChar)) return {400, "Control character in a header"};
  if (head->headers.size() == kHeaderCountMax) return {431, "Too many headers"};
  head->headers.emplace_back(line.substr(0, colon), value);
  return {};
}

// Digits only; nothing when there are none, others, or more than 64 bits of them.
std::optional<uint64_t> ParseLength(std::string_view text) {
  if (text.empty() || text.size() > 19 || !All(text, IsDigit)) return std::nullopt;
  uint64_t length = 0;
  for (const char c : text) length = length * 10 + static_cast<uint64_t>(c - '0');
  return length;
}

// How often each header that decides on framing came, and what it said.
struct Decisive {
  int lengths = 0, encodings = 0, hosts = 0;
  std::string_view length, encoding;
  bool close = false, keep_alive = false;
};

Fault Take(std::string_view name, std::string_view value, Head* head, Decisive* seen) {
  // Few names are decisive: a look at the length spares most the comparisons.
  switch (name.size()) {
    case 4:
      if (EqualsIgnoringCase(name, "host")) ++seen->hosts;
      break;
    case 6:
      if (EqualsIgnoringCase(name, "expect")) {
        if (!EqualsIgnoringCase(value, "100-continue")) return {417, "Unknown expectation"};
        head->expects_continue = true;
      }
      break;
    case 10:
      if (EqualsIgnoringCase(name, "connection")) {
        seen->close = seen->close || ListNames(value, "close");
        seen->keep_alive = seen->keep_alive || ListNames(value, "keep-alive");
      }
      break;
    case 14:
      if (EqualsIgnoringCase(name, "content-length")) {
        ++seen->lengths;
        seen->length = value;
      }
      break;
    case 17:
      if (EqualsIgnoringCase(name, "transfer-encoding")) {
        ++seen->encodings;
        seen->encoding = value;
      }
      break;
    default:
      break;
  }
  return {};
}

Fault Decide(const Decisive& seen, Head* head) {
  if (seen.hosts > 1) return {400, "More than one Host header"};
  if (seen.lengths > 1) return {400, "More than one Content-Length"};
  if (seen.lengths > 0 && seen.encodings > 0) {
    return {400, "Both Content-Length and Transfer-Encoding"};
  }
  if (seen.lengths > 0) {
    const std::optional<uint64_t> length = ParseLength(seen.length);
    if (!length) return {400, "Malformed Content-Length"};
    head->content_length = *length;
  }
  if (seen.encodings > 0) {
    if (seen.encodings > 1 || head->minor_version == 0) {
      return {400, "Malformed Transfer-Encoding"};
    }
    if (!EqualsIgnoringCase(seen.encoding, "chunked")) return {501, "Unknown Transfer-Encoding"};
    head->chunked = true;
  }
  head->keeps_alive = !seen.close && (head->minor_version == 1 || seen.keep_alive);
  // A client of HTTP/1.0 could not understand an interim answer.
  if (head->minor_version == 0) head->expects_continue = false;
  return {};
}

}  // namespace

Fault ParseHead(std::string_view text, Head* head) {
  auto headers = std::move(head->headers);
  headers.clear();
  *head = Head{};
  head->headers = std::move(headers);

  if (const Fault fault = ParseRequestLine(TakeLine(&text), head)) return fault;
  Decisive seen;
  for (std::string_view line = TakeLine(&text); !line.empty(); line = TakeLine(&text)) {
    if (const Fault fault = ParseHeaderLine(line, head)) return fault;
    const auto& [name, value] = head->headers.back();
    if (const Fault fault = Take(name, value, head, &seen)) return fault;
  }
  return Decide(seen, head);
}

ScanResult FindHeadEnd(std::string_view bytes, HeadScan* scan) {
  while (scan->scanned < bytes.size()) {
    const char* const from = bytes.data() + scan->scanned;
    const void* const found = std::memchr(from, '\n', bytes.size() - scan->scanned);
    if (found == nullptr) {
      scan->scanned = bytes.size();
      return ScanResult::kMore;
    }
    const size_t feed = static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
    if (feed == scan->line_begin || bytes[feed - 1] != '\r') return ScanResult::kBareLineFeed;
    const bool is_empty_line = feed == scan->line_begin + 1;
    scan->scanned = scan->line_begin = feed + 1;
    if (is_empty_line) return ScanResult::kFound;
  }
  return ScanResult::kMore;
}

}  // namespace pannier::http
