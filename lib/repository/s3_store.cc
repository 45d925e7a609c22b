#include "lib/repository/s3_store.h"

#include <charconv>

#include "lib/core/time_text.h"
#include "lib/crypto/sha256.h"
#include "lib/repository/s3_multipart.h"
#include "lib/repository/s3_requests.h"
#include "lib/repository/xml.h"

namespace pannier::repository {
namespace {

constexpr size_t kPageObjects = 1000;
constexpr uint64_t kListBytesMax = 8 << 20;
constexpr uint64_t kPartBytesMin = 5 << 20;
constexpr std::chrono::hours kPresignMax{7 * 24};

// Signs each request with the present credentials.
class Signer final : public Authority {
 public:
  Signer(S3Location location, std::string region, CredentialFiles paths, file::FileSystem& files,
         const Clock& clock)
      : location_(std::move(location)),
        region_(std::move(region)),
        reader_(std::move(paths), files, clock),
        clock_(clock) {}

  Result<Permit> Authorize(const ObjectRequest& request, SteadyTime) override {
    const CredentialReader::Read by = TRY(reader_.Current());
    const std::string payload = crypto::ToHex(crypto::Sha256(request.body));
    RequestToSign to_sign = Unsigned(request.method, request.key);
    to_sign.query = request.query;
    to_sign.headers.emplace_back("X-Amz-Content-Sha256", payload);
    to_sign.headers.insert(to_sign.headers.end(), request.headers.begin(), request.headers.end());
    Permit permit{location_.UrlOf(request.key, CanonicalQuery(request.query)),
                  SignHeaders(to_sign, payload, by.credentials, Scope()), by.version};
    permit.headers.emplace_back("X-Amz-Content-Sha256", payload);
    return permit;
  }

  bool Renew(const ObjectRequest&, uint64_t version) override { return reader_.Changed(version); }

  Result<std::string> Presign(const std::string& method, const std::string& key,
                              const Pairs& headers, std::chrono::seconds valid) {
    const CredentialReader::Read by = TRY(reader_.Current());
    RequestToSign to_sign = Unsigned(method, key);
    to_sign.headers.insert(to_sign.headers.end(), headers.begin(), headers.end());
    return location_.UrlOf(key, PresignQuery(to_sign, valid, by.credentials, Scope()));
  }

  const S3Location& location() const { return location_; }

 private:
  RequestToSign Unsigned(const std::string& method, const std::string& key) const {
    return {method, location_.PathOf(key), {}, {{"Host", location_.host()}}};
  }
  SigningScope Scope() const { return {region_, "s3", clock_.Now()}; }

  const S3Location location_;
  const std::string region_;
  CredentialReader reader_;
  const Clock& clock_;
};

Pairs EncryptionHeaders(const S3Options& options) {
  constexpr const char* kName = "x-amz-server-side-encryption";
  switch (options.encryption) {
    case S3Options::Encryption::kNone:
      return {};
    case S3Options::Encryption::kAes256:
      return {{kName, "AES256"}};
    case S3Options::Encryption::kKms:
      break;
  }
  Pairs headers = {{kName, "aws:kms"}};
  if (!options.kms_key_id.empty())
    headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", options.kms_key_id);
  return headers;
}

Status CheckOptions(const S3Options& options) {
  if (options.part_bytes < kPartBytesMin)
    return InvalidArgument("parts of S3 uploads have at least 5 MiB");
  if (options.retry.attempts_max == 0 || options.bytes_per_second_min == 0)
    return InvalidArgument("attempts and rates of S3 requests are at least 1");
  if (options.kms_key_id.find_first_of("\r\n") != std::string::npos)
    return InvalidArgument("the id of a KMS key is one line");
  if (!options.kms_key_id.empty() && options.encryption != S3Options::Encryption::kKms)
    return InvalidArgument("a KMS key is named, but the encryption is not aws:kms");
  if (options.credentials.access_key.empty() || options.credentials.secret_key.empty())
    return InvalidArgument("S3 needs an access key and a secret key", "name their files");
  return {};
}

S3Requests::Options RequestOptions(const S3Options& options, const std::string& place) {
  S3Requests::Options made;
  made.place = place;
  made.retry = options.retry;
  made.transfer = {options.ca_file, options.connect_timeout, options.request_timeout,
                   options.bytes_per_second_min};
  made.etag_is_md5 = options.etag_is_md5;
  return made;
}

Error Strange(std::string_view what) {
  return Unavailable("the server's list " + std::string(what),
                     "check that the endpoint speaks S3's ListObjectsV2");
}

// Keys come percent-encoded, since XML cannot hold every character.
Result<std::string> DecodeKey(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    unsigned char byte = 0;
    if (text.front() != '%') {
      out += text.front() == '+' ? ' ' : text.front();
      text.remove_prefix(1);
      continue;
    }
    const auto [end, error] =
        std::from_chars(text.data() + 1, text.data() + std::min<size_t>(3, text.size()), byte, 16);
    if (error != std::errc() || end != text.data() + 3) return Strange("has a broken key");
    out += static_cast<char>(byte);
    text.remove_prefix(3);
  }
  return out;
}

Result<ObjectInfo> ReadEntry(const XmlElement& entry) {
  ObjectInfo info;
  info.key = TRY(DecodeKey(entry.TextOf("Key")));
  const std::string_view size = entry.TextOf("Size");
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), info.bytes);
  const auto modified = ParseTime(entry.TextOf("LastModified"));
  if (error != std::errc() || end != size.data() + size.size() || !modified)
    return Strange("lacks a size or a time");
  info.modified = *modified;
  return info;
}

