#include "tests/daemon/operations/inline_children.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "daemon/rescue/chroma_directory.h"
#include "daemon/salvage/salvage.h"
#include "daemon/store/offline_store.h"
#include "daemon/transfer/import.h"

namespace pannier::operations {
namespace {

using nlohmann::json;

Result<std::string> Salvage(const json& arguments, const std::string& vfs,
                            const store::Progress& progress) {
  const salvage::Report report = TRY(salvage::SalvageStore(
      arguments["damaged"], arguments["snapshot"], arguments["fresh"], vfs, progress));
  return salvage::ReportToJson(report);
}

Result<std::string> Rescue(const json& arguments, test::FaultyFileSystem& files,
                           const std::string& vfs, const store::Progress& progress) {
  const std::string folder = arguments["target"].get<std::string>() + "/0";
  TRY(files.MakeDirectory(folder));
  store::StoreOptions options;
  options.sqlite_vfs = vfs;
  std::shared_ptr<store::Store> made = TRY(store::MakeOfflineStore(folder, options, files));
  TRY(transfer::ImportJsonLines(files, arguments["directory"].get<std::string>(), *made, progress));
  TRY(store::FinishOfflineStore(std::move(made), folder, files));
  rescue::RescueReport report;
  report.databases.push_back({"default_tenant", "imported", folder, {}});
  return rescue::ToJson(report);
}

}  // namespace

RunChild InlineChildren(test::FaultyFileSystem& files, std::string vfs) {
  return [&files, vfs = std::move(vfs)](const std::string& verb, const std::string& text,
                                        const store::Progress& progress) -> Result<std::string> {
    const json arguments = json::parse(text);
    if (verb == "salvage") return Salvage(arguments, vfs, progress);
    return Rescue(arguments, files, vfs, progress);
  };
}

}  // namespace pannier::operations
