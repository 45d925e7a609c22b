// Goal: a token may what its lines say and nothing else, and the file can change under the daemon.
#include <catch2/catch.hpp>
#include <fstream>

#include "daemon/service/tokens.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

using namespace pannier;
using namespace pannier::service;
using namespace std::chrono_literals;

namespace {

std::string DigestOf(std::string_view token) { return crypto::ToHex(crypto::Sha256(token)); }

struct Fixture {
  test::TempDir dir;
  test::FakeClock clock;
  const std::filesystem::path path = dir / "tokens";
  std::unique_ptr<TokenFile> tokens;

  void Write(const std::string& text) { std::ofstream(path) << text; }
  void Open() { tokens = TokenFile::Open(path, file::RealFileSystem(), clock).value(); }
};

}  // namespace

TEST_CASE("tokens: a token may what its lines say", "[daemon][service]") {
  Fixture fixture;
  fixture.Write("# comment\n\n" + DigestOf("reader") + " read acme/docs-* rita\n" +
                DigestOf("writer") + "\twrite\tacme/docs\r\n" + DigestOf("writer") +
                " read other%20co/*\n" + DigestOf("root") + " admin */*\n");
  fixture.Open();
  const TokenFile& tokens = *fixture.tokens;
  const auto check = [&](const char* token, Scope scope, const Place& place) {
    return tokens.Check(token, scope, place);
  };
  const Place docs{"acme", "docs"}, docs2{"acme", "docs-2"}, other{"other co", "x"};

  REQUIRE(check("nobody", Scope::kRead, docs) == Verdict::kUnknownToken);
  REQUIRE(check("", Scope::kRead, docs) == Verdict::kUnknownToken);
  REQUIRE(check("reader", Scope::kRead, docs2) == Verdict::kAllowed);
  REQUIRE(check("reader", Scope::kRead, docs) == Verdict::kForbidden);
  REQUIRE(check("reader", Scope::kWrite, docs2) == Verdict::kForbidden);
  REQUIRE(check("reader", Scope::kRead, {"acme", std::nullopt}) == Verdict::kAllowed);
  REQUIRE(check("reader", Scope::kRead, {"evil", std::nullopt}) == Verdict::kForbidden);
  REQUIRE(check("reader", Scope::kRead, {}) == Verdict::kForbidden);
  REQUIRE(check("writer", Scope::kWrite, docs) == Verdict::kAllowed);
  REQUIRE(check("writer", Scope::kRead, docs) == Verdict::kAllowed);
  REQUIRE(check("writer", Scope::kAdmin, docs) == Verdict::kForbidden);
  REQUIRE(check("writer", Scope::kRead, other) == Verdict::kAllowed);
  REQUIRE(check("writer", Scope::kWrite, other) == Verdict::kForbidden);
  REQUIRE(check("root", Scope::kAdmin, {}) == Verdict::kAllowed);
  REQUIRE(check("root", Scope::kWrite, docs) == Verdict::kAllowed);
}

TEST_CASE("tokens: the identity names what a token is bound to", "[daemon][service]") {
  Fixture fixture;
  fixture.Write(DigestOf("one") + " read acme/docs rita\n" + DigestOf("two") + " read acme/a\n" +
                DigestOf("two") + " read acme/b\n" + DigestOf("all") + " admin */*\n" +
                DigestOf("both") + " read x/a\n" + DigestOf("both") + " read y/a\n");
  fixture.Open();
  const auto identity = [&](const char* token) { return fixture.tokens->Identify(token).value(); };
  REQUIRE(identity("one").user == "rita");
  REQUIRE(identity("one").tenant == "acme");
  REQUIRE(identity("one").databases == std::vector<std::string>{"docs"});
  REQUIRE(identity("two").databases == std::vector<std::string>{"a", "b"});
  REQUIRE(identity("all").tenant == "*");
  REQUIRE(identity("all").databases == std::vector<std::string>{"*"});
  REQUIRE(identity("both").tenant == "*");
  REQUIRE_FALSE(fixture.tokens->Identify("nobody").has_value());
}

TEST_CASE("tokens: lines that are wrong are named", "[daemon][service]") {
  const std::string good = DigestOf("x");
  for (const std::string& bad :
       {std::string("abc read a/b"), good.substr(1) + " read a/b", good + "0 read a/b",
        "g" + good.substr(1) + " read a/b", good + " all a/b", good + " a/b", good + " read",
        good + " read ab", good + " read /b", good + " read a/", good + " read a%zz/b",
        good + " read a/b user more"}) {
    CAPTURE(bad);
    const auto parsed = ParseTokens("# first\n" + bad + "\n");
    REQUIRE(parsed.Is(Errc::kInvalidArgument));
    REQUIRE(parsed.error().what.starts_with("line 2: "));
  }
  REQUIRE(ParseTokens("").value().empty());
}

TEST_CASE("tokens: patterns know one sign", "[daemon][service]") {
  REQUIRE(MatchesPattern("*", ""));
  REQUIRE(MatchesPattern("a*c", "abc"));
  REQUIRE(MatchesPattern("a*c", "ac"));
  REQUIRE(MatchesPattern("*b*", "abc"));
  REQUIRE(MatchesPattern("a*b*c", "aXbXbXc"));
  REQUIRE(MatchesPattern("a?", "a?"));
  REQUIRE_FALSE(MatchesPattern("a?", "ab"));
  REQUIRE_FALSE(MatchesPattern("a*c", "abcd"));
  REQUIRE_FALSE(MatchesPattern("", "a"));
  REQUIRE_FALSE(MatchesPattern("abc", "ab"));
  REQUIRE_FALSE(MatchesPattern(std::string(50, '*') + "b", std::string(1000, 'a')));
}

TEST_CASE("tokens: a changed file counts within a second, a broken one changes nothing",
          "[daemon][service]") {
  Fixture fixture;
  fixture.Write(DigestOf("old") + " read */*\n");
  fixture.Open();
  const auto knows = [&](const char* token) {
    return fixture.tokens->Check(token, Scope::kRead, {"t", "d"}) == Verdict::kAllowed;
  };
  fixture.Write(DigestOf("new") + " read */*\n");
  REQUIRE(knows("old"));  // looked at too recently
  fixture.clock.Advance(1s);
  REQUIRE(knows("new"));
  REQUIRE_FALSE(knows("old"));

  fixture.Write("not a token file");
  fixture.clock.Advance(1s);
  REQUIRE(knows("new"));
  std::filesystem::remove(fixture.path);
  fixture.clock.Advance(1s);
  REQUIRE(knows("new"));
  fixture.Write("");
  fixture.clock.Advance(1s);
  REQUIRE_FALSE(knows("new"));
}

TEST_CASE("tokens: a start without a readable file is an error", "[daemon][service]") {
  Fixture fixture;
  REQUIRE(TokenFile::Open(fixture.path, file::RealFileSystem(), fixture.clock).Is(Errc::kNotFound));
  fixture.Write("wrong");
  const auto opened = TokenFile::Open(fixture.path, file::RealFileSystem(), fixture.clock);
  REQUIRE(opened.Is(Errc::kInvalidArgument));
  REQUIRE_FALSE(opened.error().hint.empty());
}
