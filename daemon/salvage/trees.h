// The trees of a damaged file: which pages each has, and what is in them.
// Threads: one at a time. Lifetime: `file` outlives it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "daemon/salvage/damaged_file.h"
#include "daemon/store/record_table.h"
#include "lib/core/result.h"

namespace pannier::salvage {

// Where a cell is.
struct Spot {
  uint32_t page = 0;
  uint16_t offset = 0;
  bool listed = true;  // by its page; false: only found there
};

struct FoundCell {
  Spot spot;
  int64_t rowid = 0;
  Page payload;
  Trust trust = Trust::kWhole;  // of the page and of all that the payload comes from
};

// A record as found; parts point into its payload.
struct FoundRow {
  store::Row row;  // but its vector
  Page vector;
};

class Trees {
 public:
  explicit Trees(const DamagedFile& file) : file_(file) {}
  // Once all roots are known.
  void Sort();

  // In ascending order.
  std::span<const std::pair<uint32_t, uint32_t>> PagesOf(uint32_t root) const;  // {root, page}
  // Whether every page of the tree, as far as can be told, is whole. False as well when a page that
  // is not whole might belong to it.
  bool IsComplete(uint32_t root) const;

  // Visits what lies in the leaves of a table, or in all pages of an index.
  using Visitor = std::function<Status(const FoundCell& cell)>;
  Status ForEachCell(uint32_t root, bool is_table, const Visitor& visit) const;
  // Visits the sound records of one page. On a page that is not whole they are also looked for
  // where it lists none, in the part that holds cells (not in its gap, where older copies may
  // linger). `broken` is told the number of each record that is there and not sound, where its page
  // is whole.
  using RowVisitor = std::function<Status(Spot spot, const FoundRow& row)>;
  Status ForEachRow(uint32_t page, const RowVisitor& visit,
                    const std::function<void(uint64_t record)>& broken) const;
  // Reads one again.
  using RowUser = std::function<Status(const FoundRow& row)>;
  Status ReadRow(Spot spot, const RowUser& use);
  // The text of an index entry.
  Result<std::string> ReadEntryText(Spot spot) const;

 private:
  Status CellsOf(uint32_t page, bool is_table, const Visitor& visit) const;
  Status ScanForRows(uint32_t number, Page page, const RowVisitor& visit) const;
  // False: none begins there, or it is no sound record.
  Result<bool> RowAt(Page page, Spot spot, const RowVisitor& visit, uint64_t* record) const;

  const DamagedFile& file_;
  std::vector<std::pair<uint32_t, uint32_t>> pages_;  // by owner
  std::vector<uint32_t> incomplete_;                  // roots; sorted
  bool unowned_damage_ = false;
  uint32_t last_page_ = 0;  // that ReadRow() read; rows come page by page
  std::vector<std::byte> last_bytes_;
};

// Whether these values are a sound record's; fills `row` with views of them.
bool AsRecord(const std::vector<Value>& values, uint64_t number, FoundRow* row);

}  // namespace pannier::salvage
