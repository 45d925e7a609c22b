#include "daemon/bootstrap.h"

#include "lib/core/log.h"

namespace pannier::daemon {
namespace {

constexpr const char* kAwaiting = "{\"state\": \"awaiting\"}\n";
constexpr const char* kDone = "{\"state\": \"done\"}\n";
constexpr uint64_t kBytesMax = 4 << 10;

}  // namespace

Bootstrap::Bootstrap(const Config& config, file::FileSystem& files)
    : directory_(config.data_dir),
      memory_(config.data_dir / "bootstrap.json"),
      wanted_(config.bootstrap == BootstrapFrom::kLatestSnapshot),
      files_(files) {}

Status Bootstrap::Open() {
  const bool is_noted = TRY(file::Exists(files_, memory_));
  forgets_ = is_noted && !wanted_;
  if (!wanted_) return {};
  if (is_noted) {
    awaiting_ = TRY(file::ReadFile(files_, memory_, kBytesMax)) != kDone;
  } else if (!TRY(file::Exists(files_, directory_ / "identity.json")) && TRY(IsEmpty())) {
    // Before the directory gets an identity: from then on it has stores, and is served.
    TRY(file::MakeDirectories(files_, directory_));
    TRY(file::ReplaceFile(files_, memory_, kAwaiting));
    awaiting_ = true;
  }
  if (awaiting_) {
    LogInfo("waits for its first snapshot").Add("hint", "nobody is served until it is restored");
  }
  return {};
}

Status Bootstrap::OnOwned() {
  if (!forgets_) return {};
  forgets_ = false;
  return file::ReplaceFile(files_, memory_, kDone);
}

// But for what belongs to nobody's data. Another directory is for the stores to refuse.
Result<bool> Bootstrap::IsEmpty() const {
  if (!TRY(file::Exists(files_, directory_))) return true;
  for (const file::Entry& entry : TRY(files_.List(directory_))) {
    if (entry.name != "LOCK" && entry.name != "lost+found" && entry.name != "bootstrap.json.new") {
      return false;
    }
  }
  return true;
}

Status Bootstrap::Finish() {
  if (!awaiting_) return {};
  TRY(file::ReplaceFile(files_, memory_, kDone));
  awaiting_ = false;
  LogInfo("the first snapshot is restored");
  return {};
}

}  // namespace pannier::daemon
