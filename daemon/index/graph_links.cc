#include "daemon/index/graph_links.h"

#include <algorithm>

namespace pannier::index {

Status GraphLinks::Save(ByteSink& sink) const {
  const uint64_t upper_count = upper_.size();
  const uint32_t head[2] = {entry, top_level};
  TRY(sink.WriteArray(head, 2));
  TRY(sink.WriteArray(&upper_count, 1));
  TRY(sink.WriteArray(base_.data(), base_.size()));
  TRY(sink.WriteArray(upper_of_.data(), upper_of_.size()));
  return sink.WriteArray(upper_.data(), upper_.size());
}

Result<GraphLinks> GraphLinks::Load(uint32_t max_links, uint32_t limit, ByteSource& source) {
  const Error broken = Corruption("saved index: its graph is broken");
  GraphLinks links(max_links);
  uint64_t upper_count = 0;
  uint32_t head[2];
  TRY(source.ReadArray(head, 2));
  TRY(source.ReadArray(&upper_count, 1));
  // Half of the nodes with one list each is what chance gives for the smallest M.
  if (upper_count > uint64_t{limit} * (max_links + 1) + 64) return broken;
  links.Extend(limit);
  links.upper_.resize(upper_count);
  TRY(source.ReadArray(links.base_.data(), links.base_.size()));
  TRY(source.ReadArray(links.upper_of_.data(), links.upper_of_.size()));
  TRY(source.ReadArray(links.upper_.data(), links.upper_.size()));
  links.entry = head[0];
  links.top_level = head[1];
  if (!links.IsSound()) return broken;
  return links;
}

bool GraphLinks::IsListSound(uint32_t node, uint32_t level) const {
  const std::span<const uint32_t> list = Links(node, level);
  return std::all_of(list.begin(), list.end(), [&](uint32_t other) {
    return other < limit() && (level == 0 || LevelOf(other) >= level);
  });
}

bool GraphLinks::IsSound() const {
  constexpr uint32_t kLevelMax = 64;
  for (const uint32_t begin : upper_of_) {
    if (begin == kNoNode) continue;
    if (begin >= upper_.size() || upper_[begin] > kLevelMax) return false;
    if (begin + uint64_t{1} + uint64_t{upper_[begin]} * upper_max_ > upper_.size()) return false;
  }
  if (entry >= limit() || LevelOf(entry) < top_level) return false;
  for (uint32_t node = 0; node < limit(); ++node) {
    for (uint32_t level = 0; level <= LevelOf(node); ++level) {
      if (!IsListSound(node, level)) return false;
    }
  }
  return true;
}

}  // namespace pannier::index
