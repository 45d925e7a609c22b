#include "lib/repository/s3_requests.h"

#include <charconv>

#include "lib/crypto/md5.h"

namespace pannier::repository {
namespace {

using IfPresent = ObjectStore::IfPresent;
using Next = S3Failure::Next;

constexpr int kRounds = 3;  // of a Put whose bytes arrive damaged

// The digest in an ETag, where it is the MD5 of the bytes: not of what was put in parts ("…-3"),
// nor of what KMS encrypts.
std::optional<crypto::Md5Digest> DigestIn(const HttpReply& reply) {
  if (reply.Header("x-amz-server-side-encryption").starts_with("aws:kms")) return std::nullopt;
  std::string_view tag = reply.Header("etag");
  if (tag.starts_with("\"") && tag.ends_with("\"") && tag.size() >= 2)
    tag = tag.substr(1, tag.size() - 2);
  crypto::Md5Digest digest;
  if (tag.size() != 2 * digest.size()) return std::nullopt;
  for (size_t i = 0; i < digest.size(); ++i) {
    const char* const pair = tag.data() + 2 * i;
    const auto [end, error] = std::from_chars(pair, pair + 2, digest[i], 16);
    if (error != std::errc() || end != pair + 2) return std::nullopt;
  }
  return digest;
}

std::optional<uint64_t> NumberIn(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "bytes 0-0/317" → 317; without a range (the server ignored ours) the length of all.
std::optional<uint64_t> WholeLength(const HttpReply& reply) {
  const std::string_view range = reply.Header("content-range");
  const size_t slash = range.rfind('/');
  if (slash != std::string_view::npos) return NumberIn(range.substr(slash + 1));
  return NumberIn(reply.Header("content-length"));
}

// A head that was cut short looks like that of an answer which ends with its connection.
Status CheckWhole(const HttpReply& reply) {
  const bool has_body = reply.status == 200 || reply.status == 206;
  const bool has_length =
      !reply.Header("content-length").empty() || !reply.Header("transfer-encoding").empty();
  if (!has_body || has_length) return {};
  return Corruption("the head of the answer was cut short");
}

}  // namespace

S3Requests::S3Requests(Options options, Authority& authority, const Clock& clock, Sleeper& sleeper)
    : options_(std::move(options)),
      authority_(authority),
      clock_(clock),
      sleeper_(sleeper),
      transfer_(options_.transfer),
      etag_is_md5_(options_.etag_is_md5) {}

S3Requests::Attempt S3Requests::Once(const ObjectRequest& request, SteadyTime deadline,
                                     const Check& check) {
  Attempt attempt;
  Result<Authority::Permit> permit = authority_.Authorize(request, deadline);
  if (!permit.ok()) {
    attempt.failure = S3Failure{std::move(permit).error(), Next::kGiveUp, std::nullopt, ""};
    return attempt;
  }
  attempt.permit = permit->version;
  HttpRequest http{request.method, std::move(permit->url), std::move(permit->headers), request.body,
                   request.answer_bytes_max};
  if (permit->ca_pem) http.ca_pem = *permit->ca_pem;
  http.headers.insert(http.headers.end(), request.headers.begin(), request.headers.end());
  Result<HttpReply> reply = transfer_.Send(http, deadline - clock_.Steady());
  if (!reply.ok()) {
    attempt.failure = FailureOf(std::move(reply).error());
    return attempt;
  }
  attempt.reply = std::move(reply).value();
  attempt.failure = FailureOf(attempt.reply, request.answer_is_object, clock_.Now());
  if (attempt.failure) return attempt;
  if (attempt.reply.body.size() > request.answer_bytes_max) {
    attempt.failure = S3Failure{ResourceExhausted("the answer is longer than expected"),
                                Next::kGiveUp, std::nullopt, ""};
    return attempt;
  }
  Status checked = CheckWhole(attempt.reply);
  if (checked.ok() && check) checked = check(attempt.reply);
  if (!checked.ok())
    attempt.failure = S3Failure{std::move(checked).error(), Next::kRetry, std::nullopt, ""};
  return attempt;
}

Result<HttpReply> S3Requests::Call(const ObjectRequest& request, SteadyTime deadline,
                                   const Check& check) {
  const std::string what = request.method + " " + options_.place + "/" + request.key;
  Backoff backoff(options_.retry, clock_, sleeper_, deadline);
  bool renewed = false;
  while (true) {
    if (clock_.Steady() >= deadline)
      return DeadlineExceeded(what + ": the time given for it has passed");
    Attempt attempt = Once(request, deadline, check);
    if (!attempt.failure) return std::move(attempt.reply);
    S3Failure& failure = *attempt.failure;
    failure.error = std::move(failure.error).Context(what);
    if (failure.next == Next::kGiveUp) return std::move(failure.error);
    if (failure.next == Next::kReplace) {
      if (renewed || !authority_.Renew(request, attempt.permit)) return std::move(failure.error);
      renewed = true;
      continue;
    }
    TRY(backoff.Again(failure.error, failure.retry_after));
  }
}

bool S3Requests::EtagFits(const HttpReply& reply, std::string_view bytes) const {
  if (!etag_is_md5_) return true;
  const auto said = DigestIn(reply);
  const auto is = said ? crypto::Md5(bytes) : std::nullopt;
  return !is || *said == *is;
}

Status S3Requests::Put(const std::string& key, std::string_view bytes, IfPresent present,
                       const Pairs& headers, SteadyTime deadline) {
  ObjectRequest request{"PUT", key, {}, headers, bytes, 1 << 20, false};
  if (present == IfPresent::kFail) request.headers.emplace_back("If-None-Match", "*");
  for (int round = 1;; ++round) {
    const Result<HttpReply> reply = Call(request, deadline);
    // Somebody's object is there: another's, or ours, whose answer was lost.
    if (reply.Is(Errc::kConflict)) return Compare(key, bytes, deadline);
    if (!TRY(reply).Header("etag").empty() && EtagFits(*reply, bytes)) return {};
    // Either the bytes were damaged on their way, or this server's ETags are something else.
    Status compared = Compare(key, bytes, deadline);
    if (compared.ok()) {
      etag_is_md5_ = false;
      return {};
    }
    const bool damaged = compared.Is(Errc::kConflict) && present == IfPresent::kReplace;
    if (!damaged) return compared;
    if (round == kRounds) return Unavailable("PUT " + key + ": the server keeps other bytes");
  }
}

Result<std::string> S3Requests::Get(const std::string& key, uint64_t bytes_max,
                                    SteadyTime deadline) {
  const ObjectRequest request{"GET", key, {}, {}, {}, bytes_max, true};
  HttpReply reply = TRY(Call(request, deadline, [this](const HttpReply& got) -> Status {
    if (EtagFits(got, got.body)) return {};
    return Corruption("the bytes are not what their ETag says",
                      "where the server's ETags are no MD5 sums, set etagIsMd5 to false");
  }));
  return std::move(reply.body);
}

Result<ObjectInfo> S3Requests::Stat(const std::string& key, SteadyTime deadline) {
  ObjectRequest request{"GET", key, {}, {{"Range", "bytes=0-0"}}, {}, 1 << 20, true};
  ObjectInfo info;
  info.key = key;
  const Check read = [&info](const HttpReply& reply) -> Status {
    const auto bytes = WholeLength(reply);
    const auto modified = ParseHttpDate(reply.Header("last-modified"));
    if (!bytes || !modified) return Corruption("the answer lacks Content-Range or Last-Modified");
    info.bytes = *bytes;
    info.modified = *modified;
    return {};
  };
  Result<HttpReply> reply = Call(request, deadline, read);
  if (reply.Is(Errc::kInvalidArgument)) {  // an empty object has no first byte
    request.headers.clear();
    reply = Call(request, deadline, read);
  }
  TRY(reply);
  return info;
}

Status S3Requests::Compare(const std::string& key, std::string_view bytes, SteadyTime deadline) {
  const ObjectRequest request{"GET", key, {}, {}, {}, bytes.size(), true};
  const Result<HttpReply> there = Call(request, deadline);
  const bool other = there.Is(Errc::kResourceExhausted) || (there.ok() && there->body != bytes);
  if (other) return Conflict(options_.place + "/" + key + " is there already, with other content");
  TRY(there);
  return {};
}

}  // namespace pannier::repository
