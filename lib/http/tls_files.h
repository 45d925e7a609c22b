// A TlsServer whose certificate, key and authority lie in files that others replace: a mounted
// Secret, certbot's folder. They are looked at again at most once a second, when a connection
// comes. While the new ones are unreadable or do not fit together (half replaced), the old ones
// stay and a warning says so, once.
#pragma once

#include <filesystem>
#include <memory>

#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"
#include "lib/http/tls.h"

namespace pannier::http {

struct TlsFiles {
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::filesystem::path client_ca;  // empty: none
};

// What the files hold.
//   kNotFound, kPermissionDenied, kUnavailable, kResourceExhausted  one of them cannot be read
Result<TlsMaterial> ReadTlsFiles(const TlsFiles& paths, file::FileSystem& files);

// A server with what the files hold now. Lifetime: `files` and `clock` outlive it.
//   as ReadTlsFiles() and TlsServer::Use() fail
Result<std::shared_ptr<TlsServer>> TlsServerOfFiles(const TlsFiles& paths,
                                                    TlsServer::Options options,
                                                    file::FileSystem& files, const Clock& clock);

}  // namespace pannier::http
