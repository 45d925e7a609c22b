#include "operator/kube/transport.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>
#include <utility>

#include "lib/core/log.h"
#include "lib/http/text.h"

namespace pannier::kube {
namespace {

constexpr size_t kIdleMax = 8;
// The API server closes connections that were idle for 90 s; one that it closes while we send would
// leave us in doubt about a write.
constexpr std::chrono::seconds kIdleTime{30};
constexpr std::chrono::seconds kTokenTime{60};
constexpr std::chrono::seconds kRetryAfterMax{60};
constexpr double kNoLimit = 1e9;

// https://host:port and what follows it.
std::pair<std::string, std::string> SplitServer(const std::string& server) {
  const size_t scheme = server.find("://");
  const size_t slash = scheme == std::string::npos ? scheme : server.find('/', scheme + 3);
  if (slash == std::string::npos) return {server, ""};
  std::string prefix = server.substr(slash);
  while (prefix.ends_with('/')) prefix.pop_back();
  return {server.substr(0, slash), prefix};
}

std::string_view HeaderOf(const http::Response& response, std::string_view name) {
  for (const auto& [each, value] : response.headers) {
    if (http::EqualsIgnoringCase(each, name)) return value;
  }
  return "";
}

}  // namespace

Transport::Transport(Access access, Options options, const Clock& clock, RuntimeMetrics metrics)
    : access_(std::move(access)),
      options_(std::move(options)),
      clock_(clock),
      metrics_(std::move(metrics)),
      pace_(options_.calls_per_second > 0 ? options_.calls_per_second : kNoLimit,
            options_.calls_per_second > 0 ? options_.calls_burst : kNoLimit),
      jitter_(std::random_device()()) {
  std::tie(address_, path_prefix_) = SplitServer(access_.server);
}

Status Transport::Check() const {
  const Result<http::Client> client = http::Client::Make(address_, ClientOptions());
  if (!client.ok()) return client.error();
  return {};
}

http::Client::Options Transport::ClientOptions() const {
  http::Client::Options options;
  options.connect_timeout = options_.connect_timeout;
  options.timeout = options_.timeout;
  options.whole_timeout = options_.timeout;
  options.response_bytes_max = options_.answer_bytes_max;
  options.tls = {access_.ca, access_.certificate, access_.key, access_.server_name};
  return options;
}

Result<http::Client> Transport::Borrow() {
  const SteadyTime now = clock_.Steady();
  std::vector<Idle> stale;  // closed outside of the lock
  MutexLock lock(mutex_);
  while (!idle_.empty()) {
    Idle last = std::move(idle_.back());
    idle_.pop_back();
    if (now - last.since < kIdleTime) return std::move(last.client);
    stale.push_back(std::move(last));
  }
  lock.Unlock();
  return http::Client::Make(address_, ClientOptions());
}

void Transport::GiveBack(http::Client client) {
  MutexLock lock(mutex_);
  if (idle_.size() < kIdleMax) idle_.push_back(Idle{std::move(client), clock_.Steady()});
}

std::string Transport::Token() {
  if (access_.token_file.empty()) return access_.token;
  MutexLock lock(mutex_);
  const SteadyTime now = clock_.Steady();
  if (token_read_at_ && now - *token_read_at_ < kTokenTime) return token_;
  std::ifstream in(access_.token_file, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  if (!text.empty()) {
    token_ = std::move(text);
    token_read_at_ = now;
  } else {
    // The one before may hold for a while.
    static LogLimiter limiter(std::chrono::seconds(60));
    int64_t held_back = 0;
    if (limiter.Allow(&held_back)) {
      LogWarn("the service account's token cannot be read")
          .Add("file", access_.token_file.string())
          .Add("held_back", held_back);
    }
  }
  return token_;
}

void Transport::ForgetToken() {
  MutexLock lock(mutex_);
  token_read_at_.reset();
}

http::Client::Headers Transport::Headers() {
  http::Client::Headers headers = {{"Accept", "application/json"},
                                   {"Accept-Encoding", "identity"},
                                   {"User-Agent", options_.user_agent}};
  if (std::string token = Token(); !token.empty()) {
    headers.emplace_back("Authorization", "Bearer " + token);
  }
  return headers;
}

void Transport::Count(std::string_view method, int status) const {
  metrics_.requests.With({std::to_string(status), std::string(method)}).Add();
}

Result<http::Response> Transport::SendOnce(const Call& call) {
  http::Client client = TRY(Borrow());
  http::Client::Headers headers = Headers();
  if (!call.body.empty()) headers.emplace_back("Content-Type", std::string(call.content_type));
  Result<http::Response> response =
      client.Send(call.method, path_prefix_ + call.path, call.body, headers);
  Count(call.method, response.ok() ? response->status : 0);
  if (response.ok()) GiveBack(std::move(client));
  return response;
}

Status Transport::AwaitTurn(SteadyTime deadline) {
  const SteadyTime now = clock_.Steady();
  const std::chrono::nanoseconds wait = pace_.Take(now, deadline - now);
  if (wait.count() < 0) {
    return DeadlineExceeded("too many calls of ours wait for the API server",
                            "fewer objects at once, or a larger rate limit");
  }
  if (wait.count() > 0) std::this_thread::sleep_for(wait);
  return {};
}

std::optional<std::chrono::nanoseconds> Transport::PauseOf(const http::Response& response) {
  if (response.status != 429) return std::nullopt;
  int seconds = 1;
  const std::string_view asked = HeaderOf(response, "retry-after");
  std::from_chars(asked.data(), asked.data() + asked.size(), seconds);
  const std::chrono::nanoseconds pause = std::clamp<std::chrono::nanoseconds>(
      std::chrono::seconds(seconds), std::chrono::milliseconds(100), kRetryAfterMax);
  MutexLock lock(mutex_);
  return pause + jitter_.UpTo(pause / 4);  // not all of us at once
}

Result<http::Response> Transport::Send(const Call& call) {
  const SteadyTime deadline = clock_.Steady() + options_.timeout;
  bool has_new_token = false;
  while (true) {
    TRY(AwaitTurn(deadline));
    http::Response response = TRY(SendOnce(call));
    if (response.status == 401 && !access_.token_file.empty() && !has_new_token) {
      ForgetToken();  // kubelet may have renewed it since we read it
      has_new_token = true;
      continue;
    }
    const auto pause = PauseOf(response);
    if (!pause) return response;
    const SteadyTime again_at = clock_.Steady() + *pause;
    pace_.HoldUntil(again_at);
    if (again_at >= deadline) {
      return Unavailable("the API server is overloaded (429), and no time is left to try again");
    }
  }
}

Status Transport::Stream(const std::string& path, std::chrono::milliseconds idle_timeout,
                         const http::Client::Receiver& receiver, const std::stop_token& stop) {
  TRY(AwaitTurn(clock_.Steady() + options_.timeout));
  http::Client::Options options = ClientOptions();
  options.timeout = idle_timeout;
  options.whole_timeout = std::chrono::milliseconds(0);
  http::Client client = TRY(http::Client::Make(address_, options));
  // A call that is only about to connect would miss a single Stop(), so whoever requests the stop
  // repeats it until the call has ended; connecting has a limit of its own.
  std::atomic<bool> has_ended{false};
  const std::thread::id self = std::this_thread::get_id();
  const std::stop_callback on_stop(stop, [&] {
    while (!has_ended && std::this_thread::get_id() != self) {
      client.Stop();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  if (stop.stop_requested()) {
    has_ended = true;
    return {};
  }
  http::Client::Receiver counting = receiver;
  bool has_head = false;
  counting.on_head = [&](const http::Response& head) {
    has_head = true;
    Count("GET", head.status);
    if (head.status == 401) ForgetToken();
    return receiver.on_head(head);
  };
  const Result<http::Response> ended =
      client.Stream("GET", path_prefix_ + path, Headers(), counting);
  has_ended = true;
  if (!has_head) Count("GET", 0);
  if (ended.ok() || stop.stop_requested()) return {};
  return ended.error();
}

}  // namespace pannier::kube
