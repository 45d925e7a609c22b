#include "daemon/salvage/bit_repair.h"

#include "daemon/store/page_checksum.h"

namespace pannier::salvage {

bool RepairOneBit(uint32_t number, std::span<std::byte> page) {
  for (std::byte& byte : page) {
    for (int bit = 0; bit < 8; ++bit) {
      const std::byte flip{static_cast<uint8_t>(1u << bit)};
      byte ^= flip;
      if (store::IsSealed(number, page)) return true;
      byte ^= flip;
    }
  }
  return false;
}

}  // namespace pannier::salvage
