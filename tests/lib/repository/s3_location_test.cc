// Goal: URLs of buckets by path and by host, and nothing but buckets in them.
#include "lib/repository/s3_location.h"

#include <catch2/catch.hpp>

using namespace pannier;
using namespace pannier::repository;

namespace {

std::string UrlOf(const std::string& bucket, const std::string& prefix, const std::string& endpoint,
                  Addressing addressing, const std::string& region = "eu-west-1") {
  const auto location = S3Location::Make(bucket, prefix, endpoint, region, addressing);
  return location.ok() ? location->UrlOf("a/b", "x=y") : location.error().what;
}

}  // namespace

TEST_CASE("s3 location: by path or by host", "[repository]") {
  REQUIRE(UrlOf("buck", "", "", Addressing::kAuto) ==
          "https://buck.s3.eu-west-1.amazonaws.com/a/b?x=y");
  REQUIRE(UrlOf("buck.et", "", "", Addressing::kAuto) ==
          "https://s3.eu-west-1.amazonaws.com/buck.et/a/b?x=y");
  REQUIRE(UrlOf("buck", "", "", Addressing::kPath) ==
          "https://s3.eu-west-1.amazonaws.com/buck/a/b?x=y");
  REQUIRE(UrlOf("buck", "", "", Addressing::kAuto, "cn-north-1") ==
          "https://buck.s3.cn-north-1.amazonaws.com.cn/a/b?x=y");
  REQUIRE(UrlOf("buck", "p/q/", "http://localhost:9000/", Addressing::kAuto) ==
          "http://localhost:9000/buck/p/q/a/b?x=y");
  REQUIRE(UrlOf("buck", "p", "https://Minio.Example:443", Addressing::kVirtual) ==
          "https://buck.minio.example/p/a/b?x=y");
}

TEST_CASE("s3 location: the bucket itself, and what it is called", "[repository]") {
  const auto location =
      S3Location::Make("buck", "p/q", "http://h:80", "r", Addressing::kPath).value();
  REQUIRE(location.UrlOf("", "") == "http://h/buck");
  REQUIRE(location.PathOf("") == "/buck");
  REQUIRE(location.host() == "h");
  REQUIRE(location.prefix() == "p/q/");
  REQUIRE(location.Describe() == "s3://buck/p/q");
  REQUIRE(S3Location::Make("buck", "", "", "r", Addressing::kVirtual).value().PathOf("") == "/");
}

TEST_CASE("s3 location: what is no bucket, prefix, endpoint or region is refused", "[repository]") {
  const auto wrong = [](const std::string& bucket, const std::string& prefix,
                        const std::string& endpoint, const std::string& region) {
    return S3Location::Make(bucket, prefix, endpoint, region, Addressing::kAuto)
        .Is(Errc::kInvalidArgument);
  };
  for (const char* bucket : {"", "ab", "Upper", "a_b", "-ab", "ab-", "a..b", "a/b", "a b", "a?b"})
    REQUIRE(wrong(bucket, "", "", "r"));
  for (const char* prefix : {"/a", "a//b", "../a", "a b", "a?b", "a%b"})
    REQUIRE(wrong("buck", prefix, "", "r"));
  for (const char* endpoint : {"h", "ftp://h", "https://", "http://user:pw@h", "https://h/path",
                               "https://h?x", "https://h h"})
    REQUIRE(wrong("buck", "", endpoint, "r"));
  for (const char* region : {"", "a b", "a/b", "a.b"}) REQUIRE(wrong("buck", "", "", region));
}
