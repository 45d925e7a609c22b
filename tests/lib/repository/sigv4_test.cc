// Goal: our signatures are those that AWS expects. Method: the vectors that AWS published: its
// test-suite for Signature Version 4 (get-vanilla and others, service "service"), and the examples
// of the S3 documentation ("examplebucket", 2013-05-24).
#include "lib/repository/sigv4.h"

#include <catch2/catch.hpp>

#include "lib/core/time_text.h"

using namespace pannier;
using namespace pannier::repository;

namespace {

constexpr const char* kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

std::string SignatureOf(const Pairs& headers) {
  for (const auto& [name, value] : headers) {
    if (name == "Authorization") return value.substr(value.rfind('=') + 1);
  }
  return "";
}

// A case of the test-suite.
std::string Suite(const std::string& method, const std::string& path, const Pairs& query,
                  Pairs headers = {}) {
  const Credentials by{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
  const SigningScope scope{"us-east-1", "service", *ParseTime("2015-08-30T12:36:00Z")};
  headers.insert(headers.begin(), {"Host", "example.amazonaws.com"});
  return SignatureOf(SignHeaders({method, path, query, headers}, kEmptyHash, by, scope));
}

const Credentials kS3Example{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                             ""};
const SigningScope kS3Scope{"us-east-1", "s3", *ParseTime("2013-05-24T00:00:00Z")};

std::string S3(const std::string& method, const std::string& path, const Pairs& query,
               Pairs headers, const std::string& payload) {
  headers.emplace_back("host", "examplebucket.s3.amazonaws.com");
  headers.emplace_back("x-amz-content-sha256", payload);
  return SignatureOf(SignHeaders({method, path, query, headers}, payload, kS3Example, kS3Scope));
}

}  // namespace

TEST_CASE("sigv4: the test-suite of AWS", "[repository]") {
  REQUIRE(Suite("GET", "/", {}) ==
          "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  REQUIRE(Suite("POST", "/", {}) ==
          "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
  REQUIRE(Suite("GET", "/", {{"Param2", "value2"}, {"Param1", "value1"}}) ==
          "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  REQUIRE(Suite("GET", "/", {}, {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}) ==
          "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736");
}

TEST_CASE("sigv4: the whole header of get-vanilla", "[repository]") {
  const Credentials by{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
  const SigningScope scope{"us-east-1", "service", *ParseTime("2015-08-30T12:36:00Z")};
  const Pairs added =
      SignHeaders({"GET", "/", {}, {{"Host", "example.amazonaws.com"}}}, kEmptyHash, by, scope);
  REQUIRE(added == Pairs{{"X-Amz-Date", "20150830T123600Z"},
                         {"Authorization",
                          "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/"
                          "aws4_request, SignedHeaders=host;x-amz-date, Signature="
                          "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"}});
}

TEST_CASE("sigv4: the examples of the S3 documentation", "[repository]") {
  SECTION("GET object, a range of it") {
    REQUIRE(S3("GET", "/test.txt", {}, {{"Range", "bytes=0-9"}}, kEmptyHash) ==
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  }
  SECTION("PUT object") {
    REQUIRE(S3("PUT", "/test$file.text", {},
               {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
               "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072") ==
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  }
  SECTION("GET bucket lifecycle") {
    REQUIRE(S3("GET", "/", {{"lifecycle", ""}}, {}, kEmptyHash) ==
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  }
  SECTION("list objects") {
    REQUIRE(S3("GET", "/", {{"max-keys", "2"}, {"prefix", "J"}}, {}, kEmptyHash) ==
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
  }
  SECTION("a presigned URL") {
    const std::string query =
        PresignQuery({"GET", "/test.txt", {}, {{"host", "examplebucket.s3.amazonaws.com"}}},
                     std::chrono::seconds(86'400), kS3Example, kS3Scope);
    REQUIRE(query ==
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2F"
            "us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&"
            "X-Amz-SignedHeaders=host&X-Amz-Signature="
            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
  }
}

TEST_CASE("sigv4: a session token is signed", "[repository]") {
  Credentials by = kS3Example;
  by.session_token = "token/+=";
  const RequestToSign request{"GET", "/", {}, {{"Host", "h"}}};
  const Pairs added = SignHeaders(request, kEmptyHash, by, kS3Scope);
  REQUIRE(added[1] == std::pair<std::string, std::string>("X-Amz-Security-Token", "token/+="));
  REQUIRE(added[2].second.find("SignedHeaders=host;x-amz-date;x-amz-security-token,") !=
          std::string::npos);
  const std::string query = PresignQuery(request, std::chrono::seconds(60), by, kS3Scope);
  REQUIRE(query.find("X-Amz-Security-Token=token%2F%2B%3D&") != std::string::npos);
}

TEST_CASE("sigv4: URIs are encoded as AWS has it", "[repository]") {
  REQUIRE(UriEncode("a/b c+~*'", true) == "a/b%20c%2B~%2A%27");
  REQUIRE(UriEncode("a/b\xc3\xa4", false) == "a%2Fb%C3%A4");
  REQUIRE(CanonicalQuery({{"b", "1 2"}, {"a", ""}, {"a-", "x"}}) == "a=&a-=x&b=1%202");
}
