// Carries requests to one API server: connections, pace, tokens. Knows HTTP, not Kubernetes.
// Threads: any. Lifetime: clock outlives it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "lib/http/client.h"
#include "operator/kube/access.h"
#include "operator/kube/backoff.h"
#include "operator/kube/metrics.h"
#include "operator/kube/token_bucket.h"

namespace pannier::kube {

class Transport {
 public:
  struct Options {
    std::string user_agent;
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds timeout{30'000};  // of a call, its waits included
    double calls_per_second = 50;               // 0: no limit
    double calls_burst = 100;
    uint64_t answer_bytes_max = 32ull << 20;
  };
  struct Call {
    std::string_view method;
    std::string path;
    std::string body;
    std::string_view content_type;  // of the body
  };

  Transport(Access access, Options options, const Clock& clock, RuntimeMetrics metrics);

  // Whether a connection could be made from what `access` says; nobody is called.
  Status Check() const;
  // The answer, whatever its status but 429, which is waited for and tried again while there is
  // time. Errors as of http::Client, and
  //   kUnavailable  429 until there was no time left
  //   kDeadlineExceeded  our own pace leaves no time for the call
  Result<http::Response> Send(const Call& call);
  // One answer of unbounded length. Ok when `stop` was requested, too. A read that takes longer
  // than `idle_timeout` ends it.
  Status Stream(const std::string& path, std::chrono::milliseconds idle_timeout,
                const http::Client::Receiver& receiver, const std::stop_token& stop);

 private:
  // A connection that waits for its next call.
  struct Idle {
    http::Client client;
    SteadyTime since;
  };
  Result<http::Client> Borrow();
  void GiveBack(http::Client client);
  http::Client::Options ClientOptions() const;
  http::Client::Headers Headers();
  Result<http::Response> SendOnce(const Call& call);
  Status AwaitTurn(SteadyTime deadline);
  // How long the server wants us to wait before the call is repeated; nothing for other answers.
  std::optional<std::chrono::nanoseconds> PauseOf(const http::Response& response);
  std::string Token();
  void ForgetToken();
  void Count(std::string_view method, int status) const;

  const Access access_;
  const Options options_;
  const Clock& clock_;
  const RuntimeMetrics metrics_;
  std::string address_;      // of access_.server
  std::string path_prefix_;  // "/k8s/clusters/c1" of servers behind a gateway
  TokenBucket pace_;
  Mutex mutex_;
  std::vector<Idle> idle_ GUARDED_BY(mutex_);
  Jitter jitter_ GUARDED_BY(mutex_);
  std::string token_ GUARDED_BY(mutex_);
  std::optional<SteadyTime> token_read_at_ GUARDED_BY(mutex_);
};

}  // namespace pannier::kube
