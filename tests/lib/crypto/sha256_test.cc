// Goal: our digests and signatures are the standards'. Method: vectors of FIPS 180-4 and RFC 4231,
// lengths around a block, and pieces against the whole.
#include "lib/crypto/sha256.h"

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

using namespace pannier::crypto;

namespace {

std::string Hex(std::string_view text) { return ToHex(Sha256(text)); }

}  // namespace

TEST_CASE("sha256: the standard's vectors", "[crypto]") {
  REQUIRE(Hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  REQUIRE(Hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  REQUIRE(Hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  REQUIRE(Hex(std::string(1'000'000, 'a')) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("sha256: lengths around the end of a block", "[crypto]") {
  REQUIRE(Hex(std::string(55, 'a')) ==
          "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
  REQUIRE(Hex(std::string(56, 'a')) ==
          "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
  REQUIRE(Hex(std::string(64, 'a')) ==
          "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

TEST_CASE("sha256: pieces give the digest of the whole, and the stream begins anew", "[crypto]") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * 31);
  Sha256Stream stream;
  for (int round = 0; round < 2; ++round) {
    for (size_t at = 0, step = 1; at < text.size(); at += step, step = step * 3 % 101 + 1) {
      stream.Update(std::string_view(text).substr(at, step));
    }
    REQUIRE(stream.Finish() == Sha256(text));
  }
  Sha256Stream moved = std::move(stream);
  REQUIRE(moved.Finish() == Sha256(""));
}

TEST_CASE("hmac-sha256: the standard's vectors", "[crypto]") {
  const auto hex = [](std::string_view key, std::string_view text) {
    return ToHex(HmacSha256(key, text));
  };
  REQUIRE(hex(std::string(20, '\x0b'), "Hi There") ==
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  REQUIRE(hex("Jefe", "what do ya want for nothing?") ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  REQUIRE(hex(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First") ==
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("sha256: threads do not disturb each other", "[crypto]") {
  const std::string text(100'000, 'x');
  const Digest expected = Sha256(text);
  std::vector<int> wrong(4, 0);
  {
    std::vector<std::jthread> threads;
    for (int& count : wrong) {
      threads.emplace_back([&count, &text, &expected] {
        for (int i = 0; i < 50; ++i) count += Sha256(text) != expected;
      });
    }
  }
  REQUIRE(wrong == std::vector<int>(4, 0));
}
