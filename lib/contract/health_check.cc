#include "lib/contract/health_check.h"

#include "lib/http/client.h"

namespace pannier::contract {

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

}  // namespace pannier::contract
