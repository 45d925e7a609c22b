// pannierctl's command line. Threads: one, at start.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "lib/core/result.h"

namespace pannier::cli {

enum class Format { kTable, kJson, kYaml };

enum class Command {
  kPrintText,  // Arguments::text: help, version, a completion script
  kStatus,
  kStoresList,
  kStoresInfo,
  kStoresClose,
  kStoresFlush,
  kHealthcheck,
  kConfigCheck,
  kInject,
  // Of the admin API: command_table.h.
  kOperation,  // Arguments::body says which
  kRestore,    // an operation whose plan is shown first
  kSnapshotList,
  kSnapshotShow,
  kSnapshotDiff,
  kRepositoryList,
  kQuarantineList,
  kQuarantineRelease,
  kQuarantineDelete,
  kOperationsList,
  kOperationsShow,
  kOperationsCancel,
  kSessionsList,
  kSessionsEnd,
  kEvents,
  kModeShow,
  kModeNormal,
  kModeReadOnly,
};

struct StoreName {
  std::string tenant;
  std::string database;
};

struct Arguments {
  Command command = Command::kPrintText;
  std::string text;
  Format format = Format::kTable;
  std::string socket;
  std::string admin_socket;
  std::string admin_address;  // HOST:PORT with mutual TLS, instead of the sockets; empty: none
  std::string ca_file, cert_file, key_file, server_name;
  std::chrono::milliseconds timeout{60'000};  // for an answer; with `wait`, for the operation
  StoreName store;
  std::string file;
  std::string vector_store_file, repository_file, image;  // of kInject
  // Of a command of the admin API: what its flags say, as the JSON of its request. Restores:
  // without "yes", which stands beside.
  std::string body = "{}";
  bool wait = false;  // for the operation's end
  bool yes = false;   // without asking
};

// A variable's value; empty counts as unset.
using Environment = std::function<std::optional<std::string>(const char* name)>;
Environment ProcessEnvironment();

//   kInvalidArgument  wrong usage: exit code 2
Result<Arguments> ParseArguments(int argc, const char* const* argv, const Environment& environment);

// "TENANT/DATABASE", or "DATABASE" of the default tenant.
//   kInvalidArgument  an empty part, or more than one slash
Result<StoreName> ParseStoreName(std::string_view text);

}  // namespace pannier::cli
