// Goal: each answer of an S3 server means one thing, whatever its form.
#include "lib/repository/s3_error.h"

#include <catch2/catch.hpp>

#include "lib/core/time_text.h"

using namespace pannier;
using namespace pannier::repository;
using namespace std::chrono_literals;
using Next = S3Failure::Next;

namespace {

const WallTime kNow = *ParseTime("2025-01-31T12:00:00Z");

std::optional<S3Failure> Of(int status, const std::string& code = "", Pairs headers = {},
                            bool body_is_object = false) {
  std::string body;
  if (!code.empty()) {
    body = "<?xml version=\"1.0\"?><Error><Code>" + code + "</Code><Message>m</Message></Error>";
    headers.emplace_back("content-type", "application/xml; charset=utf-8");
  }
  return FailureOf({status, std::move(headers), body}, body_is_object, kNow);
}

}  // namespace

TEST_CASE("s3 error: a success is one, unless its body is an error", "[repository]") {
  REQUIRE_FALSE(Of(200));
  REQUIRE_FALSE(Of(204));
  REQUIRE_FALSE(Of(206));
  const auto late = Of(200, "InternalError");
  REQUIRE(late->error.code == Errc::kUnavailable);
  REQUIRE(late->next == Next::kRetry);
  REQUIRE(Of(200, "SomethingNew")->next == Next::kRetry);
  // An object may be XML of any kind; what the server says of its type decides.
  const HttpReply object{
      200, {{"content-type", "binary/octet-stream"}}, "<Error><Code>InternalError</Code></Error>"};
  REQUIRE_FALSE(FailureOf(object, /*body_is_object=*/true, kNow));
  REQUIRE(FailureOf(object, /*body_is_object=*/false, kNow));
  REQUIRE(Of(200, "InternalError", {}, /*body_is_object=*/true));
}

TEST_CASE("s3 error: codes and statuses say what to do", "[repository]") {
  const struct {
    int status;
    const char* code;
    Errc errc;
    Next next;
  } kCases[] = {
      {404, "NoSuchKey", Errc::kNotFound, Next::kGiveUp},
      {404, "NoSuchUpload", Errc::kNotFound, Next::kGiveUp},
      {404, "NoSuchBucket", Errc::kUnavailable, Next::kGiveUp},
      {404, "", Errc::kUnavailable, Next::kGiveUp},
      {404, "SomethingNew", Errc::kUnavailable, Next::kGiveUp},
      {412, "", Errc::kConflict, Next::kGiveUp},
      {412, "PreconditionFailed", Errc::kConflict, Next::kGiveUp},
      {409, "ConditionalRequestConflict", Errc::kUnavailable, Next::kRetry},
      {403, "", Errc::kPermissionDenied, Next::kReplace},
      {403, "SignatureDoesNotMatch", Errc::kPermissionDenied, Next::kReplace},
      {400, "ExpiredToken", Errc::kPermissionDenied, Next::kReplace},
      {403, "RequestTimeTooSkewed", Errc::kPermissionDenied, Next::kGiveUp},
      {400, "", Errc::kUnavailable, Next::kGiveUp},
      {400, "RequestTimeout", Errc::kUnavailable, Next::kRetry},
      {400, "BadDigest", Errc::kCorruption, Next::kRetry},
      {301, "PermanentRedirect", Errc::kUnavailable, Next::kGiveUp},
      {307, "", Errc::kUnavailable, Next::kGiveUp},
      {408, "", Errc::kUnavailable, Next::kRetry},
      {416, "InvalidRange", Errc::kInvalidArgument, Next::kGiveUp},
      {429, "", Errc::kUnavailable, Next::kRetry},
      {500, "", Errc::kUnavailable, Next::kRetry},
      {501, "NotImplemented", Errc::kUnimplemented, Next::kGiveUp},
      {502, "", Errc::kUnavailable, Next::kRetry},
      {503, "SlowDown", Errc::kUnavailable, Next::kRetry},
      {504, "", Errc::kUnavailable, Next::kRetry},
      {507, "", Errc::kStorageFull, Next::kGiveUp},
      {403, "QuotaExceeded", Errc::kStorageFull, Next::kGiveUp},
  };
  for (const auto& each : kCases) {
    CAPTURE(each.status, each.code);
    const auto failure = Of(each.status, each.code);
    REQUIRE(failure);
    REQUIRE(failure->error.code == each.errc);
    REQUIRE(failure->next == each.next);
    REQUIRE(failure->error.what.find(std::to_string(each.status)) != std::string::npos);
  }
}

TEST_CASE("s3 error: patience is asked for in seconds or by a date", "[repository]") {
  REQUIRE(Of(503, "", {{"retry-after", "7"}})->retry_after == 7s);
  REQUIRE(Of(503, "", {{"retry-after", "Fri, 31 Jan 2025 12:00:09 GMT"}})->retry_after == 9s);
  REQUIRE_FALSE(Of(503, "", {{"retry-after", "Fri, 31 Jan 2025 11:00:09 GMT"}})->retry_after);
  REQUIRE_FALSE(Of(503, "", {{"retry-after", "soon"}})->retry_after);
  REQUIRE_FALSE(Of(503)->retry_after);
}

TEST_CASE("s3 error: a refusal by a server whose clock is far away names the clock",
          "[repository]") {
  const auto near = Of(403, "AccessDenied", {{"date", "Fri, 31 Jan 2025 12:04:00 GMT"}});
  REQUIRE(near->error.hint.find("clock") == std::string::npos);
  for (const char* date : {"Fri, 31 Jan 2025 12:06:00 GMT", "Fri, 31 Jan 2025 11:54:00 GMT"}) {
    const auto far = Of(403, "AccessDenied", {{"date", date}});
    REQUIRE(far->error.hint.find("clock") != std::string::npos);
    REQUIRE(far->next == Next::kGiveUp);
  }
}

TEST_CASE("s3 error: the region that a server names is told", "[repository]") {
  const auto moved = Of(301, "PermanentRedirect", {{"x-amz-bucket-region", "eu-west-3"}});
  REQUIRE(moved->error.hint.find("eu-west-3") != std::string::npos);
}

TEST_CASE("s3 error: a request without a whole answer may be repeated, unless it never could work",
          "[repository]") {
  REQUIRE(FailureOf(Unavailable("x")).next == Next::kRetry);
  REQUIRE(FailureOf(Corruption("x")).next == Next::kRetry);
  REQUIRE(FailureOf(DeadlineExceeded("x")).next == Next::kRetry);
  REQUIRE(FailureOf(DeadlineExceeded("x")).error.code == Errc::kUnavailable);
  REQUIRE(FailureOf(PermissionDenied("x")).next == Next::kGiveUp);
  REQUIRE(FailureOf(InvalidArgument("x")).next == Next::kGiveUp);
  REQUIRE(FailureOf(ResourceExhausted("x")).next == Next::kGiveUp);
}
