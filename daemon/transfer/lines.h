// The fixed lines of an export. docs/formats/export.md. Threads: pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pannier::transfer {

inline constexpr std::string_view kFormat = "pannier-export";
inline constexpr int64_t kVersion = 1;
inline constexpr std::string_view kHeaderLine = R"({"format":"pannier-export","version":1})";

// Says that nothing is missing.
inline std::string EndLine(uint64_t collections, uint64_t records) {
  return "{\"end\":true,\"collections\":" + std::to_string(collections) +
         ",\"records\":" + std::to_string(records) + "}";
}

}  // namespace pannier::transfer
