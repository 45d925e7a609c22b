#include "daemon/transfer/chroma_client.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "lib/json/cold.h"

namespace pannier::transfer {
namespace {

using nlohmann::json;

constexpr int kAttempts = 4;
constexpr std::chrono::milliseconds kFirstPause{250};

Errc CodeOf(int status) {
  switch (status) {
    case 401:
    case 403:
      return Errc::kPermissionDenied;
    case 404:
      return Errc::kNotFound;
    case 409:
      return Errc::kConflict;
    case 413:
      return Errc::kResourceExhausted;
    default:
      return status >= 500 || status == 429 ? Errc::kUnavailable : Errc::kInvalidArgument;
  }
}

Error Refusal(const http::Response& response) {
  const Result<json> body = pannier::json::ParseCold(response.body);
  std::string what = "the Chroma server answered " + std::to_string(response.status);
  if (body.ok() && body->is_object() && body->contains("message") && (*body)["message"].is_string())
    what += ": " + (*body)["message"].get<std::string>();
  return {CodeOf(response.status), std::move(what), {}};
}

}  // namespace

Result<ChromaClient> ChromaClient::Connect(const std::string& url) {
  const std::string address = url.ends_with('/') ? url.substr(0, url.size() - 1) : url;
  ChromaClient client(TRY(http::Client::Make(address)));
  Result<json> asked = client.Get("/pre-flight-checks");
  if (asked.Is(Errc::kUnavailable) || asked.Is(Errc::kDeadlineExceeded)) {
    return Unavailable(url + ": " + asked.error().what,
                       "is a Chroma server running there? The daemon must reach it");
  }
  const json limits = TRY(std::move(asked).Context(url));
  const auto most = limits.is_object() ? limits.find("max_batch_size") : limits.end();
  if (most == limits.end() || !most->is_number_integer() || most->get<int64_t>() < 1)
    return Unavailable(url + " is not a Chroma server", "give http://HOST:PORT of one");
  client.batch_max_ = most->get<uint64_t>();
  return client;
}

Result<json> ChromaClient::Get(const std::string& path) { return Send("GET", path, {}, kAttempts); }

Result<json> ChromaClient::Post(const std::string& path, std::string_view body, bool repeatable) {
  return Send("POST", path, body, repeatable ? kAttempts : 1);
}

Result<json> ChromaClient::Send(std::string_view method, const std::string& path,
                                std::string_view body, int attempts) {
  for (std::chrono::milliseconds pause = kFirstPause;; pause *= 2) {
    Result<json> answer = SendOnce(method, path, body);
    if (!answer.Is(Errc::kUnavailable) || --attempts <= 0) return answer;
    std::this_thread::sleep_for(pause);
  }
}

Result<json> ChromaClient::SendOnce(std::string_view method, const std::string& path,
                                    std::string_view body) {
  http::Client::Headers headers;
  if (!body.empty()) headers.emplace_back("Content-Type", "application/json");
  const http::Response response = TRY(client_.Send(method, "/api/v2" + path, body, headers));
  if (response.status / 100 != 2) return Refusal(response);
  if (response.body.empty()) return json();
  return pannier::json::ParseCold(response.body).Context("the Chroma server's answer");
}

std::string PathSegment(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded = "/";
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    const auto byte = static_cast<unsigned char>(c);
    encoded += plain ? std::string(1, c) : std::string{'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return encoded;
}

}  // namespace pannier::transfer
