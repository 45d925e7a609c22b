#include "daemon/store/hnsw_text.h"

#include <charconv>
#include <cstdio>

namespace pannier::store {
namespace {

constexpr std::string_view kSpaces[] = {"l2", "cosine", "ip"};  // in the order of model::Space

template <typename Number>
bool ReadNumber(std::string_view text, Number* number) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), *number);
  return ec == std::errc() && end == text.data() + text.size();
}

bool ReadSpace(std::string_view text, model::Space* space) {
  for (size_t i = 0; i < std::size(kSpaces); ++i) {
    if (kSpaces[i] != text) continue;
    *space = static_cast<model::Space>(i);
    return true;
  }
  return false;
}

bool ReadPair(std::string_view key, std::string_view value, model::HnswParameters* out) {
  if (key == "space") return ReadSpace(value, &out->space);
  if (key == "ef_construction") return ReadNumber(value, &out->ef_construction);
  if (key == "ef_search") return ReadNumber(value, &out->ef_search);
  if (key == "max_neighbors") return ReadNumber(value, &out->max_neighbors);
  if (key == "num_threads") return ReadNumber(value, &out->num_threads);
  if (key == "batch_size") return ReadNumber(value, &out->batch_size);
  if (key == "sync_threshold") return ReadNumber(value, &out->sync_threshold);
  if (key == "resize_factor") return ReadNumber(value, &out->resize_factor);
  return false;
}

}  // namespace

std::string FormatHnsw(const model::HnswParameters& parameters) {
  char factor[40];
  std::snprintf(factor, sizeof factor, "%.17g", parameters.resize_factor);
  std::string text = "space=";
  text += kSpaces[static_cast<size_t>(parameters.space)];
  text += " ef_construction=" + std::to_string(parameters.ef_construction);
  text += " ef_search=" + std::to_string(parameters.ef_search);
  text += " max_neighbors=" + std::to_string(parameters.max_neighbors);
  text += " num_threads=" + std::to_string(parameters.num_threads);
  text += " batch_size=" + std::to_string(parameters.batch_size);
  text += " sync_threshold=" + std::to_string(parameters.sync_threshold);
  text += std::string(" resize_factor=") + factor;
  return text;
}

Result<model::HnswParameters> ParseHnsw(std::string_view text) {
  model::HnswParameters parameters;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos ||
        !ReadPair(pair.substr(0, equals), pair.substr(equals + 1), &parameters)) {
      return Corruption("index parameters are damaged: " + std::string(pair));
    }
  }
  return parameters;
}

}  // namespace pannier::store
