#include "lib/repository/s3_credentials.h"

namespace pannier::repository {
namespace {

constexpr uint64_t kFileBytesMax = 64 << 10;
constexpr std::chrono::seconds kLookInterval{1};

// The word in a file, without the newline that editors and `echo` leave.
Result<std::string> ReadWord(file::FileSystem& files, const std::string& path) {
  if (path.empty()) return std::string();
  std::string text = TRY(file::ReadFile(files, path, kFileBytesMax));
  constexpr std::string_view kSpace = " \t\r\n";
  text.erase(text.find_last_not_of(kSpace) + 1);
  text.erase(0, std::min(text.find_first_not_of(kSpace), text.size()));
  if (text.empty()) return NotFound(path + " is empty");
  if (text.find_first_of(kSpace) != std::string_view::npos)
    return InvalidArgument(path + " holds more than one word");
  return text;
}

}  // namespace

CredentialReader::CredentialReader(CredentialFiles paths, file::FileSystem& files,
                                   const Clock& clock)
    : paths_(std::move(paths)), files_(files), clock_(clock) {}

Status CredentialReader::Look() {
  looked_ = clock_.Steady();
  Credentials now;
  now.access_key = TRY(ReadWord(files_, paths_.access_key));
  now.secret_key = TRY(ReadWord(files_, paths_.secret_key));
  now.session_token = TRY(ReadWord(files_, paths_.session_token));
  if (read_.version != 0 && now == read_.credentials) return {};
  read_.credentials = std::move(now);
  ++read_.version;
  return {};
}

Result<CredentialReader::Read> CredentialReader::Current() {
  MutexLock lock(mutex_);
  if (read_.version == 0 || clock_.Steady() - looked_ >= kLookInterval) {
    const Status looked = Look();
    if (!looked.ok() && read_.version == 0) {
      return PermissionDenied("credentials of S3: " + looked.error().what,
                              "check accessKeyFile, secretKeyFile and sessionTokenFile");
    }
  }
  return read_;
}

bool CredentialReader::Changed(uint64_t refused) {
  MutexLock lock(mutex_);
  if (read_.version == refused) (void)Look();  // what cannot be read is no other
  return read_.version != refused;
}

}  // namespace pannier::repository
