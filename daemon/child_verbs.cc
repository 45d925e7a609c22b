#include "daemon/child_verbs.h"

#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "daemon/rescue/chroma_directory.h"
#include "daemon/salvage/salvage.h"
#include "daemon/store/offline_store.h"
#include "daemon/store/store_check.h"
#include "daemon/transfer/import.h"
#include "lib/file/file_system.h"
#include "lib/json/cold.h"

namespace pannier::daemon {
namespace {

using nlohmann::json;

// The members of a verb's arguments, which the daemon itself wrote.
class Arguments {
 public:
  static Result<Arguments> Parse(std::string_view text) {
    Arguments arguments;
    arguments.tree_ = TRY(pannier::json::ParseCold(text));
    return arguments;
  }
  std::string Text(const char* member) const {
    const auto found = tree_.is_object() ? tree_.find(member) : tree_.end();
    return found != tree_.end() && found->is_string() ? found->get<std::string>() : std::string();
  }

 private:
  json tree_;
};

// An export in the shape of a directory's report: one database, which the caller names.
Result<std::string> RescueExport(const std::string& from, const std::string& target,
                                 const ChildProgress& progress) {
  file::FileSystem& files = file::RealFileSystem();
  const std::string folder = target + "/0";
  TRY(files.MakeDirectory(folder));
  std::shared_ptr<store::Store> made =
      TRY(store::MakeOfflineStore(folder, store::StoreOptions(), files));
  TRY(transfer::ImportJsonLines(files, from, *made, progress));
  rescue::RescuedDatabase database{"default_tenant", "default_database", folder, {}};
  for (const store::CollectionPtr& each : made->ListCollections(std::nullopt, 0)) {
    rescue::RescuedCollection collection;
    collection.name = each->name;
    collection.id = each->id.ToString();
    collection.records = TRY(made->Count(each->id, {SteadyTime::max()}));
    database.collections.push_back(std::move(collection));
  }
  TRY(store::FinishOfflineStore(std::move(made), folder, files));
  rescue::RescueReport report;
  report.databases.push_back(std::move(database));
  return rescue::ToJson(report);
}

// Chroma's database is a file in its directory, and people name it.
Status CheckIsNoDatabase(file::FileSystem& files, const std::string& from) {
  constexpr std::string_view kMagic = "SQLite format 3";
  const auto opened = TRY(files.Open(from, file::OpenMode::kRead));
  std::string begin(kMagic.size(), '\0');
  const size_t got = TRY(opened->ReadAt(0, std::span(begin)));
  if (std::string_view(begin).substr(0, got) != kMagic) return {};
  return InvalidArgument(from + " is a database, and no export",
                         "name the directory that it lies in");
}

Result<std::string> Rescue(std::string_view text, const ChildProgress& progress) {
  const Arguments arguments = TRY(Arguments::Parse(text));
  const std::string from = arguments.Text("directory"), target = arguments.Text("target");
  file::FileSystem& files = file::RealFileSystem();
  const Result<file::Info> info = files.Stat(from);
  if (info.Is(Errc::kNotFound)) {
    return NotFound("there is no " + from,
                    "name Chroma's directory, or an export, as the daemon sees it");
  }
  if (!info.ok()) return info.error();
  if (info->kind == file::Kind::kFile) {
    TRY(CheckIsNoDatabase(files, from));
    return RescueExport(from, target, progress);
  }
  return rescue::ToJson(TRY(rescue::RescueChromaDirectory(from, target, files, progress)));
}

Result<std::string> Salvage(std::string_view text, const ChildProgress& progress) {
  const Arguments arguments = TRY(Arguments::Parse(text));
  return salvage::ReportToJson(
      TRY(salvage::SalvageStore(arguments.Text("damaged"), arguments.Text("snapshot"),
                                arguments.Text("fresh"), "", progress)));
}

Result<std::string> Check(std::string_view text, const ChildProgress& progress) {
  const Arguments arguments = TRY(Arguments::Parse(text));
  const bool quick = arguments.Text("level") == "Quick";
  const store::CheckReport report = TRY(store::CheckStoreFile(
      arguments.Text("folder"), quick ? store::CheckLevel::kQuick : store::CheckLevel::kFull, "",
      progress));
  json damage = json::array();
  for (const store::Damage& each : report.damage) {
    damage.push_back({{"collection", each.collection},
                      {"record", each.record},
                      {"id", each.id},
                      {"what", each.what}});
  }
  return pannier::json::Dump({{"sound", report.sound},
                              {"sequence", report.sequence},
                              {"collections", report.collections},
                              {"records", report.records},
                              {"bytes", report.bytes},
                              {"damage", std::move(damage)},
                              {"damageTotal", report.damage_total}});
}

}  // namespace

std::span<const ChildVerb> ChildVerbs() {
  static const ChildVerb verbs[] = {{"rescue", Rescue}, {"salvage", Salvage}, {"check", Check}};
  return verbs;
}

}  // namespace pannier::daemon
