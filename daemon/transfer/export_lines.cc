// ExportJsonLines.
#include "daemon/transfer/collections.h"
#include "daemon/transfer/export.h"
#include "daemon/transfer/lines.h"
#include "lib/json/writer.h"

namespace pannier::transfer {
namespace {

constexpr size_t kBlockBytes = 1 << 20;

// A new file that gets its name once it is whole.
class LinesFile {
 public:
  LinesFile(file::FileSystem& files, file::Path to)
      : files_(files), to_(std::move(to)), partial_(to_.string() + ".partial") {}
  LinesFile(const LinesFile&) = delete;
  LinesFile& operator=(const LinesFile&) = delete;
  ~LinesFile() {
    if (file_ == nullptr) return;
    // What cannot be removed keeps its name, which says that it is not whole.
    [[maybe_unused]] const Status removed = files_.Remove(partial_);
  }

  Status Open() {
    if (TRY(file::Exists(files_, to_))) return AlreadyThere();
    TRY(file::RemoveAll(files_, partial_));
    file_ = TRY(files_.Open(partial_, file::OpenMode::kCreateNew));
    return {};
  }

  Status Add(std::string_view line) {
    block_ += line;
    block_ += '\n';
    return block_.size() >= kBlockBytes ? Flush() : Status();
  }

  // Bytes in all.
  Result<uint64_t> Finish() {
    TRY(Flush());
    TRY(file_->Sync());
    if (TRY(file::Exists(files_, to_))) return AlreadyThere();
    TRY(file::RenameDurably(files_, partial_, to_));
    file_.reset();
    return bytes_;
  }

 private:
  Error AlreadyThere() const {
    return Conflict(to_.string() + " exists already", "name another file, or remove that one");
  }

  Status Flush() {
    TRY(file_->Append(block_));
    bytes_ += block_.size();
    block_.clear();
    return {};
  }

  file::FileSystem& files_;
  const file::Path to_, partial_;
  std::unique_ptr<file::File> file_;
  std::string block_;
  uint64_t bytes_ = 0;
};

void AddText(const char* member, std::string_view text, std::string* line) {
  *line += member;
  json::AppendString(text, line);
}

std::string CollectionLine(const model::Collection& collection) {
  std::string line;
  AddText("{\"collection\":", collection.name, &line);
  AddText(",\"id\":", collection.id.ToString(), &line);
  if (collection.dimension) line += ",\"dimension\":" + std::to_string(*collection.dimension);
  if (collection.metadata) line += ",\"metadata\":" + *collection.metadata;
  // Both are canonical JSON already.
  line += ",\"configuration\":" + collection.configuration;
  line += ",\"schema\":" + collection.schema + "}";
  return line;
}

void RecordLine(const model::RecordView& record, std::string* line) {
  line->clear();
  AddText("{\"id\":", record.id, line);
  if (!record.vector.empty()) {
    *line += ",\"embedding\":";
    json::AppendFloats(record.vector, line);
  }
  if (record.document) AddText(",\"document\":", *record.document, line);
  if (record.metadata) (*line += ",\"metadata\":").append(*record.metadata);
  if (record.uri) AddText(",\"uri\":", *record.uri, line);
  *line += '}';
}

}  // namespace

Result<Transferred> ExportJsonLines(store::Store& store, file::FileSystem& files,
                                    const file::Path& to, const store::Progress& progress) {
  Transferred done;
  const uint64_t total = TRY(CountRecords(store));
  LinesFile file(files, to);
  TRY(file.Open().Context("export to " + to.string()));
  TRY(file.Add(kHeaderLine));
  std::string line;
  for (const store::CollectionPtr& collection : CollectionsByName(store)) {
    TRY(file.Add(CollectionLine(*collection)));
    ++done.collections;
    const auto write = [&](uint32_t, const model::RecordView& record, float) -> Status {
      ++done.records;
      if (progress && !progress(done.records, total))
        return DeadlineExceeded("the export was stopped");
      RecordLine(record, &line);
      return file.Add(line);
    };
    TRY(store.Get(collection->id, AllRecords(), write, NoHurry()));
  }
  TRY(file.Add(EndLine(done.collections, done.records)));
  done.bytes = TRY(file.Finish());
  return done;
}

}  // namespace pannier::transfer
