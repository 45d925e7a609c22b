#include "daemon/transfer/line_reader.h"

#include <catch2/catch.hpp>
#include <vector>

#include "tests/support/temp_dir.h"

namespace pannier::transfer {
namespace {

std::vector<std::string> LinesOf(const std::string& text) {
  const test::TempDir dir;
  REQUIRE(file::ReplaceFile(file::RealFileSystem(), dir / "f", text).ok());
  LineReader reader = LineReader::Open(file::RealFileSystem(), dir / "f").value();
  std::vector<std::string> lines;
  for (auto line = reader.Next().value(); line; line = reader.Next().value()) {
    lines.emplace_back(*line);
    REQUIRE(reader.number() == lines.size());
  }
  return lines;
}

TEST_CASE("line reader: lines come whole, however they lie", "[daemon][transfer]") {
  REQUIRE(LinesOf("").empty());
  REQUIRE(LinesOf("a\nb\n") == std::vector<std::string>{"a", "b"});
  REQUIRE(LinesOf("a\n\nb") == std::vector<std::string>{"a", "", "b"});
  const std::string wide(3 << 20, 'x');  // longer than a block
  REQUIRE(LinesOf("a\n" + wide + "\nb\n") == std::vector<std::string>{"a", wide, "b"});
}

}  // namespace
}  // namespace pannier::transfer