// The page, with keys below `folder` ("prefix/"), each behind `after`.
Result<ObjectPage> ReadPage(std::string_view text, const std::string& folder,
                            const std::string& prefix, const std::string& after) {
  const Result<XmlElement> root = ParseXml(text);
  if (!root.ok() || root->name != "ListBucketResult") return Strange("is none");
  ObjectPage page;
  std::string last = folder + after;
  for (const XmlElement& entry : root->children) {
    if (entry.name != "Contents") continue;
    ObjectInfo info = TRY(ReadEntry(entry));
    const bool in_order = info.key > last || (after.empty() && page.objects.empty());
    if (!info.key.starts_with(folder + prefix) || !in_order) return Strange("is not in order");
    last = info.key;
    info.key.erase(0, folder.size());
    if (IsKey(info.key)) page.objects.push_back(std::move(info));
  }
  const std::string_view more = root->TextOf("IsTruncated");
  if (more != "true" && more != "false") return Strange("does not say whether it is whole");
  if (more == "false") return page;
  if (last == folder + after) return Strange("goes on with nothing");
  page.next = last.substr(folder.size());
  return page;
}

}  // namespace

class S3Store::Impl {
 public:
  Impl(S3Options options, S3Location location, file::FileSystem& files, const Clock& clock,
       Sleeper& sleeper)
      : options_(std::move(options)),
        clock_(clock),
        signer_(std::move(location), options_.region, options_.credentials, files, clock),
        requests_(RequestOptions(options_, signer_.location().Describe()), signer_, clock,
                  sleeper) {}

  Status Put(const std::string& key, std::string_view bytes, IfPresent present,
             SteadyTime deadline) {
    const Pairs headers = EncryptionHeaders(options_);
    if (bytes.size() <= options_.part_bytes)
      return requests_.Put(key, bytes, present, headers, deadline);
    return PutInParts(requests_, {key, bytes, present, headers, options_.part_bytes}, clock_,
                      deadline);
  }

  Result<ObjectPage> List(const std::string& prefix, const std::string& after,
                          SteadyTime deadline) {
    const std::string& folder = signer_.location().prefix();
    ObjectRequest request{"GET", "", {}, {}, {}, kListBytesMax, false};
    request.query = {{"list-type", "2"},
                     {"encoding-type", "url"},
                     {"max-keys", std::to_string(kPageObjects)},
                     {"prefix", folder + prefix}};
    if (!after.empty()) request.query.emplace_back("start-after", folder + after);
    ObjectPage page;
    TRY(requests_.Call(request, deadline, [&](const HttpReply& reply) -> Status {
      page = TRY(ReadPage(reply.body, folder, prefix, after));
      return {};
    }));
    return page;
  }

  const S3Options options_;
  const Clock& clock_;
  Signer signer_;
  S3Requests requests_;
};

Result<std::unique_ptr<S3Store>> S3Store::Make(S3Options options, file::FileSystem& files,
                                               const Clock& clock, Sleeper& sleeper) {
  TRY(CheckOptions(options));
  S3Location location = TRY(S3Location::Make(options.bucket, options.prefix, options.endpoint,
                                             options.region, options.addressing));
  return std::unique_ptr<S3Store>(new S3Store(
      std::make_unique<Impl>(std::move(options), std::move(location), files, clock, sleeper)));
}

S3Store::S3Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
S3Store::~S3Store() = default;

Status S3Store::Put(const std::string& key, std::string_view bytes, IfPresent present,
                    SteadyTime deadline) {
  TRY(CheckKey(key));
  return impl_->Put(key, bytes, present, deadline);
}

Result<std::string> S3Store::Get(const std::string& key, uint64_t bytes_max, SteadyTime deadline) {
  TRY(CheckKey(key));
  return impl_->requests_.Get(key, bytes_max, deadline);
}

Result<ObjectInfo> S3Store::Stat(const std::string& key, SteadyTime deadline) {
  TRY(CheckKey(key));
  return impl_->requests_.Stat(key, deadline);
}

Status S3Store::Delete(const std::string& key, SteadyTime deadline) {
  TRY(CheckKey(key));
  const Result<HttpReply> reply =
      impl_->requests_.Call({"DELETE", key, {}, {}, {}, 1 << 20, false}, deadline);
  if (reply.ok() || reply.Is(Errc::kNotFound)) return {};
  return reply.error();
}

Result<ObjectPage> S3Store::List(const std::string& prefix, const std::string& after,
                                 SteadyTime deadline) {
  return impl_->List(prefix, after, deadline);
}

Result<uint64_t> S3Store::RemoveUnfinished(std::chrono::seconds older_than, SteadyTime deadline) {
  return AbortUnfinished(impl_->requests_, impl_->signer_.location().prefix(),
                         impl_->clock_.Now() - older_than, deadline);
}

std::string S3Store::Describe() const { return impl_->signer_.location().Describe(); }

Result<std::string> S3Store::Presign(const std::string& method, const std::string& key,
                                     IfPresent present, std::chrono::seconds valid) {
  TRY(CheckKey(key));
  if (method != "GET" && method != "PUT")
    return InvalidArgument("URLs are made for GET and PUT, not for " + method);
  Pairs headers;
  if (method == "PUT") headers = EncryptionHeaders(impl_->options_);
  if (method == "PUT" && present == IfPresent::kFail) headers.emplace_back("If-None-Match", "*");
  const auto bounded =
      std::clamp(valid, std::chrono::seconds(1), std::chrono::seconds(kPresignMax));
  return impl_->signer_.Presign(method, key, headers, bounded);
}

}  // namespace pannier::repository
