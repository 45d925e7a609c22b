#include "lib/http/tls_files.h"

#include "lib/core/log.h"

namespace pannier::http {

namespace {

constexpr uint64_t kFileBytesMax = 1 << 20;
constexpr std::chrono::seconds kLookInterval{1};

// Finds out whether the files have changed.
class Watcher {
 public:
  Watcher(TlsFiles paths, TlsMaterial material, file::FileSystem& files, const Clock& clock)
      : paths_(std::move(paths)),
        files_(files),
        clock_(clock),
        looked_(clock.Steady()),
        seen_(std::move(material)) {}

  std::optional<TlsMaterial> Look() {
    MutexLock lock(mutex_);
    if (clock_.Steady() - looked_ < kLookInterval) return std::nullopt;
    looked_ = clock_.Steady();
    Result<TlsMaterial> found = ReadTlsFiles(paths_, files_);
    if (!found.ok()) {
      if (!warned_) {
        LogWarn("a certificate cannot be read again; the one before stays")
            .Add("error", found.error().what);
      }
      warned_ = true;
      return std::nullopt;
    }
    warned_ = false;
    if (*found == seen_) return std::nullopt;
    // A pair that does not fit is told of once: it is tried again when it has changed.
    seen_ = *found;
    LogInfo("certificate files changed").Add("certificate", paths_.certificate.string());
    return std::move(found).value();
  }

 private:
  const TlsFiles paths_;
  file::FileSystem& files_;
  const Clock& clock_;
  Mutex mutex_;  // held while the files are read: others would only read them too
  SteadyTime looked_ GUARDED_BY(mutex_);
  TlsMaterial seen_ GUARDED_BY(mutex_);
  bool warned_ GUARDED_BY(mutex_) = false;
};

}  // namespace

Result<TlsMaterial> ReadTlsFiles(const TlsFiles& paths, file::FileSystem& files) {
  TlsMaterial material;
  material.certificate_pem =
      TRY(file::ReadFile(files, paths.certificate, kFileBytesMax).Context("read the certificate"));
  material.key_pem = TRY(file::ReadFile(files, paths.key, kFileBytesMax).Context("read the key"));
  if (!paths.client_ca.empty()) {
    material.client_ca_pem =
        TRY(file::ReadFile(files, paths.client_ca, kFileBytesMax).Context("read the client CA"));
  }
  return material;
}

Result<std::shared_ptr<TlsServer>> TlsServerOfFiles(const TlsFiles& paths,
                                                    TlsServer::Options options,
                                                    file::FileSystem& files, const Clock& clock) {
  TlsMaterial material = TRY(ReadTlsFiles(paths, files));
  const auto watcher = std::make_shared<Watcher>(paths, material, files, clock);
  options.refresh = [watcher] { return watcher->Look(); };
  const auto server = std::make_shared<TlsServer>(std::move(options));
  TRY(server->Use(material).Context(paths.certificate.string()));
  return server;
}

}  // namespace pannier::http
