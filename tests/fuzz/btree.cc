// Pages of trees, from any bytes: nothing outside of them is touched, and what is found lies
// within.
#include <cstdint>
#include <span>
#include <vector>

#include "daemon/salvage/btree_page.h"
#include "daemon/salvage/trees.h"
#include "lib/core/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace pannier::salvage;  // NOLINT: a fuzzer has one function
  const Page page = std::as_bytes(std::span(data, size));
  const auto usable = static_cast<uint32_t>(size > 8 ? size - 8 : size);
  if (size > 65'536) return 0;
  std::vector<Value> values;
  FoundRow row;
  for (const uint32_t number : {1u, 2u}) {
    const BtreePage tree(number, page, usable);
    for (uint32_t i = 0; i < tree.cells(); ++i) {
      const auto cell = ParseCell(tree.type(), page, usable, tree.OffsetOf(i));
      if (!cell) continue;
      CHECK(cell->local.size() <= size);
      if (ParseRecord(cell->local, &values)) AsRecord(values, 1, &row);
    }
  }
  if (ParseRecord(page, &values)) AsRecord(values, 1, &row);
  return 0;
}
