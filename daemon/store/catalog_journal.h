// The Journal (journal.h) in catalog.db. Threads: any. Lifetime: ends before the CatalogFile.
#pragma once

#include <string>
#include <vector>

#include "daemon/store/catalog_file.h"
#include "daemon/store/journal.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"

namespace pannier::store {

class CatalogJournal final : public Journal {
 public:
  explicit CatalogJournal(CatalogFile& file) : file_(file) {}

  Status Add(const JournalEntry& entry) override;
  Status Update(const JournalEntry& entry) override;
  Result<std::optional<JournalEntry>> Find(const Uuid& uid) override;
  Result<std::vector<JournalEntry>> List(uint32_t newest_max) override;
  Result<std::vector<JournalEntry>> Unfinished() override;
  Status Prune(uint32_t keep) override;
  Status RaiseEpoch(uint64_t epoch) override;

 private:
  Result<std::vector<JournalEntry>> Select(const std::string& where_and_order);

  CatalogFile& file_;
};

}  // namespace pannier::store
