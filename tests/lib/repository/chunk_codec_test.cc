// Goal: a chunk's object gives back its bytes or says that it cannot; nothing is invented.
#include "lib/repository/chunk_codec.h"

#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "tests/support/torture.h"

using namespace pannier;
using namespace pannier::repository;

namespace {

std::string Noise(test::Random& random, size_t size) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random.Next());
  return bytes;
}

uint32_t SizeOf(const std::string& bytes) { return static_cast<uint32_t>(bytes.size()); }

}  // namespace

TEST_CASE("chunk: what compresses is packed, what does not is stored as it is", "[repository]") {
  CAPTURE(test::Seed());
  test::Random random(test::Seed());
  ChunkCodec codec;
  const std::string text(100'000, 'x'), noise = Noise(random, 100'000);
  const std::string packed = codec.Encode(text), raw = codec.Encode(noise);
  REQUIRE(packed[0] == 1);
  REQUIRE(packed.size() < 1'000);
  REQUIRE(raw[0] == 0);
  REQUIRE(raw.size() == noise.size() + 1);
  REQUIRE((codec.Decode(packed, SizeOf(text)).value() == text));
  REQUIRE((codec.Decode(raw, SizeOf(noise)).value() == noise));
  // Two hundredths saved are not worth unpacking.
  const std::string mostly = Noise(random, 98'000) + std::string(2'000, 'x');
  REQUIRE(codec.Encode(mostly)[0] == 0);
}

TEST_CASE("chunk: one byte and a whole chunk come back", "[repository]") {
  ChunkCodec codec;
  for (const size_t size : {1u, 2u, 100u, 1u << 20}) {
    const std::string bytes(size, 'b');
    REQUIRE((codec.Decode(codec.Encode(bytes), SizeOf(bytes)).value() == bytes));
  }
}

TEST_CASE("chunk: what is not the object of so many bytes is refused", "[repository]") {
  ChunkCodec codec;
  const std::string object = codec.Encode(std::string(5'000, 'x'));
  REQUIRE(codec.Decode("", 1).Is(Errc::kCorruption));
  REQUIRE(codec.Decode("\x02 bytes", 6).Is(Errc::kCorruption));
  REQUIRE(codec.Decode(std::string_view("\0abc", 4), 2).Is(Errc::kCorruption));
  REQUIRE(codec.Decode(object, 4'999).Is(Errc::kCorruption));
  REQUIRE(codec.Decode(object, 5'001).Is(Errc::kCorruption));
  REQUIRE(codec.Decode(object.substr(0, object.size() - 1), 5'000).Is(Errc::kCorruption));
}

TEST_CASE("chunk: threads use one codec at once", "[repository]") {
  ChunkCodec codec;
  std::vector<int> wrong(6, 0);
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < wrong.size(); ++i) {
      threads.emplace_back([&, i] {
        for (int n = 0; n < 50; ++n) {
          const std::string bytes(10'000 + n, static_cast<char>('a' + i));
          const Result<std::string> back = codec.Decode(codec.Encode(bytes), SizeOf(bytes));
          wrong[i] += back.ok() && *back == bytes ? 0 : 1;
        }
      });
    }
  }
  REQUIRE(wrong == std::vector<int>(6, 0));
}
