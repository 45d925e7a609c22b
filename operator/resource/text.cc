#include "operator/resource/text.h"

namespace pannier::control {

std::string Cut(std::string_view text, size_t characters_max) {
  size_t characters = 0, end_of_kept = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
    if (characters + 1 == characters_max) end_of_kept = i;
    if (++characters > characters_max) return std::string(text.substr(0, end_of_kept)) + "…";
  }
  return std::string(text);
}

}  // namespace pannier::control
