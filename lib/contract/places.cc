#include "lib/contract/places.h"

namespace pannier::contract {

std::string AdminSocketBeside(std::string_view socket) {
  if (socket == kSocketPath) return std::string(kAdminSocketPath);
  constexpr std::string_view kEnding = ".sock";
  if (socket.ends_with(kEnding)) socket.remove_suffix(kEnding.size());
  return std::string(socket) + ".admin.sock";
}

}  // namespace pannier::contract
