// Requests for objects, sent until they succeed or cannot: what S3Store (which signs them) and
// GrantedStore (which has a URL for each) share. Threads: any. Lifetime: what is handed in outlives
// it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/repository/http_transfer.h"
#include "lib/repository/object_store.h"
#include "lib/repository/retry.h"
#include "lib/repository/s3_error.h"

namespace pannier::repository {

struct ObjectRequest {
  std::string method;
  std::string key;  // "" for the bucket itself
  Pairs query, headers;
  std::string_view body;
  uint64_t answer_bytes_max = 1 << 20;
  bool answer_is_object = false;
};

// Makes a request one that the server will accept.
class Authority {
 public:
  struct Permit {
    std::string url;
    Pairs headers;                                        // besides the request's own
    uint64_t version = 0;                                 // of what permits it
    std::shared_ptr<const std::string> ca_pem = nullptr;  // in the place of the options' file
  };
  virtual ~Authority() = default;
  // May wait until `deadline`.
  virtual Result<Permit> Authorize(const ObjectRequest& request, SteadyTime deadline) = 0;
  // The server refused that permit. True when another one may be had.
  virtual bool Renew(const ObjectRequest& request, uint64_t version) = 0;
};

class S3Requests {
 public:
  struct Options {
    std::string place;  // "s3://bucket/prefix", for messages
    RetryOptions retry;
    TransferOptions transfer;
    // Whether an ETag of 32 hex digits is the MD5 of the object. Where it is not, this is noticed
    // at the first Put.
    bool etag_is_md5 = true;
  };
  S3Requests(Options options, Authority& authority, const Clock& clock, Sleeper& sleeper);

  // Looks at a success; its error is retried like one of the transfer.
  using Check = std::function<Status(const HttpReply&)>;

  // A success, after as many attempts as the options allow.
  //   as object_store.h, and kConflict where a condition does not hold
  Result<HttpReply> Call(const ObjectRequest& request, SteadyTime deadline,
                         const Check& check = nullptr);

  // One attempt, whatever becomes of it: for who wants to know why.
  struct Attempt {
    HttpReply reply;                   // status 0: there was none
    std::optional<S3Failure> failure;  // nothing: a success
    uint64_t permit = 0;               // its version; 0: there was none, and nothing was sent
  };
  Attempt Once(const ObjectRequest& request, SteadyTime deadline, const Check& check = nullptr);

  // One request for the whole object. `headers`: of encryption. A kReplace whose answer is lost is
  // simply repeated, since the same bytes may be put twice, and it must renew the object's age; a
  // kFail whose answer is lost, or which found something there, is settled by reading what is
  // there.
  Status Put(const std::string& key, std::string_view bytes, ObjectStore::IfPresent present,
             const Pairs& headers, SteadyTime deadline);
  Result<std::string> Get(const std::string& key, uint64_t bytes_max, SteadyTime deadline);
  // By reading the first byte, since only an answer with a body says whether key or bucket is
  // missing.
  Result<ObjectInfo> Stat(const std::string& key, SteadyTime deadline);
  // Ok when the object holds exactly these bytes.
  //   kConflict  it holds others
  Status Compare(const std::string& key, std::string_view bytes, SteadyTime deadline);
  // Whether the ETag of `reply` speaks for `bytes` (where it can).
  bool EtagFits(const HttpReply& reply, std::string_view bytes) const;

  const Options& options() const { return options_; }

 private:
  const Options options_;
  Authority& authority_;
  const Clock& clock_;
  Sleeper& sleeper_;
  HttpTransfer transfer_;
  std::atomic<bool> etag_is_md5_;
};

}  // namespace pannier::repository
