#include "daemon/rescue/chroma_directory.h"

#include <utility>

#include "daemon/rescue/collection_rescue.h"
#include "daemon/rescue/sql_catalog.h"
#include "daemon/rescue/sql_copy.h"
#include "daemon/store/offline_store.h"

namespace pannier::rescue {
namespace {

class DirectoryRescue {
 public:
  DirectoryRescue(const RescueSource& source, file::Path target, const store::Progress& progress)
      : source_(source), target_(std::move(target)), progress_(progress) {}

  Result<RescueReport> Run(RescueReport report) {
    total_ =
        static_cast<uint64_t>(TRY(source_.connection.QueryInt("SELECT count(*) FROM embeddings")));
    const std::vector<ChromaDatabase> databases =
        TRY(ReadCatalog(source_.connection, source_.repaired, &report.messages));
    if (databases.empty()) return Corruption("no database could be made out");
    for (const ChromaDatabase& database : databases)
      report.databases.push_back(TRY(RescueDatabase(database, report.databases.size())));
    TRY(NoteOrphans(report));
    return report;
  }

 private:
  Result<RescuedDatabase> RescueDatabase(const ChromaDatabase& database, size_t number) {
    const file::Path folder = target_ / std::to_string(number);
    RescuedDatabase rescued{database.tenant, database.name, folder.string(), {}};
    TRY(source_.files.MakeDirectory(folder));
    auto store =
        TRY(store::MakeOfflineStore(folder.string(), store::StoreOptions(), source_.files));
    const RecordCounter count = [this] {
      ++done_;
      return !progress_ || progress_(done_, total_);
    };
    for (const ChromaCollection& collection : database.collections)
      rescued.collections.push_back(TRY(RescueCollection(source_, collection, *store, count)));
    TRY(store::FinishOfflineStore(std::move(store), folder.string(), source_.files));
    return rescued;
  }

  // Documents that no id leads to any more.
  Status NoteOrphans(RescueReport& report) {
    if (!source_.repaired) return {};
    const int64_t orphans = TRY(source_.connection.QueryInt(
        "SELECT count(DISTINCT id) FROM embedding_metadata WHERE id NOT IN (SELECT id FROM "
        "embeddings)"));
    if (orphans > 0) {
      report.messages.push_back("metadata of " + std::to_string(orphans) +
                                " records is there, but their ids are lost");
    }
    return {};
  }

  const RescueSource& source_;
  const file::Path target_;
  const store::Progress& progress_;
  uint64_t done_ = 0, total_ = 0;
};

}  // namespace

Result<RescueReport> RescueChromaDirectory(const std::string& directory, const std::string& target,
                                           file::FileSystem& files,
                                           const store::Progress& progress) {
  const file::Path scratch = file::Path(target) / "scratch";
  TRY(files.MakeDirectory(scratch));
  RescueReport report;
  SqlCopy copy = TRY(CopySql(files, directory, scratch, &report.messages));
  const RescueSource source{copy.connection, files, directory, copy.repaired};
  Result<RescueReport> rescued = DirectoryRescue(source, target, progress).Run(std::move(report));
  if (!rescued.ok()) return rescued;
  copy.connection = store::Connection();
  TRY(file::RemoveAll(files, scratch));
  return rescued;
}

}  // namespace pannier::rescue
