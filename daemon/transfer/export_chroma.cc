// ExportToChroma.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "daemon/model/schema.h"
#include "daemon/transfer/chroma_client.h"
#include "daemon/transfer/collections.h"
#include "daemon/transfer/export.h"
#include "lib/json/cold.h"
#include "lib/json/writer.h"

namespace pannier::transfer {
namespace {

using nlohmann::json;

constexpr uint64_t kBatchRecords = 1'000;
constexpr size_t kBodyBytes = 8 << 20;

// The body of one `add`, as text, so that numbers are written once.
class AddBody {
 public:
  void Add(const model::RecordView& record) {
    const char* comma = records_ == 0 ? "" : ",";
    ++records_;
    for (std::string* part : {&ids_, &embeddings_, &documents_, &metadatas_, &uris_})
      *part += comma;
    pannier::json::AppendString(record.id, &ids_);
    pannier::json::AppendFloats(record.vector, &embeddings_);
    AppendText(record.document, &documents_);
    metadatas_ += record.metadata.value_or("null");
    AppendText(record.uri, &uris_);
  }
  std::string Take() {
    std::string body = "{\"ids\":[" + ids_ + "],\"embeddings\":[" + embeddings_ +
                       "],\"documents\":[" + documents_ + "],\"metadatas\":[" + metadatas_ +
                       "],\"uris\":[" + uris_ + "]}";
    *this = AddBody();
    return body;
  }
  uint64_t records() const { return records_; }
  size_t bytes() const {
    return ids_.size() + embeddings_.size() + documents_.size() + metadatas_.size() + uris_.size();
  }

 private:
  static void AppendText(std::optional<std::string_view> text, std::string* out) {
    if (text) {
      pannier::json::AppendString(*text, out);
    } else {
      *out += "null";
    }
  }
  uint64_t records_ = 0;
  std::string ids_, embeddings_, documents_, metadatas_, uris_;
};

// A configuration as a request has it: without the parts that are null.
json RequestedConfiguration(const std::string& stored) {
  Result<json> configuration = pannier::json::ParseOwn(stored);
  if (!configuration.ok() || !configuration->is_object()) return json::object();
  json requested = json::object();
  for (const auto& [member, value] : configuration->items()) {
    if (!value.is_null()) requested[member] = value;
  }
  return requested;
}

// Whether somebody has switched indexes on or off: what a configuration cannot say.
bool HasSwitches(const json& schema) {
  const Result<model::VectorSettings> vectors = model::VectorsOf(schema);
  if (!vectors.ok()) return false;
  const json plain = model::MakeSchema(*vectors);
  if (schema.value("defaults", json()) != plain["defaults"]) return true;
  const json keys = schema.value("keys", json::object());
  for (const auto& [key, types] : keys.items()) {
    if (plain["keys"].contains(key)) {
      if (plain["keys"][key] != types) return true;
      continue;
    }
    for (const auto& [type, indexes] : types.items()) {
      if (indexes != plain["defaults"].value(type, json())) return true;
    }
  }
  return false;
}

class Exporter {
 public:
  Exporter(store::Store& store, ChromaClient client, const ChromaPlace& to,
           const store::Progress& progress)
      : store_(store), client_(std::move(client)), to_(to), progress_(progress) {}

  Result<Transferred> Run() {
    total_ = TRY(CountRecords(store_));
    const std::string tenant = "/tenants" + PathSegment(to_.tenant);
    TRY(MakeIfAbsent(tenant, "/tenants", to_.tenant));
    database_ = tenant + "/databases" + PathSegment(to_.database);
    TRY(MakeIfAbsent(database_, tenant + "/databases", to_.database));
    TRY(RefuseTakenNames());
    for (const store::CollectionPtr& collection : CollectionsByName(store_)) {
      TRY(Send(*collection).Context("collection " + collection->name));
      ++done_.collections;
    }
    return std::move(done_);
  }

 private:
  Status MakeIfAbsent(const std::string& path, const std::string& parent, const std::string& name) {
    const Result<json> found = client_.Get(path);
    if (found.ok()) return {};
    if (!found.Is(Errc::kNotFound)) return found.error();
    const Result<json> made =
        client_.Post(parent, pannier::json::Dump({{"name", name}}), /*repeatable=*/true);
    if (!made.ok() && !made.Is(Errc::kConflict)) return made.error();
    return {};
  }

