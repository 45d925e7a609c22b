// Goal: what servers say of times is understood. Transfers themselves are tested through S3Store.
#include "lib/repository/http_transfer.h"

#include <catch2/catch.hpp>

#include "lib/core/time_text.h"

using namespace pannier;
using namespace pannier::repository;

TEST_CASE("http transfer: dates of headers", "[repository]") {
  REQUIRE(ParseHttpDate("Sun, 06 Nov 1994 08:49:37 GMT") == ParseTime("1994-11-06T08:49:37Z"));
  REQUIRE(ParseHttpDate("Thu, 01 Jan 1970 00:00:00 GMT") == WallTime());
  for (const char* text : {"", "now", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37 UTC",
                           "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Xxx 1994 08:49:37 GMT",
                           "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT x",
                           "Sun, 06 Nov 9999 08:49:37 GMT", "1994-11-06T08:49:37Z"}) {
    CAPTURE(text);
    REQUIRE_FALSE(ParseHttpDate(text).has_value());
  }
}

TEST_CASE("http transfer: the last of equal headers counts, absent ones are empty",
          "[repository]") {
  HttpReply reply;
  reply.headers = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
  REQUIRE(reply.Header("a") == "3");
  REQUIRE(reply.Header("b") == "2");
  REQUIRE(reply.Header("c").empty());
}

TEST_CASE("http transfer: what is no URL, and no time, is refused before anything is sent",
          "[repository]") {
  HttpTransfer transfer({});
  REQUIRE(transfer.Send({"GET", "file:///etc/passwd", {}, {}, 100}, std::chrono::seconds(5))
              .Is(Errc::kInvalidArgument));
  REQUIRE(transfer.Send({"GET", "http://127.0.0.1:1/", {}, {}, 100}, std::chrono::seconds(0))
              .Is(Errc::kDeadlineExceeded));
}
