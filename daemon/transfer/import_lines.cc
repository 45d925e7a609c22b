// ImportJsonLines.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "daemon/model/configuration.h"
#include "daemon/model/embedding_function.h"
#include "daemon/model/metadata.h"
#include "daemon/transfer/collections.h"
#include "daemon/transfer/import.h"
#include "daemon/transfer/line_reader.h"
#include "daemon/transfer/lines.h"
#include "lib/json/cold.h"
#include "lib/json/reader.h"

namespace pannier::transfer {
namespace {

constexpr size_t kBatchRecords = 500;
constexpr uint64_t kBatchBytes = 4 << 20;

Result<std::string> RequiredText(const json::Value& line, std::string_view member) {
  const auto value = line.Find(member);
  if (value && value->is_string() && !value->AsString().empty())
    return std::string(value->AsString());
  return InvalidArgument("the member \"" + std::string(member) + "\" is missing");
}

Result<std::optional<std::string>> OptionalText(const json::Value& line, std::string_view member) {
  const auto value = line.Find(member);
  if (!value || value->is_null()) return std::optional<std::string>();
  if (value->is_string()) return std::optional(std::string(value->AsString()));
  return InvalidArgument("the member \"" + std::string(member) + "\" is not a text");
}

Result<std::optional<model::Metadata>> MetadataOf(const json::Value& line) {
  const auto value = line.Find("metadata");
  if (!value || value->is_null()) return std::optional<model::Metadata>();
  Result<model::Metadata> metadata = model::ReadStoredMetadata(*value);
  if (!metadata.ok()) return InvalidArgument("metadata: " + metadata.error().what);
  return std::optional(std::move(metadata).value());
}

// A default embedding function counts as said by nobody, so a schema drops it unless it is told
// beside.
nlohmann::json DefaultFunctionOf(const nlohmann::json& configuration) {
  const auto function = configuration.find("embedding_function");
  if (function == configuration.end() || !model::IsDefaultEmbeddingFunction(*function))
    return nullptr;
  return {{"embedding_function", *function}};
}

class Importer {
 public:
  Importer(LineReader& lines, store::Store& into, const store::Progress& progress)
      : lines_(lines), into_(into), progress_(progress) {}

  Result<Transferred> Run() {
    bool ended = false;
    for (auto text = TRY(lines_.Next()); text; text = TRY(lines_.Next())) {
      if (ended) return InvalidArgument("there are lines behind the end");
      const Result<bool> end = TakeLine(*text);
      if (!end.ok()) {
        Error error = end.error();
        return std::move(error).Context("line " + std::to_string(lines_.number()));
      }
      ended = *end;
      if (progress_ && !progress_(lines_.offset(), lines_.bytes()))
        return DeadlineExceeded("the import was stopped");
    }
    if (!ended) {
      return Corruption("the file ends before its last line",
                        "it was not written to its end, or was cut off on its way");
    }
    done_.bytes = lines_.bytes();
    return std::move(done_);
  }

 private:
  // True: it was the last one.
  Result<bool> TakeLine(std::string_view text) {
    const json::Value line = TRY(document_.ParseCopy(text));
    if (!line.is_object()) return InvalidArgument("it is not an object");
    if (lines_.number() == 1) {
      TRY(CheckHeader(line));
    } else if (line.Find("collection")) {
      TRY(BeginCollection(line));
    } else if (line.Find("end")) {
      TRY(EndCollection());
      TRY(CheckEnd(line));
      return true;
    } else {
      TRY(TakeRecord(line));
    }
    return false;
  }

  static Status CheckHeader(const json::Value& line) {
    const auto format = line.Find("format"), version = line.Find("version");
    if (!format || !format->is_string() || format->AsString() != kFormat || !version ||
        version->kind() != json::Kind::kInt) {
      return InvalidArgument("the file is not an export", "docs/formats/export.md shows one");
    }
    if (version->AsInt() == kVersion) return {};
    return InvalidArgument("the export is of version " + std::to_string(version->AsInt()) +
                               ", which this program does not know",
                           "use a newer pannierd");
  }

  Status CheckEnd(const json::Value& line) const {
    const auto records = line.Find("records");
    if (records && records->kind() == json::Kind::kInt &&
        static_cast<uint64_t>(records->AsInt()) == done_.records) {
      return {};
    }
    return Corruption("the file holds " + std::to_string(done_.records) +
                      " records and says another number");
  }

