#include "cli/command_table.h"

#include <utility>

namespace pannier::cli {
namespace {

using Kind = OptionKind;

OptionSpec Store(std::string help = "TENANT/DATABASE; DATABASE of default_tenant") {
  return {"--store", "store", Kind::kStore, std::move(help), true};
}

OptionSpec AnyStore(std::string help) {
  return {"--store", "store", Kind::kStore, std::move(help)};
}

OptionSpec Repository() {
  return {"--repository", "repository", Kind::kText, "A repository of the daemon's config", true};
}

OptionSpec Choice(std::string flag, std::string member, std::string help,
                  std::vector<std::string> choices) {
  return {std::move(flag), std::move(member), Kind::kChoice, std::move(help),
          false,           std::move(choices)};
}

OptionSpec Uid(std::string name, std::string member, std::string help) {
  return {name + ",--" + name, std::move(member), Kind::kUuid, std::move(help), true};
}

OptionSpec DryRun() {
  return {"--dry-run", "dryRun", Kind::kFlag, "Show the plan, change nothing"};
}

void AddSnapshots(std::vector<CommandSpec>& table) {
  table.push_back(
      {"snapshot create",
       Command::kOperation,
       "snapshot",
       "Take one, and verify it",
       {Store(), Repository(),
        Choice("--verification", "verification", "How it is verified [Deep]", {"Manifest", "Deep"}),
        Choice("--include-index", "includeIndex", "With the index caches [IfClean]",
               {"Always", "IfClean", "Never"})}});
  table.push_back({"snapshot list",
                   Command::kSnapshotList,
                   "",
                   "All of a repository, or a store's",
                   {Repository(), AnyStore("Only of this store")}});
  table.push_back({"snapshot show",
                   Command::kSnapshotShow,
                   "",
                   "One, with its collections",
                   {Uid("uid", "uid", "Of the snapshot"), Repository()}});
  table.push_back({"snapshot diff",
                   Command::kSnapshotDiff,
                   "",
                   "What two differ in",
                   {Uid("from", "from", "The older snapshot's uid"),
                    Uid("to", "to", "The newer one's"), Repository()}});
}

void AddSnapshotCare(std::vector<CommandSpec>& table) {
  table.push_back({"snapshot verify",
                   Command::kOperation,
                   "snapshotVerify",
                   "Prove that one can be restored; exit code 3 when it cannot",
                   {Uid("uid", "snapshot", "Of the snapshot"), Repository(),
                    Choice("--level", "level",
                           "Manifest: its chunks. Deep: restored and checked "
                           "[Deep]",
                           {"Manifest", "Deep"})}});
  table.push_back({"snapshot hold",
                   Command::kOperation,
                   "snapshotHold",
                   "Keep one until the hold is dropped",
                   {Uid("uid", "snapshot", "Of the snapshot"),
                    Repository(),
                    {"--drop", "hold", Kind::kNot, "Drop the hold"}}});
  table.push_back({"snapshot delete",
                   Command::kOperation,
                   "snapshotDelete",
                   "Delete one",
                   {Uid("uid", "snapshot", "Of the snapshot"), Repository()}});
}

void AddRestore(std::vector<CommandSpec>& table) {
  table.push_back(
      {"restore",
       Command::kRestore,
       "restore",
       "Bring a store back from a repository; the present one is kept in quarantine",
       {AnyStore("TENANT/DATABASE that the snapshot is of"),
        Repository(),
        {"--to", "to", Kind::kStore, "Restore under this name, beside the present store"},
        {"--collection", "collection", Kind::kText, "Only this collection"},
        {"--snapshot", "snapshot", Kind::kUuid, "This snapshot, by its uid"},
        {"--sequence", "sequence", Kind::kCount, "The snapshot of this sequence"},
        {"--at", "at", Kind::kTime, "The newest snapshot not after this time"},
        {"--latest", "latest", Kind::kFlag, "The newest snapshot"},
        {"--all", "all", Kind::kFlag, "Every store of the repository"},
        {"--owner", "owner", Kind::kUuid,
         "Only snapshots of this owner, where several have some of the store"},
        {"--quarantine", "quarantineSeconds", Kind::kDuration, "How long the old store is kept"},
        DryRun(),
        {"--yes", "yes", Kind::kFlag, "Do not ask"}}});
}

void AddRepositories(std::vector<CommandSpec>& table) {
  table.push_back({"repository list", Command::kRepositoryList, "", "Those of the config", {}});
  table.push_back({"repository init",
                   Command::kOperation,
                   "repositoryInit",
                   "Make a repository in an empty place",
                   {Repository()}});
  table.push_back({"repository check",
                   Command::kOperation,
                   "repositoryCheck",
                   "Is it there, and ours?",
                   {Repository()}});
  table.push_back(
      {"repository gc",
       Command::kOperation,
       "repositoryGc",
       "Delete snapshots that no rule keeps, then chunks that none uses",
       {Repository(),
        {"--grace", "graceSeconds", Kind::kDuration,
         "Unused in two runs so far apart; longer than a snapshot takes"},
        {"--keep-last", "keep.last", Kind::kCount, "Snapshots to keep of each store"},
        {"--keep-hourly", "keep.hourly", Kind::kCount, "Hours of which to keep one"},
        {"--keep-daily", "keep.daily", Kind::kCount, "Days of which to keep one"},
        {"--keep-weekly", "keep.weekly", Kind::kCount, "Weeks of which to keep one"},
        {"--keep-monthly", "keep.monthly", Kind::kCount, "Months of which to keep one"},
        {"--keep-within", "keep.withinSeconds", Kind::kDuration, "Keep all younger than this"},
        DryRun()}});
}

void AddStoreUpkeep(std::vector<CommandSpec>& table) {
  table.push_back({"store verify",
                   Command::kOperation,
                   "verify",
                   "Is its file sound? Exit code 3 when it is damaged",
                   {Store(), Choice("--level", "level", "Quick: pages. Full: every record [Full]",
                                    {"Quick", "Full"})}});
  table.push_back({"store rebuild-index",
                   Command::kOperation,
                   "rebuildIndex",
                   "Throw its caches away and build them from the records",
                   {Store()}});
  table.push_back({"store salvage",
                   Command::kOperation,
                   "salvage",
                   "Copy what is readable to a fresh file; the damaged one is kept in quarantine",
                   {Store(),
                    {"--repository", "repository", Kind::kText,
                     "Fill gaps from its newest verified snapshot"}}});
  table.push_back({"store compact",
                   Command::kOperation,
                   "compact",
                   "Give free space back to the file system",
                   {Store()}});
  table.push_back(
      {"store retire",
       Command::kOperation,
       "quarantine",
       "Take a store away from its clients and keep it aside (store quarantine list)",
       {Store(),
        {"--idle", "idleSeconds", Kind::kDuration, "Only if no worker used it for so long"},
        {"--keep", "quarantineSeconds", Kind::kDuration,
         "Remove it for ever after so long; without: never"}}});
}

void AddStoreMoves(std::vector<CommandSpec>& table) {
  table.push_back({"store merge",
                   Command::kOperation,
                   "merge",
                   "Bring the collections and records of another store into it",
                   {Store(),
                    {"--from", "from", Kind::kStore, "The other store", true},
                    Choice("--on-conflict", "onConflict", "When both have a record [Keep]",
                           {"Keep", "Replace", "Newest"})}});
  table.push_back({"store fork",
                   Command::kOperation,
                   "fork",
                   "Copy it under a new name",
                   {Store(), {"--to", "to", Kind::kStore, "The copy's name", true}}});
  table.push_back({"store export",
                   Command::kOperation,
                   "export",
                   "Write it to a file of JSON Lines, or into a Chroma server",
                   {Store(),
                    {"--file", "file", Kind::kPath, "The daemon writes it; it must not exist"},
                    {"--url", "url", Kind::kText, "http://HOST:PORT of a running Chroma server"},
                    {"--tenant", "tenant", Kind::kText, "There [as here]"},
                    {"--database", "database", Kind::kText, "There [as here]"}}});
  table.push_back(
      {"store import",
       Command::kOperation,
       "import",
       "Bring a Chroma 1.x persist directory, or an export, over; it is only read",
       {{"directory,--directory", "directory", Kind::kPath,
         "Chroma's directory, or a file of JSON Lines, where the daemon can read it", true},
        AnyStore("The name for the only database in it")}});
}

void AddQuarantine(std::vector<CommandSpec>& table) {
  table.push_back(
      {"store quarantine list", Command::kQuarantineList, "", "Stores that were moved aside", {}});
  table.push_back({"store quarantine release",
                   Command::kQuarantineRelease,
                   "",
                   "Make one a store again",
                   {Uid("id", "id", "As `list` shows it"), Store()}});
  table.push_back({"store quarantine delete",
                   Command::kQuarantineDelete,
                   "",
                   "Remove one for ever",
                   {Uid("id", "id", "As `list` shows it")}});
}

void AddModes(std::vector<CommandSpec>& table) {
  table.push_back({"mode show", Command::kModeShow, "", "Which one, why, and what to do", {}});
  table.push_back({"mode normal",
                   Command::kModeNormal,
                   "",
                   "Accept writes again, unless the disk takes none",
                   {}});
  table.push_back({"mode read-only",
                   Command::kModeReadOnly,
                   "",
                   "Refuse the writes of clients until `mode normal`, or a restart",
                   {{"--reason", "reason", Kind::kText, "Shown to clients"}}});
}

void AddSweeps(std::vector<CommandSpec>& table) {
  table.push_back(
      {"sweep",
       Command::kOperation,
       "sweep",
       "Find leftovers in the data directory",
       {Choice("--mode", "mode", "What becomes of them [Report]",
               {"Report", "Quarantine", "Delete"}),
        Choice("--what", "what", "What is looked at [All]", {"All", "Files", "Sessions"}),
        {"--grace", "graceSeconds", Kind::kDuration, "Spare what is younger than this"},
        {"--session-idle", "sessionIdleSeconds", Kind::kDuration,
         "Also sessions silent for so long; mode Delete ends them"}}});
  table.push_back({"sessions list",
                   Command::kSessionsList,
                   "",
                   "Workers that are registered, the longest silent first",
                   {}});
  table.push_back({"sessions end",
                   Command::kSessionsEnd,
                   "",
                   "End one and remove its temporary stores",
                   {Uid("uid", "uid", "As `list` shows it")}});
}

void AddOthers(std::vector<CommandSpec>& table) {
  table.push_back({"operations list",
                   Command::kOperationsList,
                   "",
                   "The newest first",
                   {{"--limit", "limit", Kind::kCount, "How many"}}});
  table.push_back({"operations show",
                   Command::kOperationsShow,
                   "",
                   "One, as it stands",
                   {Uid("uid", "uid", "As it was printed")}});
  table.push_back({"operations cancel",
                   Command::kOperationsCancel,
                   "",
                   "Stop one at its next step",
                   {Uid("uid", "uid", "As it was printed")}});
  table.push_back({"events",
                   Command::kEvents,
                   "",
                   "What happened, and what to do about it",
                   {{"--after", "after", Kind::kCount, "Only those after this number"}}});
}

}  // namespace

const std::vector<CommandSpec>& AdminCommands() {
  static const std::vector<CommandSpec> table = [] {
    std::vector<CommandSpec> made;
    AddSnapshots(made);
    AddSnapshotCare(made);
    AddRestore(made);
    AddRepositories(made);
    AddStoreUpkeep(made);
    AddStoreMoves(made);
    AddQuarantine(made);
    AddModes(made);
    AddSweeps(made);
    AddOthers(made);
    return made;
  }();
  return table;
}

std::string_view GroupHelp(std::string_view words) {
  if (words == "snapshot") return "Snapshots of stores, in a repository";
  if (words == "repository") return "Where snapshots are kept";
  if (words == "store") return "Checks, repairs and moves of one store";
  if (words == "store quarantine") return "Stores that were moved aside";
  if (words == "sessions") return "Workers that are registered, and their temporary stores";
  if (words == "operations") return "What the daemon was asked to do";
  if (words == "mode") return "Whether the daemon accepts writes, and why not";
  return "";
}

}  // namespace pannier::cli
