#include "daemon/model/hnsw_settings.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

namespace pannier::model {
namespace {

using Tree = nlohmann::json;

constexpr std::array<std::pair<std::string_view, Space>, 3> kSpaces = {
    {{"l2", Space::kL2}, {"cosine", Space::kCosine}, {"ip", Space::kIp}}};

struct Field {
  std::string_view name;
  uint64_t HnswSettings::*member;
  bool may_change;
};
constexpr std::array<Field, 6> kFields = {{
    {"ef_construction", &HnswSettings::ef_construction, false},
    {"ef_search", &HnswSettings::ef_search, true},
    {"max_neighbors", &HnswSettings::max_neighbors, true},
    {"num_threads", &HnswSettings::num_threads, true},
    {"batch_size", &HnswSettings::batch_size, true},
    {"sync_threshold", &HnswSettings::sync_threshold, true},
}};

std::string Join(std::string_view path, std::string_view key) {
  return std::string(path).append(".").append(key);
}

Status ReadField(const std::string& key, const Tree& value, HnswPlace place,
                 const std::string& path, HnswSettings* settings) {
  if (key == "space" && place == HnswPlace::kConfiguration) {
    if (!value.is_null()) settings->space = TRY(ReadSpace(value, path));
    return {};
  }
  if (key == "resize_factor") {
    if (value.is_null()) return {};
    if (!value.is_number()) return Malformed(path + ": expected a number");
    settings->resize_factor = value.get<double>();
    return {};
  }
  for (const Field& field : kFields) {
    if (key != field.name) continue;
    if (place == HnswPlace::kUpdatedConfiguration && !field.may_change) break;
    if (value.is_null()) return {};
    const bool negative =
        value.is_number_integer() && !value.is_number_unsigned() && value.get<int64_t>() < 0;
    if (!value.is_number_integer() || negative) {
      return Malformed(path + ": expected an integer that is not negative");
    }
    settings->*field.member = value.get<uint64_t>();
    return {};
  }
  return Malformed(path + ": unknown field `" + key + "`");
}

}  // namespace

HnswParameters ToParameters(const HnswSettings& settings) {
  const auto cut = [](uint64_t number) {
    return static_cast<uint32_t>(std::min<uint64_t>(number, std::numeric_limits<uint32_t>::max()));
  };
  return {.space = settings.space,
          .ef_construction = cut(settings.ef_construction),
          .ef_search = cut(settings.ef_search),
          .max_neighbors = cut(settings.max_neighbors),
          .num_threads = cut(settings.num_threads),
          .batch_size = cut(settings.batch_size),
          .sync_threshold = cut(settings.sync_threshold),
          .resize_factor = settings.resize_factor};
}

std::string_view SpaceName(Space space) {
  for (const auto& [name, value] : kSpaces) {
    if (value == space) return name;
  }
  return "l2";
}

Result<Space> ReadSpace(const Tree& value, std::string_view path) {
  if (value.is_object()) return Malformed(std::string(path) + ": expected a string");
  if (!value.is_string()) {  // to Chroma's parser that is no JSON
    return InvalidArgument("Failed to parse the request body as JSON: " + std::string(path) +
                           ": expected value");
  }
  for (const auto& [name, space] : kSpaces) {
    if (value.get_ref<const std::string&>() == name) return space;
  }
  return Malformed(std::string(path) + ": unknown variant `" + value.get_ref<const std::string&>() +
                   "`, expected one of `l2`, `cosine`, `ip`");
}

Status ReadHnsw(const Tree& object, HnswPlace place, std::string_view path,
                HnswSettings* settings) {
  if (!object.is_object()) return Malformed(std::string(path) + ": expected an object");
  for (const auto& [key, value] : object.items()) {
    TRY(ReadField(key, value, place, Join(path, key), settings));
  }
  return {};
}

Tree HnswOfConfiguration(const HnswSettings& settings) {
  return {{"space", SpaceName(settings.space)},      {"ef_construction", settings.ef_construction},
          {"ef_search", settings.ef_search},         {"max_neighbors", settings.max_neighbors},
          {"resize_factor", settings.resize_factor}, {"sync_threshold", settings.sync_threshold}};
}

Tree HnswOfSchema(const HnswSettings& settings) {
  Tree object = {{"resize_factor", settings.resize_factor}};
  for (const Field& field : kFields) object[std::string(field.name)] = settings.*field.member;
  return object;
}

}  // namespace pannier::model