  Status BeginCollection(const json::Value& line) {
    TRY(EndCollection());
    store::NewCollection wanted;
    wanted.name = TRY(RequiredText(line, "collection"));
    wanted.id = Uuid::Parse(TRY(RequiredText(line, "id")));
    if (!wanted.id) return InvalidArgument("the member \"id\" is not a UUID");
    if (into_.FindCollection(*wanted.id) != nullptr) wanted.id.reset();
    const auto metadata = TRY(MetadataOf(line));
    if (metadata && !metadata->empty()) wanted.metadata = model::ToJson(*metadata);
    const auto configuration = line.Find("configuration"), schema = line.Find("schema");
    if (!configuration || !schema) return InvalidArgument("configuration or schema is missing");
    const nlohmann::json function = DefaultFunctionOf(json::ToCold(*configuration));
    const nlohmann::json schema_tree = json::ToCold(*schema);
    wanted.index = TRY(model::DescribeIndex(&function, &schema_tree, nullptr));
    collection_ = TRY(into_.CreateCollection(wanted, NoHurry()))->id;
    const auto dimension = line.Find("dimension");
    if (dimension && dimension->kind() == json::Kind::kInt && dimension->AsInt() > 0 &&
        dimension->AsInt() <= (1 << 20)) {
      dimension_ = static_cast<uint32_t>(dimension->AsInt());
    }
    ++done_.collections;
    return {};
  }

  Status TakeRecord(const json::Value& line) {
    if (!collection_) return InvalidArgument("a record stands before the first collection");
    batch_.ids.push_back(TRY(RequiredText(line, "id")));
    batch_.documents.push_back(TRY(OptionalText(line, "document")));
    batch_.uris.push_back(TRY(OptionalText(line, "uri")));
    batch_.metadatas.push_back(TRY(MetadataOf(line)));
    batch_.has_vector.push_back(TRY(TakeVector(line)));
    bytes_ +=
        batch_.ids.back().size() + (batch_.documents.back() ? batch_.documents.back()->size() : 0);
    ++done_.records;
    const uint64_t held = bytes_ + batch_.vectors.size() * sizeof(float);
    return batch_.ids.size() >= kBatchRecords || held >= kBatchBytes ? Flush() : Status();
  }

  Result<bool> TakeVector(const json::Value& line) {
    const auto embedding = line.Find("embedding");
    if (!embedding || embedding->is_null()) return false;
    const size_t before = batch_.vectors.size();
    if (!embedding->is_array() || !embedding->AppendFloats(&batch_.vectors))
      return InvalidArgument("the embedding is not a list of numbers");
    const size_t count = batch_.vectors.size() - before;
    if (!dimension_) dimension_ = static_cast<uint32_t>(count);
    const bool finite = std::all_of(batch_.vectors.begin() + static_cast<ptrdiff_t>(before),
                                    batch_.vectors.end(), [](float x) { return std::isfinite(x); });
    if (count == 0 || count != *dimension_ || !finite) {
      return InvalidArgument("the embedding is not one of " + std::to_string(*dimension_) +
                             " finite numbers");
    }
    batch_.dimension = *dimension_;
    has_vectors_ = true;
    return true;
  }

  Status Flush() {
    if (!batch_.ids.empty()) {
      const uint64_t before = TRY(into_.Count(*collection_, NoHurry()));
      const size_t wanted = batch_.ids.size();
      TRY(into_.Write(*collection_, model::WriteKind::kAdd, batch_, NoHurry()));
      if (TRY(into_.Count(*collection_, NoHurry())) != before + wanted)
        return InvalidArgument("an id stands twice in the collection");
    }
    batch_ = model::RecordBatch();
    bytes_ = 0;
    return {};
  }

  // A dimension outlives the records that fixed it.
  Status EndCollection() {
    if (!collection_) return {};
    TRY(Flush());
    if (dimension_ && !has_vectors_) TRY(FixDimension());
    collection_.reset();
    dimension_.reset();
    has_vectors_ = false;
    return {};
  }

  Status FixDimension() {
    model::RecordBatch one;
    one.ids = {"dimension " + Uuid::Random().ToString()};
    one.dimension = *dimension_;
    one.vectors.assign(*dimension_, 0.0F);
    one.has_vector = {true};
    TRY(into_.Write(*collection_, model::WriteKind::kAdd, one, NoHurry()));
    model::Selection selection;
    selection.ids = one.ids;
    TRY(into_.Delete(*collection_, selection, std::nullopt, NoHurry()));
    return {};
  }

  LineReader& lines_;
  store::Store& into_;
  const store::Progress& progress_;
  json::Document document_;
  std::optional<Uuid> collection_;  // to which records belong now
  std::optional<uint32_t> dimension_;
  bool has_vectors_ = false;
  model::RecordBatch batch_;
  uint64_t bytes_ = 0;
  Transferred done_;
};

}  // namespace

Result<Transferred> ImportJsonLines(file::FileSystem& files, const file::Path& from,
                                    store::Store& into, const store::Progress& progress) {
  LineReader lines = TRY(LineReader::Open(files, from));
  return Importer(lines, into, progress).Run().Context(from.filename().string());
}

}  // namespace pannier::transfer
