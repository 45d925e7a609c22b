// Objects in a bucket of S3 or of what speaks like it. Requests are signed (SigV4) with the hash of
// their body; objects beyond part_bytes are put in parts. What is asked of a server beyond that: to
// honour `If-None-Match: *`.
// Threads: any, each with a connection of its own while it works; connections are kept.
// Lifetime: `files`, `clock` and `sleeper` outlive it. Errors: as object_store.h says, and
//   kUnavailable       also that there is no such bucket; the hint says so
//   kPermissionDenied  also that the clocks differ too much; the hint says so
//   kUnimplemented     libcurl is not installed, or the server lacks what a request needs
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "lib/file/file_system.h"
#include "lib/repository/object_store.h"
#include "lib/repository/retry.h"
#include "lib/repository/s3_credentials.h"
#include "lib/repository/s3_location.h"

namespace pannier::repository {

struct S3Options {
  enum class Encryption { kNone, kAes256, kKms };

  std::string bucket;
  std::string prefix;    // of all keys; letters, digits, '.', '_', '-', '/'
  std::string endpoint;  // "https://s3.example.com"; empty: AWS's of the region
  std::string region = "us-east-1";
  Addressing addressing = Addressing::kAuto;
  CredentialFiles credentials;  // unless they are given
  std::string ca_file;          // PEM; empty: the system's
  std::string ca_pem;           // in the place of a file
  Encryption encryption = Encryption::kNone;
  std::string kms_key_id;     // of kKms; empty: the account's own
  std::string storage_class;  // of new objects; empty: the bucket's own
  bool etag_is_md5 = true;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds request_timeout{30'000};  // and the time of the bytes at the least rate
  uint64_t bytes_per_second_min = 64 << 10;
  RetryOptions retry;
  uint64_t part_bytes = 64 << 20;  // at least 5 MiB, which is S3's own rule
};

// How a first request went.
struct S3Contact {
  enum class Outcome {
    kReached,  // the bucket answers
    kRefused,  // the credentials, or what they may do
    kNoBucket,
    kUntrusted,    // TLS: the server's certificate
    kUnreachable,  // anything else
  };
  Outcome outcome = Outcome::kReached;
  std::string message;                             // what went wrong, and what to do
  std::optional<std::chrono::seconds> clock_skew;  // the server's clock minus ours, where it tells
};

class S3Store final : public ObjectStore {
 public:
  // Does not talk to the server yet.
  //   kInvalidArgument  an option is wrong
  static Result<std::unique_ptr<S3Store>> Make(S3Options options, file::FileSystem& files,
                                               const Clock& clock,
                                               Sleeper& sleeper = RealSleeper());
  // The same with given credentials, in the place of S3Options::credentials.
  static Result<std::unique_ptr<S3Store>> Make(S3Options options, Credentials credentials,
                                               const Clock& clock,
                                               Sleeper& sleeper = RealSleeper());
  ~S3Store() override;

  // Asks for one key of the bucket, as often as the options allow, and tells what came of it.
  S3Contact Contact(SteadyTime deadline);

  Status Put(const std::string& key, std::string_view bytes, IfPresent present,
             SteadyTime deadline) override;
  Result<std::string> Get(const std::string& key, uint64_t bytes_max, SteadyTime deadline) override;
  Result<ObjectInfo> Stat(const std::string& key, SteadyTime deadline) override;
  Status Delete(const std::string& key, SteadyTime deadline) override;
  Result<ObjectPage> List(const std::string& prefix, const std::string& after,
                          SteadyTime deadline) override;
  // Multipart uploads that were neither completed nor aborted.
  Result<uint64_t> RemoveUnfinished(std::chrono::seconds older_than, SteadyTime deadline) override;
  std::string Describe() const override;

  // A URL by which whoever has it may send one such request for `valid` (at most 7 days), without
  // credentials. `present` kFail: of a PUT that must say `If-None-Match: *`. A PUT must also send
  // PutHeaders().
  //   kInvalidArgument  not a key, or a method other than GET and PUT
  Result<std::string> Presign(const std::string& method, const std::string& key, IfPresent present,
                              std::chrono::seconds valid);
  Pairs PutHeaders() const;

 private:
  class Impl;
  explicit S3Store(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace pannier::repository
