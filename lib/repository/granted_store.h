// Objects by URLs that somebody with credentials signed, one for each method and key: what a daemon
// without credentials works with. A request for which there is no URL yet, or whose URL has
// expired, says what it wants and waits for the grant. A URL is used until the server refuses it or
// its time is over.
//
// Put, Get and Stat (which wants a GET) work; a Put with kFail wants a GET too when something is
// there already. List tells what the options say; Delete and RemoveUnfinished are kUnimplemented.
// Threads: any; Grant() from another than those that wait. Lifetime: `clock` and `sleeper` outlive
// it. Errors: as object_store.h says, and
//   kDeadlineExceeded  also when nobody grants within grant_timeout
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/repository/object_store.h"
#include "lib/repository/retry.h"
#include "lib/repository/sigv4.h"

namespace pannier::repository {

// One request that needs a URL.
struct Want {
  std::string method, key;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 errs on a defaulted comparison
  auto operator<=>(const Want&) const = default;
};

// What a request by a granted URL needs besides it.
struct GrantTerms {
  Pairs headers = {};                                   // that were signed, as of encryption
  std::shared_ptr<const std::string> ca_pem = nullptr;  // who may sign the server's certificate
};

class GrantedStore final : public ObjectStore {
 public:
  struct Options {
    std::string place = "granted URLs";  // for messages
    // What List() tells, by whom else it was listed; nothing: kUnimplemented. Sizes and times are
    // not known.
    std::optional<std::vector<std::string>> listing = {};
    std::string ca_file;  // PEM; empty: the system's
    bool etag_is_md5 = true;
    std::chrono::milliseconds connect_timeout{5'000};
    std::chrono::milliseconds request_timeout{30'000};
    uint64_t bytes_per_second_min = 64 << 10;
    std::chrono::milliseconds grant_timeout{120'000};  // for each want
    RetryOptions retry;
  };
  // Called, without locks, whenever what is wanted changes, with all of it, sorted. May be called
  // from several threads; a call may carry what was true just before another's.
  using OnWants = std::function<void(const std::vector<Want>&)>;

  GrantedStore(Options options, OnWants on_wants, const Clock& clock,
               Sleeper& sleeper = RealSleeper());
  ~GrantedStore() override;

  // Wants all of these now, so that one answer can grant many; does not wait.
  void Expect(const std::vector<Want>& wants);
  // Hands in a URL. One that was not wanted is kept for later.
  //   kInvalidArgument  not a key, not GET or PUT, not a URL of http or https, or not headers
  Status Grant(const std::string& method, const std::string& key, const std::string& url,
               WallTime expires, GrantTerms terms = {});
  std::vector<Want> wants() const;
  // Requests that wait, and all later ones, end with kUnavailable: the operation was cancelled.
  void Cancel();

  Status Put(const std::string& key, std::string_view bytes, IfPresent present,
             SteadyTime deadline) override;
  Result<std::string> Get(const std::string& key, uint64_t bytes_max, SteadyTime deadline) override;
  Result<ObjectInfo> Stat(const std::string& key, SteadyTime deadline) override;
  Status Delete(const std::string& key, SteadyTime deadline) override;
  Result<ObjectPage> List(const std::string& prefix, const std::string& after,
                          SteadyTime deadline) override;
  Result<uint64_t> RemoveUnfinished(std::chrono::seconds older_than, SteadyTime deadline) override;
  void ExpectGets(const std::vector<std::string>& keys) override;
  std::string Describe() const override;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace pannier::repository
