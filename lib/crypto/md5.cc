#include "lib/crypto/md5.h"

#include <openssl/evp.h>

#include "lib/crypto/evp_digest.h"

namespace pannier::crypto {

std::optional<Md5Digest> Md5(std::string_view bytes) {
  static const EVP_MD* const kAlgorithm = EVP_MD_fetch(nullptr, "MD5", nullptr);
  if (kAlgorithm == nullptr) return std::nullopt;
  EvpDigest digest(kAlgorithm);
  digest.Update(bytes);
  Md5Digest result;
  digest.Finish(result.data());
  return result;
}

}  // namespace pannier::crypto
