#include "daemon/rescue/order_match.h"

#include <optional>
#include <unordered_map>

namespace pannier::rescue {
namespace {

constexpr size_t kNone = SIZE_MAX;

class Matcher {
 public:
  explicit Matcher(const OrderedSides& sides) : sides_(sides) {
    for (size_t i = 0; i < sides.records.size(); ++i) row_of_.emplace(sides.records[i].id, i);
  }

  std::vector<OrderedMatch> Run() {
    const std::optional<size_t> end = EndOfIndexed();
    if (!end) return {};
    size_t next_record = 0;
    std::vector<uint64_t> gap;  // elements since the last known pair
    for (const OrderedSides::Element& element : sides_.elements) {
      const size_t row = RowOf(element.id);
      if (row == kNone) {
        if (element.id.empty()) gap.push_back(element.number);
        continue;
      }
      if (row < next_record || row >= *end) return {};  // known pairs cross
      CloseGap(gap, next_record, row);
      next_record = row + 1;
      gap.clear();
    }
    CloseGap(gap, next_record, *end);
    return std::move(matches_);
  }

 private:
  size_t RowOf(const std::string& id) const {
    const auto found = id.empty() ? row_of_.end() : row_of_.find(id);
    return found == row_of_.end() ? kNone : found->second;
  }

  // Where the records end that the index has taken in; nothing when that does not add up.
  std::optional<size_t> EndOfIndexed() const {
    std::vector<bool> known(sides_.records.size(), false);
    uint64_t wanted = 0;  // records that elements without id must belong to
    for (const OrderedSides::Element& element : sides_.elements) {
      if (const size_t row = RowOf(element.id); row != kNone) known[row] = true;
      wanted += element.id.empty() ? 1 : 0;
    }
    if (wanted < sides_.without_record) return std::nullopt;
    wanted -= sides_.without_record;
    size_t certain = 0;  // all rows below came before
    for (size_t i = 0; i < known.size(); ++i) {
      if (known[i] || sides_.records[i].age == RecordAge::kBefore) certain = i + 1;
    }
    uint64_t found = 0;
    for (size_t i = 0; i < known.size(); ++i) {
      if (i >= certain && found == wanted) return i;
      if (known[i]) continue;
      if (sides_.records[i].age == RecordAge::kAfter) return std::nullopt;
      ++found;
    }
    return found == wanted ? std::optional(known.size()) : std::nullopt;
  }

  void CloseGap(const std::vector<uint64_t>& elements, size_t begin, size_t end) {
    if (elements.size() != end - begin) return;  // a deleted record's element is among them
    for (size_t i = 0; i < elements.size(); ++i)
      matches_.push_back({sides_.records[begin + i].id, elements[i]});
  }

  const OrderedSides& sides_;
  std::unordered_map<std::string, size_t> row_of_;
  std::vector<OrderedMatch> matches_;
};

}  // namespace

std::vector<OrderedMatch> MatchByOrder(const OrderedSides& sides) { return Matcher(sides).Run(); }

}  // namespace pannier::rescue
