// The command line of `kubectl pannier`, which is `pannierctl kube` under another name.
// Threads: one, at start.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/core/result.h"

namespace pannier::cluster {

enum class Command {
  kPrintText,  // Arguments::text: help, version
  kStatus,
  kSnapshot,
  kRestore,
  kVerify,
  kOperations,
  kCleanupReport,
  kSupportBundle,
};

enum class Format { kTable, kWide, kJson };

struct Arguments {
  Command command = Command::kPrintText;
  std::string text;
  Format format = Format::kTable;
  std::string kubeconfig, context;  // empty: as kubectl finds them
  std::string ns;                   // empty: the context's
  bool all_namespaces = false;
  std::chrono::milliseconds timeout{0};  // for an operation's end, or a plan
  std::string name;                      // the VectorStore, or the policy; may be empty for lists
  std::vector<std::string> stores;       // of kSnapshot: empty for all
  std::string pod, store, to_store;      // the target of kRestore, kVerify
  std::string snapshot, not_after;       // of kRestore; both empty: the latest
  std::string repository;                // of kSnapshot; empty: the VectorStore's
  std::string level;                     // of kVerify, as the API spells it: Quick, Full
  std::optional<int64_t> expire_after_seconds;
  bool hold = false, dry_run = false;
  bool wait = false;  // for the end
  bool yes = false;   // without asking
  std::string file;   // of kSupportBundle
};

// Whether the process was called for this command line: as `kubectl-pannier`, or with `kube` as the
// first word.
bool IsForCluster(int argc, const char* const* argv);

//   kInvalidArgument  wrong usage: exit code 2
Result<Arguments> ParseArguments(int argc, const char* const* argv);

}  // namespace pannier::cluster
