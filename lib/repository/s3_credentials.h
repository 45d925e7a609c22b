// Credentials in files, as secrets are mounted: read again when they change, so that they can be
// rotated under a running daemon. Threads: any. Lifetime: `files` and `clock` outlive it.
#pragma once

#include <cstdint>
#include <string>

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

class CredentialReader {
 public:
  struct Read {
    Credentials credentials;
    uint64_t version = 0;  // another one for others
  };
  CredentialReader(CredentialFiles paths, file::FileSystem& files, const Clock& clock);

  // At most a second old. While files cannot be read, those read before stay.
  //   kPermissionDenied  they cannot be read, and never were
  Result<Read> Current();
  // Reads at once; true when there are others now than those of `refused`.
  bool Changed(uint64_t refused);

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
