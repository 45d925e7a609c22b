#include "daemon/store/text_search.h"

#include <algorithm>

namespace pannier::store {
namespace {

// Asking for more neighbours than this, or than a share of all that may pass, costs more than
// looking at all documents.
constexpr uint64_t kWidestMax = 2'048;
constexpr uint64_t kWidestShare = 4;

}  // namespace

Result<bool> TextSearch::Passes(RecordNumber record) {
  const index::AttributeIndex::Division& division = *selected_.division;
  if (!division.undecided.Contains(record)) return true;
  const auto known = known_.find(record);
  if (known != known_.end()) return known->second;
  bool passes = false;
  TRY(documents_.Visit(index::RecordSet::Of({record}),
                       [&](RecordNumber number, std::optional<std::string_view> document) {
                         passes = division.Passes(number, document);
                       }));
  known_.emplace(record, passes);
  return passes;
}

Result<size_t> TextSearch::KeepPassing(std::vector<index::Neighbor>* found, size_t most) {
  size_t kept = 0;
  for (size_t i = 0; i < found->size() && kept < most; ++i) {
    if (TRY(Passes((*found)[i].record))) (*found)[kept++] = (*found)[i];
  }
  return kept;
}

Result<std::vector<index::Neighbor>> TextSearch::Search(index::SearchRequest request,
                                                        index::SearchReport* report) {
  const uint32_t k = request.k;
  const uint64_t widest = std::min(kWidestMax, selected_.records->Count() / kWidestShare);
  for (uint64_t wanted = uint64_t{k} + k / 2 + 8; selected_.division;) {
    if (wanted > widest) {
      TRY(Settle(&selected_, documents_));
      break;
    }
    request.k = static_cast<uint32_t>(wanted);
    request.allowed = &*selected_.records;
    std::vector<index::Neighbor> found = vectors_.Search(request, report);
    const size_t seen = found.size();
    const size_t kept = TRY(KeepPassing(&found, k));
    if (kept == k || seen < wanted) {
      found.resize(kept);
      return found;
    }
    // As many as would do if documents go on passing as often, and half as many again.
    wanted = std::max(wanted * 2, wanted * k * 3 / (std::max<size_t>(kept, 1) * 2));
  }
  request.k = k;
  request.allowed = &*selected_.records;
  return vectors_.Search(request, report);
}

Result<std::vector<std::vector<index::Neighbor>>> TextSearch::SearchMany(
    std::span<const float> queries, uint32_t dimension, index::SearchRequest request,
    std::vector<index::SearchReport>* reports) {
  std::vector<std::vector<index::Neighbor>> found;
  for (size_t at = 0; at < queries.size(); at += dimension) {
    request.query = queries.subspan(at, dimension);
    found.push_back(TRY(Search(request, &reports->emplace_back())));
  }
  return found;
}

}  // namespace pannier::store
