#include "lib/contract/health_check.h"

#include <thread>

#include "lib/http/client.h"

namespace pannier::contract {
namespace {

constexpr std::chrono::milliseconds kAskAgain{50};

}  // namespace

Result<std::string> CheckHealth(const std::string& socket, std::chrono::milliseconds timeout) {
  http::Client::Options options;
  options.connect_timeout = options.timeout = timeout;
  http::Client client = TRY(http::Client::Make("unix:" + socket, options));
  Result<http::Response> sent = client.Send("GET", "/health/chromadb");
  if (!sent.ok()) {
    Error error = std::move(sent).error();
    if (error.hint.empty()) error.hint = "is the daemon running, and is --socket its socket?";
    return error;
  }
  if (sent->status != 200) {
    return Unavailable("the daemon on " + socket + " answered " + std::to_string(sent->status) +
                       ": " + sent->body);
  }
  return std::move(sent->body);
}

Result<std::string> AwaitHealth(const std::string& socket, std::chrono::milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  for (auto left = timeout;;) {
    Result<std::string> health = CheckHealth(socket, left);
    left = std::chrono::duration_cast<std::chrono::milliseconds>(end -
                                                                 std::chrono::steady_clock::now());
    if (health.ok() || left <= kAskAgain) return health;
    std::this_thread::sleep_for(kAskAgain);
    left -= kAskAgain;
  }
}

}  // namespace pannier::contract
