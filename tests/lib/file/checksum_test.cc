#include "lib/file/checksum.h"

#include <catch2/catch.hpp>
#include <string>

namespace pannier::file {
namespace {

TEST_CASE("checksum: the value of given bytes is the published one for ever", "[lib][file]") {
  REQUIRE(Checksum(std::string_view()) == 0x2D06800538D394C2u);  // XXH3 of nothing, seed 0
  REQUIRE(Checksum(std::string_view("pannier")) == Checksum(std::string_view("pannier")));
}

TEST_CASE("checksum: pieces give the value of the whole, however they are cut", "[lib][file]") {
  std::string bytes;
  for (int i = 0; i < 3000; ++i) bytes.push_back(static_cast<char>(i * 7));
  const uint64_t whole = Checksum(std::string_view(bytes));
  for (size_t cut : {size_t{0}, size_t{1}, size_t{255}, size_t{256}, size_t{2999}, bytes.size()}) {
    CAPTURE(cut);
    Checksummer summer;
    summer.Update(std::string_view(bytes).substr(0, cut));
    summer.Update(std::string_view(bytes).substr(cut));
    REQUIRE(summer.Digest() == whole);
  }
}

TEST_CASE("checksum: short and long, aligned or not, it is one function", "[lib][file]") {
  std::string bytes;
  for (int i = 0; i < 70'000; ++i) bytes.push_back(static_cast<char>(i * 31 + i / 256));
  for (const size_t size : {1u, 240u, 241u, 1'023u, 1'024u, 1'025u, 4'096u, 16'384u, 65'537u}) {
    for (const size_t from : {0u, 1u, 7u, 63u}) {
      const std::string_view part = std::string_view(bytes).substr(from, size);
      Checksummer summer;
      summer.Update(part);
      REQUIRE(Checksum(part) == summer.Digest());
    }
  }
}

TEST_CASE("checksum: a flipped bit anywhere changes it", "[lib][file]") {
  std::string bytes(200, 'a');
  const uint64_t good = Checksum(std::string_view(bytes));
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] ^= static_cast<char>(1 << bit % 8);
    REQUIRE(Checksum(std::string_view(bytes)) != good);
    bytes[bit / 8] ^= static_cast<char>(1 << bit % 8);
  }
}

TEST_CASE("checksum: a moved or reset summer goes on as told", "[lib][file]") {
  Checksummer first;
  first.Update(std::string_view("ab"));
  Checksummer second = std::move(first);
  second.Update(std::string_view("c"));
  REQUIRE(second.Digest() == Checksum(std::string_view("abc")));
  second.Reset();
  REQUIRE(second.Digest() == Checksum(std::string_view()));
}

}  // namespace
}  // namespace pannier::file
