#include "lib/crypto/sha256.h"

#include <openssl/evp.h>

#include "lib/core/background_turn.h"
#include "lib/crypto/evp_digest.h"

namespace pannier::crypto {
namespace {

// Fetched once: OpenSSL 3 looks an algorithm up by name at each use otherwise. Never freed, since
// threads may outlive main's statics.
const EVP_MD* Algorithm() {
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  CHECK(kAlgorithm != nullptr);
  return kAlgorithm;
}

constexpr size_t kBlock = 64;
constexpr size_t kPiece = 64 << 10;

}  // namespace

struct Sha256Stream::State {
  EvpDigest digest{Algorithm()};
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {}
Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;

void Sha256Stream::Update(std::string_view bytes) { state_->digest.Update(bytes); }

Digest Sha256Stream::Finish() {
  Digest digest;
  state_->digest.Finish(digest.data());
  state_->digest.Begin();
  return digest;
}

Digest Sha256(std::string_view bytes) {
  Sha256Stream stream;
  while (bytes.size() > kPiece) {
    stream.Update(bytes.substr(0, kPiece));
    bytes.remove_prefix(kPiece);
    LetRequestsPass();
  }
  stream.Update(bytes);
  return stream.Finish();
}

// RFC 2104.
Digest HmacSha256(std::string_view key, std::string_view bytes) {
  std::string block(key);
  if (block.size() > kBlock) {
    const Digest short_key = Sha256(key);
    block.assign(short_key.begin(), short_key.end());
  }
  block.resize(kBlock, '\0');
  std::string inner = block, outer = block;
  for (char& c : inner) c = static_cast<char>(c ^ 0x36);
  for (char& c : outer) c = static_cast<char>(c ^ 0x5c);
  Sha256Stream stream;
  stream.Update(inner);
  stream.Update(bytes);
  const Digest first = stream.Finish();
  stream.Update(outer);
  stream.Update({reinterpret_cast<const char*>(first.data()), first.size()});
  return stream.Finish();
}

std::string ToHex(const Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.size());
  for (const uint8_t byte : digest) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace pannier::crypto
