#include "cli/daemon_client.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "lib/file/file_system.h"
#include "lib/json/cold.h"

namespace pannier::cli {
namespace {

using nlohmann::json;

constexpr uint64_t kPemBytesMax = 1 << 20;

constexpr std::array kCodes = {
    Errc::kInvalidArgument,  Errc::kMalformed,   Errc::kNotFound,    Errc::kConflict,
    Errc::kPermissionDenied, Errc::kStorageFull, Errc::kUnavailable, Errc::kResourceExhausted,
    Errc::kDeadlineExceeded, Errc::kCorruption,  Errc::kInternal,    Errc::kUnimplemented};

Errc CodeOf(int status) {
  switch (status) {
    case 403:
      return Errc::kPermissionDenied;
    case 404:
      return Errc::kNotFound;
    case 409:
      return Errc::kConflict;
    case 429:
    case 507:
      return Errc::kResourceExhausted;
    case 501:
      return Errc::kUnimplemented;
    default:
      return status >= 500 ? Errc::kUnavailable : Errc::kInvalidArgument;
  }
}

std::string TextOf(const json& object, const char* member) {
  const auto found = object.is_object() ? object.find(member) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<std::string> Pem(const std::string& file, const char* flag) {
  if (file.empty()) return std::string();
  return file::ReadFile(file::RealFileSystem(), file, kPemBytesMax).Context(flag);
}

Result<Endpoint> TlsEndpoint(const Arguments& arguments) {
  Endpoint endpoint{"https://" + arguments.admin_address, "--admin-address", arguments.timeout};
  endpoint.tls.ca_pem = TRY(Pem(arguments.ca_file, "--ca"));
  endpoint.tls.certificate_pem = TRY(Pem(arguments.cert_file, "--cert"));
  endpoint.tls.key_pem = TRY(Pem(arguments.key_file, "--key"));
  endpoint.tls.server_name = arguments.server_name;
  return endpoint;
}

// The command that lists what `path` named and nobody knows.
std::string_view ListFor(const std::string& path, std::string_view method) {
  if (path.starts_with("/admin/v1/quarantine/")) return "store quarantine list";
  if (path.starts_with("/admin/v1/repositories/")) return "snapshot list --repository NAME";
  // A new operation names a store.
  if (path.starts_with("/admin/v1/operations/") && method != "PUT") return "operations list";
  return "stores list";
}

Error Refusal(const http::Response& response, std::string_view method, const std::string& path) {
  const Result<json> body = pannier::json::ParseCold(response.body);
  Error error = ErrorFrom(body.ok() ? *body : json(), response.status);
  if (error.hint.empty() && response.status == 404)
    error.hint = "`pannierctl " + std::string(ListFor(path, method)) + "` shows what there is";
  return error;
}

}  // namespace

Result<Endpoint> AdminEndpoint(const Arguments& arguments) {
  if (!arguments.admin_address.empty()) return TlsEndpoint(arguments);
  return Endpoint{"unix:" + arguments.admin_socket, "--admin-socket", arguments.timeout};
}

Result<Endpoint> DataEndpoint(const Arguments& arguments) {
  if (!arguments.admin_address.empty()) return TlsEndpoint(arguments);
  return Endpoint{"unix:" + arguments.socket, "--socket", arguments.timeout};
}

Error ErrorFrom(const json& body, int status) {
  Error error{CodeOf(status), TextOf(body, "message"), TextOf(body, "hint")};
  const std::string kind = TextOf(body, "error");
  for (const Errc code : kCodes) {
    if (ToString(code) == kind) error.code = code;
  }
  if (error.what.empty()) error.what = "the daemon answered " + std::to_string(status);
  if (!error.hint.empty()) return error;
  if (status == 429 || status == 503) error.hint = "try again in a moment";
  return error;
}

Result<json> Ask(const Endpoint& endpoint, std::string_view method, const std::string& path,
                 std::string_view body) {
  http::Client::Options options;
  options.timeout = endpoint.timeout;
  options.tls = endpoint.tls;
  options.connect_timeout = std::min(endpoint.timeout, options.connect_timeout);
  http::Client client = TRY(http::Client::Make(endpoint.address, options));
  http::Client::Headers headers;
  if (!body.empty()) headers.emplace_back("Content-Type", "application/json");
  Result<http::Response> response = client.Send(method, path, body, headers);
  if (!response.ok()) {
    Error error = std::move(response).error();
    // Of TLS the client knows better what to try.
    if (error.code != Errc::kPermissionDenied) {
      error.hint = "is the daemon running, and does " + std::string(endpoint.flag) + " name it?";
    }
    return error;
  }
  if (response->status / 100 != 2) return Refusal(*response, method, path);
  if (response->body.empty()) return json::object();
  return pannier::json::ParseCold(response->body).Context("the daemon's answer");
}

std::string PercentEncode(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    const auto byte = static_cast<unsigned char>(c);
    if (plain) {
      encoded += c;
    } else {
      encoded += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return encoded;
}

}  // namespace pannier::cli