  // Before anything is sent.
  Status RefuseTakenNames() {
    for (const store::CollectionPtr& collection : CollectionsByName(store_)) {
      const Result<json> found =
          client_.Get(database_ + "/collections" + PathSegment(collection->name));
      if (found.ok()) {
        return Conflict("collection " + collection->name + " is in " + to_.tenant + "/" +
                            to_.database + " already",
                        "export into an empty database");
      }
      if (!found.Is(Errc::kNotFound) && !found.Is(Errc::kInvalidArgument)) return found.error();
    }
    return {};
  }

  // The id it has there.
  Result<std::string> Create(const model::Collection& collection) {
    json body = {{"name", collection.name}, {"get_or_create", false}};
    if (collection.metadata) body["metadata"] = TRY(pannier::json::ParseOwn(*collection.metadata));
    const json schema = TRY(pannier::json::ParseOwn(collection.schema));
    Result<json> made = InvalidArgument("");
    if (HasSwitches(schema)) {
      body["schema"] = schema;
      made = client_.Post(database_ + "/collections", pannier::json::Dump(body), false);
      body.erase("schema");
      if (made.Is(Errc::kInvalidArgument)) {
        done_.messages.push_back("collection " + collection.name +
                                 ": its schema was refused; its configuration went instead");
      }
    }
    if (made.Is(Errc::kInvalidArgument)) {
      body["configuration"] = RequestedConfiguration(collection.configuration);
      made = client_.Post(database_ + "/collections", pannier::json::Dump(body), false);
    }
    const json answer = TRY(std::move(made));
    if (!answer.is_object() || !answer.contains("id") || !answer["id"].is_string())
      return Unavailable("the Chroma server did not say the new collection's id");
    return answer["id"].get<std::string>();
  }

  Status Send(const model::Collection& collection) {
    const std::string path = database_ + "/collections" + PathSegment(TRY(Create(collection)));
    AddBody body;
    uint64_t bare = 0, sent = 0;
    const uint64_t batch = std::min(client_.batch_max(), kBatchRecords);
    const auto add = [&](uint32_t, const model::RecordView& record, float) -> Status {
      if (progress_ && !progress_(++seen_, total_))
        return DeadlineExceeded("the export was stopped");
      if (record.vector.empty()) {
        ++bare;
        return {};
      }
      body.Add(record);
      ++sent;
      return body.records() >= batch || body.bytes() >= kBodyBytes ? Flush(path, body) : Status();
    };
    TRY(store_.Get(collection.id, AllRecords(), add, NoHurry()));
    TRY(Flush(path, body));
    if (bare > 0) {
      done_.messages.push_back("collection " + collection.name + ": " + std::to_string(bare) +
                               " records without a vector stayed behind");
    }
    done_.records += sent;
    return CheckCount(path, sent);
  }

  // An add of ids that are there does nothing, so it may be sent again.
  Status Flush(const std::string& path, AddBody& body) {
    if (body.records() == 0) return {};
    const std::string text = body.Take();
    done_.bytes += text.size();
    TRY(client_.Post(path + "/add", text, /*repeatable=*/true));
    return {};
  }

  Status CheckCount(const std::string& path, uint64_t sent) {
    const json count = TRY(client_.Get(path + "/count"));
    if (count.is_number_integer() && count.get<uint64_t>() == sent) return {};
    return Unavailable("the Chroma server counts " + count.dump() + " of " + std::to_string(sent) +
                       " records");
  }

  store::Store& store_;
  ChromaClient client_;
  const ChromaPlace& to_;
  const store::Progress& progress_;
  std::string database_;
  uint64_t seen_ = 0, total_ = 0;
  Transferred done_;
};

}  // namespace

Result<Transferred> ExportToChroma(store::Store& store, const ChromaPlace& to,
                                   const store::Progress& progress) {
  return Exporter(store, TRY(ChromaClient::Connect(to.url)), to, progress).Run();
}

}  // namespace pannier::transfer
