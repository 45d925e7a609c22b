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
  Signer(S3Location location, const S3Options& options, std::unique_ptr<CredentialSource> source,
         const Clock& clock)
      : location_(std::move(location)),
        region_(options.region),
        ca_pem_(options.ca_pem.empty() ? nullptr : std::make_shared<std::string>(options.ca_pem)),
        source_(std::move(source)),
        clock_(clock) {}

  Result<Permit> Authorize(const ObjectRequest& request, SteadyTime) override {
    const CredentialSource::Read by = TRY(source_->Current());
    const std::string payload = crypto::ToHex(crypto::Sha256(request.body));
    RequestToSign to_sign = Unsigned(request.method, request.key);
    to_sign.query = request.query;
    to_sign.headers.emplace_back("X-Amz-Content-Sha256", payload);
    to_sign.headers.insert(to_sign.headers.end(), request.headers.begin(), request.headers.end());
    Permit permit{location_.UrlOf(request.key, CanonicalQuery(request.query)),
                  SignHeaders(to_sign, payload, by.credentials, Scope()), by.version, ca_pem_};
    permit.headers.emplace_back("X-Amz-Content-Sha256", payload);
    return permit;
  }

  bool Renew(const ObjectRequest&, uint64_t version) override { return source_->Changed(version); }

  Result<std::string> Presign(const std::string& method, const std::string& key,
                              const Pairs& headers, std::chrono::seconds valid) {
    const CredentialSource::Read by = TRY(source_->Current());
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
  const std::shared_ptr<const std::string> ca_pem_;
  const std::unique_ptr<CredentialSource> source_;
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

// With which every object is made.
Pairs HeadersOfPut(const S3Options& options) {
  Pairs headers = EncryptionHeaders(options);
  if (!options.storage_class.empty()) {
    headers.emplace_back("x-amz-storage-class", options.storage_class);
  }
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
  return {};
}

Error NoKeys(const char* hint) {
  return InvalidArgument("S3 needs an access key and a secret key", hint);
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
  static Result<std::unique_ptr<Impl>> Make(S3Options options,
                                            std::unique_ptr<CredentialSource> source,
                                            const Clock& clock, Sleeper& sleeper) {
    TRY(CheckOptions(options));
    S3Location location = TRY(S3Location::Make(options.bucket, options.prefix, options.endpoint,
                                               options.region, options.addressing));
    return std::make_unique<Impl>(std::move(options), std::move(location), std::move(source), clock,
                                  sleeper);
  }
  Impl(S3Options options, S3Location location, std::unique_ptr<CredentialSource> source,
       const Clock& clock, Sleeper& sleeper)
      : options_(std::move(options)),
        clock_(clock),
        sleeper_(sleeper),
        signer_(std::move(location), options_, std::move(source), clock),
        requests_(RequestOptions(options_, signer_.location().Describe()), signer_, clock,
                  sleeper) {}

  Status Put(const std::string& key, std::string_view bytes, IfPresent present,
             SteadyTime deadline) {
    const Pairs headers = HeadersOfPut(options_);
    if (bytes.size() <= options_.part_bytes)
      return requests_.Put(key, bytes, present, headers, deadline);
    return PutInParts(requests_, {key, bytes, present, headers, options_.part_bytes}, clock_,
                      deadline);
  }

  ObjectRequest ListRequest(const std::string& prefix, size_t most) const {
    ObjectRequest request{"GET", "", {}, {}, {}, kListBytesMax, false};
    request.query = {{"list-type", "2"},
                     {"encoding-type", "url"},
                     {"max-keys", std::to_string(most)},
                     {"prefix", signer_.location().prefix() + prefix}};
    return request;
  }

  Result<ObjectPage> List(const std::string& prefix, const std::string& after,
                          SteadyTime deadline) {
    const std::string& folder = signer_.location().prefix();
    ObjectRequest request = ListRequest(prefix, kPageObjects);
    if (!after.empty()) request.query.emplace_back("start-after", folder + after);
    ObjectPage page;
    TRY(requests_.Call(request, deadline, [&](const HttpReply& reply) -> Status {
      page = TRY(ReadPage(reply.body, folder, prefix, after));
      return {};
    }));
    return page;
  }

  S3Contact Contact(SteadyTime deadline);

  const S3Options options_;
  const Clock& clock_;
  Sleeper& sleeper_;
  Signer signer_;
  S3Requests requests_;
};

namespace {

S3Contact::Outcome OutcomeOf(const S3Requests::Attempt& attempt) {
  using Outcome = S3Contact::Outcome;
  if (!attempt.failure) return Outcome::kReached;
  const bool is_refusal = attempt.failure->error.code == Errc::kPermissionDenied;
  const bool is_of_tls = attempt.permit != 0 && attempt.reply.status == 0;
  if (is_refusal) return is_of_tls ? Outcome::kUntrusted : Outcome::kRefused;
  return attempt.failure->code == "NoSuchBucket" ? Outcome::kNoBucket : Outcome::kUnreachable;
}

}  // namespace

S3Contact S3Store::Impl::Contact(SteadyTime deadline) {
  const std::string& folder = signer_.location().prefix();
  const S3Requests::Check is_list = [&](const HttpReply& reply) -> Status {
    TRY(ReadPage(reply.body, folder, "", ""));
    return {};
  };
  Backoff backoff(options_.retry, clock_, sleeper_, deadline);
  while (true) {
    S3Requests::Attempt attempt = requests_.Once(ListRequest("", 1), deadline, is_list);
    S3Contact contact;
    contact.outcome = OutcomeOf(attempt);
    if (const auto theirs = ParseHttpDate(attempt.reply.Header("date"))) {
      contact.clock_skew = std::chrono::round<std::chrono::seconds>(*theirs - clock_.Now());
    }
    if (!attempt.failure) return contact;
    const Error& error = attempt.failure->error;
    contact.message = error.what + (error.hint.empty() ? "" : "; " + error.hint);
    const bool may_pass = attempt.failure->next == S3Failure::Next::kRetry;
    if (!may_pass || !backoff.Again(error, attempt.failure->retry_after).ok()) return contact;
  }
}

Result<std::unique_ptr<S3Store>> S3Store::Make(S3Options options, file::FileSystem& files,
                                               const Clock& clock, Sleeper& sleeper) {
  if (options.credentials.access_key.empty() || options.credentials.secret_key.empty())
    return NoKeys("name their files");
  auto source = std::make_unique<CredentialReader>(options.credentials, files, clock);
  auto impl = TRY(Impl::Make(std::move(options), std::move(source), clock, sleeper));
  return std::unique_ptr<S3Store>(new S3Store(std::move(impl)));
}

Result<std::unique_ptr<S3Store>> S3Store::Make(S3Options options, Credentials credentials,
                                               const Clock& clock, Sleeper& sleeper) {
  if (credentials.access_key.empty() || credentials.secret_key.empty()) return NoKeys("");
  auto source = std::make_unique<GivenCredentials>(std::move(credentials));
  auto impl = TRY(Impl::Make(std::move(options), std::move(source), clock, sleeper));
  return std::unique_ptr<S3Store>(new S3Store(std::move(impl)));
}

S3Contact S3Store::Contact(SteadyTime deadline) { return impl_->Contact(deadline); }

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

Pairs S3Store::PutHeaders() const { return HeadersOfPut(impl_->options_); }

std::string S3Store::Describe() const { return impl_->signer_.location().Describe(); }

Result<std::string> S3Store::Presign(const std::string& method, const std::string& key,
                                     IfPresent present, std::chrono::seconds valid) {
  TRY(CheckKey(key));
  if (method != "GET" && method != "PUT")
    return InvalidArgument("URLs are made for GET and PUT, not for " + method);
  Pairs headers;
  if (method == "PUT") headers = HeadersOfPut(impl_->options_);
  if (method == "PUT" && present == IfPresent::kFail) headers.emplace_back("If-None-Match", "*");
  const auto bounded =
      std::clamp(valid, std::chrono::seconds(1), std::chrono::seconds(kPresignMax));
  return impl_->signer_.Presign(method, key, headers, bounded);
}

}  // namespace pannier::repository
