#include "daemon/api/errors.h"

#include <algorithm>

#include "lib/json/writer.h"

namespace pannier::api {
namespace {

// A worker cannot mend it, and passes this on to who can.
constexpr std::string_view kDamageHint =
    " (`pannierctl store verify` names what is damaged, `store salvage` mends it)";

struct Meaning {
  int status;
  std::string_view name;
};

Meaning MeaningOf(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
      return {400, "InvalidArgumentError"};
    case Errc::kMalformed:
      return {422, "ChromaError"};
    case Errc::kNotFound:
      return {404, "NotFoundError"};
    case Errc::kConflict:
      return {409, "ChromaError"};
    case Errc::kPermissionDenied:
      return {403, "ChromaError"};
    case Errc::kResourceExhausted:
      return {429, "Backoff"};
    case Errc::kStorageFull:
      return {507, "ChromaError"};
    case Errc::kUnavailable:
      return {503, "ChromaError"};
    case Errc::kDeadlineExceeded:
      return {504, "ChromaError"};
    case Errc::kUnimplemented:
      return {501, "ChromaError"};
    case Errc::kCorruption:
    case Errc::kInternal:
      return {500, "InternalError"};
  }
  return {500, "InternalError"};
}

// Errors of the machine. Others only repeat what the client said.
bool NamesPaths(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
    case Errc::kMalformed:
    case Errc::kNotFound:
    case Errc::kConflict:
    case Errc::kUnimplemented:
      return false;
    default:
      return true;
  }
}

// Where the server keeps its files is not for clients: of an absolute path the last part stays.
std::string WithoutFolders(std::string_view text) {
  constexpr std::string_view kEnds = " \t\n\"'`(),;:=";
  std::string out;
  while (!text.empty()) {
    const size_t end = std::min(text.find_first_of(kEnds), text.size());
    const std::string_view word = text.substr(0, end);
    out += word.starts_with('/') ? word.substr(word.find_last_of('/') + 1) : word;
    if (end < text.size()) out += text[end];
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace

http::Response ErrorAnswer(int status, std::string_view name, std::string_view message) {
  http::Response response;
  response.status = status;
  response.body = "{\"error\":";
  json::AppendString(name, &response.body);
  response.body += ",\"message\":";
  // Parts of a message may come from disk or from another program.
  json::AppendString(json::IsUtf8(message) ? message : "not printable", &response.body);
  response.body += '}';
  return response;
}

http::Response ErrorAnswer(const Error& error) {
  const auto [status, name] = MeaningOf(error.code);
  std::string message = NamesPaths(error.code) ? WithoutFolders(error.what) : error.what;
  if (error.code == Errc::kMalformed) {
    message.insert(0, "Failed to deserialize the JSON body into the target type: ");
  }
  if (status >= 429 && !error.hint.empty())
    message += " (" + (NamesPaths(error.code) ? WithoutFolders(error.hint) : error.hint) + ")";
  if (error.code == Errc::kCorruption && error.hint.empty()) message += kDamageHint;
  http::Response response = ErrorAnswer(status, name, message);
  if (status == 429 || status == 503) response.headers.emplace_back("retry-after", "1");
  return response;
}

http::Response EmptyAnswer(int status) {
  http::Response response;
  response.status = status;
  response.content_type.clear();
  return response;
}

http::Response JsonAnswer(std::string body, int status) {
  http::Response response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

}  // namespace pannier::api
