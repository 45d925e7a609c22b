// By whose credentials requests are signed: those in files, as secrets are mounted, which are read
// again when they change, so that they can be rotated under a running daemon; or given ones, for
// who reads Secrets by itself. Threads: any. Lifetime: `files` and `clock` outlive a reader.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"
#include "lib/repository/sigv4.h"

namespace pannier::repository {

struct CredentialFiles {
  std::string access_key, secret_key;
  std::string session_token;  // empty: none
};

class CredentialSource {
 public:
  struct Read {
    Credentials credentials;
    uint64_t version = 0;  // another one for others; never 0
  };
  virtual ~CredentialSource() = default;
  //   kPermissionDenied  there are none
  virtual Result<Read> Current() = 0;
  // The server refused those of that version: true when there are others now.
  virtual bool Changed(uint64_t refused) = 0;
};

class GivenCredentials final : public CredentialSource {
 public:
  explicit GivenCredentials(Credentials credentials) : read_{std::move(credentials), 1} {}
  Result<Read> Current() override { return read_; }
  bool Changed(uint64_t) override { return false; }

 private:
  const Read read_;
};

class CredentialReader final : public CredentialSource {
 public:
  CredentialReader(CredentialFiles paths, file::FileSystem& files, const Clock& clock);

  // At most a second old. While files cannot be read, those read before stay.
  //   kPermissionDenied  they cannot be read, and never were
  Result<Read> Current() override;
  // Reads at once.
  bool Changed(uint64_t refused) override;

 private:
  Status Look() REQUIRES(mutex_);

  const CredentialFiles paths_;
  file::FileSystem& files_;
  const Clock& clock_;
  Mutex mutex_;                   // held while files are read: others would only read them too
  Read read_ GUARDED_BY(mutex_);  // version 0: never yet
  SteadyTime looked_ GUARDED_BY(mutex_);
};

}  // namespace pannier::repository
