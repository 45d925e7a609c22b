// Goal: credentials can be rotated under a running daemon, and are never half old, half new for
// long.
#include "lib/repository/s3_credentials.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

using namespace pannier;
using namespace pannier::repository;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  test::TempDir dir;
  test::FakeClock clock;
  CredentialFiles paths{dir / "access", dir / "secret", ""};

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(dir / name) << text;
  }
};

}  // namespace

TEST_CASE("credentials: words in files, read again when they change", "[repository]") {
  Fixture fixture;
  fixture.Write("access", "AK\n");
  fixture.Write("secret", "  SK\r\n");
  CredentialReader reader(fixture.paths, file::RealFileSystem(), fixture.clock);
  const auto first = reader.Current().value();
  REQUIRE(first.credentials == Credentials{"AK", "SK", ""});
  fixture.Write("secret", "SK2");
  REQUIRE(reader.Current().value().version == first.version);  // within a second
  fixture.clock.Advance(1s);
  const auto second = reader.Current().value();
  REQUIRE(second.credentials.secret_key == "SK2");
  REQUIRE(second.version != first.version);
  fixture.clock.Advance(1s);
  REQUIRE(reader.Current().value().version == second.version);
}

TEST_CASE("credentials: refused ones are looked at again at once", "[repository]") {
  Fixture fixture;
  fixture.Write("access", "AK");
  fixture.Write("secret", "SK");
  fixture.Write("token", "T1");
  fixture.paths.session_token = fixture.dir / "token";
  CredentialReader reader(fixture.paths, file::RealFileSystem(), fixture.clock);
  const auto first = reader.Current().value();
  REQUIRE(first.credentials.session_token == "T1");
  REQUIRE_FALSE(reader.Changed(first.version));
  fixture.Write("token", "T2");
  REQUIRE(reader.Changed(first.version));
  REQUIRE(reader.Changed(first.version));  // for another thread, too
  REQUIRE(reader.Current().value().credentials.session_token == "T2");
}

TEST_CASE("credentials: files that cannot be read are said, and later ones keep the old",
          "[repository]") {
  Fixture fixture;
  CredentialReader reader(fixture.paths, file::RealFileSystem(), fixture.clock);
  const auto missing = reader.Current();
  REQUIRE(missing.Is(Errc::kPermissionDenied));
  REQUIRE(missing.error().what.find("access") != std::string::npos);
  fixture.Write("access", "AK");
  fixture.Write("secret", "two words");
  REQUIRE(reader.Current().Is(Errc::kPermissionDenied));
  fixture.Write("secret", "");
  REQUIRE(reader.Current().Is(Errc::kPermissionDenied));
  fixture.Write("secret", "SK");
  REQUIRE(reader.Current().ok());
  std::filesystem::remove(fixture.dir / "secret");
  fixture.clock.Advance(5s);
  REQUIRE(reader.Current().value().credentials.secret_key == "SK");
}
