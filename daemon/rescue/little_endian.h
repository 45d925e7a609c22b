// Numbers as Chroma's files hold them: little-endian, unaligned. Threads: pure.
#pragma once

#include <cstring>
#include <string_view>
#include <type_traits>

namespace pannier::rescue {

// The first sizeof(T) of `bytes`, which holds that many.
template <typename T>
T ReadLittle(std::string_view bytes) {
  static_assert(std::is_trivially_copyable_v<T>);
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "supported machines are little-endian");
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

}  // namespace pannier::rescue
