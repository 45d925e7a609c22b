// Tokens from a file of digests (docs/formats/tokens.md): the daemon never holds what a client
// sends. The file is looked at again at most once a second, so that a token can be taken away
// without a restart; while a new content is wrong, the old one stays and a warning says so.
// Threads: any. Lifetime: `files` and `clock` outlive it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/service/authorizer.h"
#include "lib/core/clock.h"
#include "lib/core/mutex.h"
#include "lib/core/result.h"
#include "lib/crypto/sha256.h"
#include "lib/file/file_system.h"

namespace pannier::service {

// One line of the file: who, what, where.
struct Grant {
  crypto::Digest digest{};
  Scope scope = Scope::kRead;  // this one and those before it
  std::string tenant;          // patterns; '*' stands for any characters
  std::string database;
  std::string user;  // may be empty
};

// The grants of a whole file.
//   kInvalidArgument  "line 3: …"
Result<std::vector<Grant>> ParseTokens(std::string_view text);

// Whether `text` is what `pattern` says; '*' stands for any characters, also none.
bool MatchesPattern(std::string_view pattern, std::string_view text);

class TokenFile final : public Authorizer {
 public:
  //   kInvalidArgument  the file cannot be understood
  //   kNotFound, kPermissionDenied, kUnavailable  it cannot be read
  static Result<std::unique_ptr<TokenFile>> Open(const std::filesystem::path& path,
                                                 file::FileSystem& files, const Clock& clock);

  Verdict Check(std::string_view token, Scope scope, const Place& place) const override;
  std::optional<Identity> Identify(std::string_view token) const override;

 private:
  using Grants = std::vector<Grant>;

  TokenFile(std::filesystem::path path, file::FileSystem& files, const Clock& clock,
            std::string content, Grants grants);
  std::shared_ptr<const Grants> Current() const;
  void LookAgain() const REQUIRES(mutex_);

  const std::filesystem::path path_;
  file::FileSystem& files_;
  const Clock& clock_;
  mutable Mutex mutex_;  // held while the file is read: others would only read it too
  mutable std::shared_ptr<const Grants> grants_ GUARDED_BY(mutex_);
  mutable std::string content_ GUARDED_BY(mutex_);  // of which grants_ were read
  mutable SteadyTime looked_ GUARDED_BY(mutex_);
  mutable bool warned_ GUARDED_BY(mutex_) = false;  // of the present trouble
};

}  // namespace pannier::service
