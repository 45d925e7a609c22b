// The admin API's number, by which the operator knows what a daemon of another version understands.
// A daemon that says none has 1. It grows when requests may say more than before:
//   2  `origin` of a snapshot
//   3  `quarantine` of a store
#pragma once

#include <cstdint>

namespace pannier::contract {

inline constexpr uint64_t kAdminApi = 3;
inline constexpr uint64_t kAdminApiWithOrigin = 2;

}  // namespace pannier::contract
