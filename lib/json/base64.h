// Base64 of the standard alphabet, strict: right padding, no white space, no bits beyond the data.
// Threads: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pannier::json {

// How many bytes `text` stands for, by its length and padding alone; nothing when those are wrong.
std::optional<size_t> Base64Size(std::string_view text);

// Decodes into `out`, which has room for Base64Size() bytes (which is known to have a value).
// False when a character is not of the alphabet or unused bits are set; `out` is then garbage.
bool DecodeBase64(std::string_view text, uint8_t* out);

void AppendBase64(std::string_view bytes, std::string* out);

}  // namespace pannier::json
