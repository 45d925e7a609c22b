// Goal: what was exported comes back as it was; what is no export, or not whole, is refused.
#include "daemon/transfer/import.h"

#include <catch2/catch.hpp>

#include "tests/daemon/transfer/fixture.h"

namespace pannier::transfer {
namespace {

Result<Transferred> Import(Fixture& into, const std::string& text) {
  const auto path = into.dir / "import.jsonl";
  REQUIRE(file::ReplaceFile(file::RealFileSystem(), path, text).ok());
  return ImportJsonLines(file::RealFileSystem(), path, *into.store, {});
}

const std::string kHeader = "{\"format\":\"pannier-export\",\"version\":1}\n";

std::string Collection(const char* name) {
  return std::string(R"({"collection":")") + name +
         R"(","id":"11111111-1111-1111-1111-111111111111","configuration":{},"schema":null})"
         "\n";
}

TEST_CASE("import: the export of an import is the export", "[daemon][transfer]") {
  Fixture from, into;
  from.Fill();
  const std::string text = from.Export();
  const Result<Transferred> done = Import(into, text);
  CAPTURE(done.ok() ? "" : done.error().what);
  REQUIRE(done.ok());
  REQUIRE((done->collections == 3 && done->records == 1'501));
  REQUIRE(into.Export() == text);
}

TEST_CASE("import: a dimension without vectors is kept", "[daemon][transfer]") {
  Fixture from, into;
  from.Fill();
  model::Selection all;
  all.ids.emplace();
  for (int i = 0; i < 1'500; ++i) all.ids->push_back("r" + std::to_string(i));
  const Uuid many = from.store->FindCollection("many")->id;
  REQUIRE(from.store->Delete(many, all, std::nullopt, from.call).value() == 1'500);
  REQUIRE(Import(into, from.Export()).ok());
  REQUIRE(into.store->FindCollection("many")->dimension == 2);
  REQUIRE(into.Export() == from.Export());
}

TEST_CASE("import: a file that is cut off anywhere is refused", "[daemon][transfer]") {
  Fixture from;
  from.Fill();
  const std::string text = from.Export();
  for (const size_t length : {size_t{0}, size_t{20}, kHeader.size(), text.size() / 2,
                              text.size() - 10, text.rfind("{\"end\"")}) {
    CAPTURE(length);
    Fixture into;
    REQUIRE_FALSE(Import(into, text.substr(0, length)).ok());
  }
}

TEST_CASE("import: a line that is wrong is named", "[daemon][transfer]") {
  const std::string end = "{\"end\":true,\"collections\":1,\"records\":1}\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{\"format\":\"other\",\"version\":1}\n" + end, "line 1"},
      {"{\"format\":\"pannier-export\",\"version\":2}\n" + end, "version 2"},
      {kHeader + "{\"id\":\"a\"}\n" + end, "before the first collection"},
      {kHeader + Collection("c") + "{\"id\":7}\n" + end, "line 3"},
      {kHeader + Collection("c") + "{\"id\":\"a\",\"embedding\":[1,\"x\"]}\n" + end, "numbers"},
      {kHeader + Collection("c") + "{\"id\":\"a\",\"embedding\":[]}\n" + end, "line 3"},
      {kHeader + Collection("c") + "{\"id\":\"a\",\"metadata\":{\"k\":{}}}\n" + end, "metadata"},
      {kHeader + Collection("c") + "{\"id\":\"a\"}\n{\"id\":\"a\"}\n" + end, "twice"},
      {kHeader + Collection("c") + "{\"id\":\"a\",\"embedding\":[1]}\n" +
           "{\"id\":\"b\",\"embedding\":[1,2]}\n" + end,
       "line 4"},
      {kHeader + Collection("c") + end, "another number"},
      {kHeader + Collection("c") + "{\"id\":\"a\"}\n" + end + "{\"id\":\"b\"}\n", "behind the end"},
      {kHeader + Collection("c") + Collection("c") + end, "already exists"},
      {kHeader + "not JSON\n" + end, "line 2"}};
  for (const auto& [text, words] : cases) {
    Fixture into;
    const Result<Transferred> done = Import(into, text);
    CAPTURE(text, words);
    REQUIRE_FALSE(done.ok());
    CAPTURE(done.error().what);
    REQUIRE(done.error().what.find(words) != std::string::npos);
  }
}

}  // namespace
}  // namespace pannier::transfer
