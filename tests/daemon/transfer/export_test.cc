// Goal: an export holds everything, in the same bytes each time, and is there whole or not at all.
#include "daemon/transfer/export.h"

#include <catch2/catch.hpp>

#include "daemon/store/offline_store.h"
#include "tests/daemon/transfer/fixture.h"

namespace pannier::transfer {
namespace {

TEST_CASE("export: equal content gives equal bytes", "[daemon][transfer]") {
  Fixture a, b;
  a.Fill();
  b.Fill();
  REQUIRE(a.Export() == b.Export());
  REQUIRE(a.Export().starts_with("{\"format\":\"pannier-export\",\"version\":1}\n"));
}

TEST_CASE("export: records stand below their collection, numbers as they are",
          "[daemon][transfer]") {
  Fixture fixture;
  fixture.Fill();
  const std::string text = fixture.Export();
  REQUIRE(text.find(R"({"id":"r0","embedding":[0.1,-0.0],"document":"document 0",)"
                    R"("metadata":{"n":0,"f":0.5,"list":["a"]},"uri":"u"})") != std::string::npos);
  REQUIRE(text.find(R"({"id":"bare","document":"no vector"})") != std::string::npos);
  REQUIRE(text.ends_with("{\"end\":true,\"collections\":3,\"records\":1501}\n"));
}

TEST_CASE("export: a file that exists is left alone", "[daemon][transfer]") {
  Fixture fixture;
  fixture.Fill();
  fixture.Export();
  REQUIRE(ExportJsonLines(*fixture.store, file::RealFileSystem(), fixture.dir / "export.jsonl", {})
              .Is(Errc::kConflict));
}

TEST_CASE("export: one that is stopped leaves nothing", "[daemon][transfer]") {
  Fixture fixture;
  fixture.Fill();
  const auto stop = [](uint64_t done, uint64_t) { return done < 700; };
  REQUIRE(
      ExportJsonLines(*fixture.store, file::RealFileSystem(), fixture.dir / "export.jsonl", stop)
          .Is(Errc::kDeadlineExceeded));
  REQUIRE_FALSE(std::filesystem::exists(fixture.dir / "export.jsonl"));
  REQUIRE_FALSE(std::filesystem::exists(fixture.dir / "export.jsonl.partial"));
}

TEST_CASE("export: nobody at the address is an error", "[daemon][transfer]") {
  Fixture fixture;
  REQUIRE(ExportToChroma(*fixture.store, {"ftp://x", "t", "d"}, {}).Is(Errc::kInvalidArgument));
}

}  // namespace
}  // namespace pannier::transfer
