#include "daemon/model/legacy_metadata.h"

#include <array>
#include <nlohmann/json.hpp>
#include <string_view>

namespace pannier::model {
namespace {

constexpr std::string_view kPrefix = "hnsw:";

struct Key {
  std::string_view name;
  uint64_t HnswSettings::*member;
  int64_t least;
};
constexpr std::array<Key, 6> kKeys = {{
    {"construction_ef", &HnswSettings::ef_construction, 0},
    {"search_ef", &HnswSettings::ef_search, 0},
    {"M", &HnswSettings::max_neighbors, 0},
    {"num_threads", &HnswSettings::num_threads, 0},
    {"batch_size", &HnswSettings::batch_size, 2},
    {"sync_threshold", &HnswSettings::sync_threshold, 2},
}};

bool ReadKey(std::string_view name, const MetadataValue& value, HnswSettings* settings) {
  if (name == "space") {
    const auto* const text = std::get_if<std::string>(&value);
    if (text == nullptr) return false;
    const Result<Space> space = ReadSpace(*text, "");
    if (space.ok()) settings->space = *space;
    return space.ok();
  }
  const auto* const whole = std::get_if<int64_t>(&value);
  if (name == "resize_factor") {
    const auto* const real = std::get_if<double>(&value);
    if (whole == nullptr && real == nullptr) return false;
    settings->resize_factor = whole != nullptr ? static_cast<double>(*whole) : *real;
    return true;
  }
  for (const Key& key : kKeys) {
    if (name != key.name) continue;
    if (whole == nullptr || *whole < key.least) return false;
    settings->*key.member = static_cast<uint64_t>(*whole);
    return true;
  }
  return false;
}

}  // namespace

Result<HnswSettings> ReadLegacyMetadata(const Metadata& metadata) {
  HnswSettings settings;
  for (const auto& [key, value] : metadata) {
    if (!key.starts_with(kPrefix)) continue;
    if (!ReadKey(std::string_view(key).substr(kPrefix.size()), value, &settings)) {
      return InvalidArgument("Failed to parse hnsw parameters from segment metadata",
                             "'" + key + "' is not a known key or has a bad value");
    }
  }
  return settings;
}

}  // namespace pannier::model
