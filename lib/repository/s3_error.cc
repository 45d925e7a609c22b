#include "lib/repository/s3_error.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "lib/repository/xml.h"

namespace pannier::repository {
namespace {

using Next = S3Failure::Next;

constexpr std::chrono::minutes kSkewMax{5};
constexpr size_t kMessageBytesMax = 300;

// Codes that say more than their status.
struct Known {
  std::string_view code;
  Errc errc;
  Next next;
  std::string_view hint;
};
constexpr Known kKnown[] = {
    {"NoSuchBucket", Errc::kUnavailable, Next::kGiveUp,
     "there is no such bucket: check its name, the endpoint and the region"},
    {"NoSuchKey", Errc::kNotFound, Next::kGiveUp, ""},
    {"NoSuchUpload", Errc::kNotFound, Next::kGiveUp, ""},
    {"PreconditionFailed", Errc::kConflict, Next::kGiveUp, ""},
    {"ConditionalRequestConflict", Errc::kUnavailable, Next::kRetry, ""},
    {"OperationAborted", Errc::kUnavailable, Next::kRetry, ""},
    {"RequestTimeTooSkewed", Errc::kPermissionDenied, Next::kGiveUp,
     "set this machine's clock: it differs from the server's"},
    {"InvalidAccessKeyId", Errc::kPermissionDenied, Next::kReplace, "check the access key"},
    {"XAdminUserNotFound", Errc::kPermissionDenied, Next::kReplace, "check the access key"},
    {"SignatureDoesNotMatch", Errc::kPermissionDenied, Next::kReplace, "check the secret key"},
    {"InvalidToken", Errc::kPermissionDenied, Next::kReplace, "check the session token"},
    {"ExpiredToken", Errc::kPermissionDenied, Next::kReplace, "the session token has expired"},
    {"TokenRefreshRequired", Errc::kPermissionDenied, Next::kReplace,
     "the session token has expired"},
    {"AccessDenied", Errc::kPermissionDenied, Next::kReplace,
     "check the policies of the credentials and of the bucket"},
    {"AuthorizationHeaderMalformed", Errc::kPermissionDenied, Next::kGiveUp, "check the region"},
    {"PermanentRedirect", Errc::kUnavailable, Next::kGiveUp, "check the region and the endpoint"},
    {"TemporaryRedirect", Errc::kUnavailable, Next::kGiveUp, "check the region and the endpoint"},
    {"RequestTimeout", Errc::kUnavailable, Next::kRetry, ""},
    {"BadDigest", Errc::kCorruption, Next::kRetry, ""},
    {"XAmzContentSHA256Mismatch", Errc::kCorruption, Next::kRetry, ""},
    {"XAmzContentChecksumMismatch", Errc::kCorruption, Next::kRetry, ""},
    {"IncompleteBody", Errc::kUnavailable, Next::kRetry, ""},
    {"InternalError", Errc::kUnavailable, Next::kRetry, ""},
    {"SlowDown", Errc::kUnavailable, Next::kRetry, ""},
    {"ServiceUnavailable", Errc::kUnavailable, Next::kRetry, ""},
    {"QuotaExceeded", Errc::kStorageFull, Next::kGiveUp, "the bucket's quota is used up"},
    {"XMinioStorageFull", Errc::kStorageFull, Next::kGiveUp, "the server's disks are full"},
    {"XMinioAdminBucketQuotaExceeded", Errc::kStorageFull, Next::kGiveUp,
     "the bucket's quota is used up"},
    {"InvalidRange", Errc::kInvalidArgument, Next::kGiveUp, ""},
    {"NotImplemented", Errc::kUnimplemented, Next::kGiveUp,
     "this server lacks what a repository needs"},
};

Known ByStatus(int status) {
  switch (status) {
    case 401:
    case 403:
      return {"", Errc::kPermissionDenied, Next::kReplace, "check the credentials and policies"};
    case 404:
      // "Absent" is only what says so in S3's words: a gateway's 404 must not look like an empty
      // repository, or a lost chunk.
      return {"", Errc::kUnavailable, Next::kGiveUp, "check that the endpoint is an S3 server"};
    case 412:
      return {"", Errc::kConflict, Next::kGiveUp, ""};
    case 416:
      return {"", Errc::kInvalidArgument, Next::kGiveUp, ""};
    case 501:
      return {"", Errc::kUnimplemented, Next::kGiveUp, ""};
    case 507:
      return {"", Errc::kStorageFull, Next::kGiveUp, "make room on the server"};
    case 408:
    case 409:
    case 425:
    case 429:
      return {"", Errc::kUnavailable, Next::kRetry, ""};
    default:
      break;
  }
  if (status >= 300 && status < 400)
    return {"", Errc::kUnavailable, Next::kGiveUp, "check the region and the endpoint"};
  return {"", Errc::kUnavailable, status >= 500 ? Next::kRetry : Next::kGiveUp, ""};
}

// The error in a body, whichever status came with it.
std::optional<XmlElement> ErrorIn(const HttpReply& reply, bool body_is_object) {
  const std::string_view type = reply.Header("content-type");
  const bool says_xml = type.starts_with("application/xml") || type.starts_with("text/xml");
  const bool is_object = body_is_object && reply.status < 300 && !says_xml;
  if (!reply.body.starts_with("<") || is_object) return std::nullopt;
  Result<XmlElement> root = ParseXml(reply.body);
  if (!root.ok() || root->name != "Error") return std::nullopt;
  return std::move(root).value();
}

std::optional<std::chrono::milliseconds> RetryAfter(const HttpReply& reply, WallTime now) {
  const std::string_view text = reply.Header("retry-after");
  uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size())
    return std::chrono::milliseconds(std::chrono::seconds(seconds));
  const auto date = ParseHttpDate(text);
  if (!date || *date <= now) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::milliseconds>(*date - now);
}

bool ClockIsWrong(const HttpReply& reply, WallTime now) {
  const auto server = ParseHttpDate(reply.Header("date"));
  return server && std::chrono::abs(*server - now) > kSkewMax;
}

}  // namespace

