// The `hnsw` object of configurations and schemas, as wide as Chroma accepts it, so that it is
// echoed as sent; what the index uses is cut to HnswParameters.
// Threads: plain values and pure functions.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <thread>

#include "daemon/model/collection.h"
#include "lib/core/result.h"

namespace pannier::model {

struct HnswSettings {
  Space space = Space::kL2;
  uint64_t ef_construction = 100;
  uint64_t ef_search = 100;
  uint64_t max_neighbors = 16;
  uint64_t num_threads = std::thread::hardware_concurrency();
  uint64_t batch_size = 100;
  uint64_t sync_threshold = 1000;
  double resize_factor = 1.2;

  bool operator==(const HnswSettings&) const = default;
};

HnswParameters ToParameters(const HnswSettings& settings);

std::string_view SpaceName(Space space);
//   kMalformed        an object, or an unknown space
//   kInvalidArgument  neither a string nor an object
Result<Space> ReadSpace(const nlohmann::json& value, std::string_view path);

// Which keys an object may have depends on where it stands.
enum class HnswPlace {
  kConfiguration,         // all
  kUpdatedConfiguration,  // what may change after creation
  kSchema,                // all but the space, which stands beside it
};

// Sets what `object` gives; nulls count as absent.
//   kMalformed  not an object, an unknown key, a value of the wrong type
Status ReadHnsw(const nlohmann::json& object, HnswPlace place, std::string_view path,
                HnswSettings* settings);

// As `configuration_json` shows it, and as a schema does.
nlohmann::json HnswOfConfiguration(const HnswSettings& settings);
nlohmann::json HnswOfSchema(const HnswSettings& settings);

}  // namespace pannier::model