std::optional<S3Failure> FailureOf(const HttpReply& reply, bool body_is_object, WallTime now) {
  const std::optional<XmlElement> body = ErrorIn(reply, body_is_object);
  if (!body && reply.status >= 200 && reply.status < 300) return std::nullopt;
  const std::string_view code = body ? body->TextOf("Code") : std::string_view();
  const auto* const found = std::find_if(std::begin(kKnown), std::end(kKnown),
                                         [&](const Known& each) { return each.code == code; });
  Known known = found != std::end(kKnown) ? *found : ByStatus(reply.status);
  // An error under a 200 that is none of ours to know came from a server that gave up half-way.
  if (found == std::end(kKnown) && reply.status < 300) known.next = Next::kRetry;
  if (known.errc == Errc::kPermissionDenied && ClockIsWrong(reply, now)) {
    known.next = Next::kGiveUp;
    known.hint = "set this machine's clock: it differs from the server's by more than 5 minutes";
  }
  std::string what = "the server says " + std::to_string(reply.status);
  if (!code.empty()) what.append(" ").append(code.substr(0, kMessageBytesMax));
  if (body) what.append(": ").append(body->TextOf("Message").substr(0, kMessageBytesMax));
  std::string hint(known.hint);
  if (const std::string_view region = reply.Header("x-amz-bucket-region");
      !region.empty() && (reply.status / 100 == 3 || reply.status == 400))
    hint.append(hint.empty() ? "" : "; ").append("the bucket's region is ").append(region);
  return S3Failure{{known.errc, std::move(what), std::move(hint)},
                   known.next,
                   RetryAfter(reply, now),
                   std::string(code.substr(0, kMessageBytesMax))};
}

S3Failure FailureOf(Error transfer) {
  const bool may_pass = transfer.code == Errc::kUnavailable || transfer.code == Errc::kCorruption ||
                        transfer.code == Errc::kDeadlineExceeded;
  // One try that took too long is not yet the caller's deadline.
  if (transfer.code == Errc::kDeadlineExceeded) transfer.code = Errc::kUnavailable;
  return {std::move(transfer), may_pass ? Next::kRetry : Next::kGiveUp, std::nullopt, ""};
}

}  // namespace pannier::repository
