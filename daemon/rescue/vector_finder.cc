#include "daemon/rescue/vector_finder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace pannier::rescue {
namespace {

using store::Connection;
using store::Statement;

constexpr uint64_t kPickleBytesMax = 1ull << 29;
// A vector that was divided by its length and multiplied by it again.
constexpr float kRoundTripTolerance = 1e-4F;

bool IsFolderName(const std::string& segment) {
  return !segment.empty() && segment.find('/') == std::string::npos && segment != "." &&
         segment != ".." && segment.find('\0') == std::string::npos;
}

bool NearlyEqual(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return false;
  float most = 0, apart = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    most = std::max(most, std::abs(a[i]));
    apart = std::max(apart, std::abs(a[i] - b[i]));
  }
  return apart <= most * kRoundTripTolerance;
}

}  // namespace

Result<VectorFinder> VectorFinder::Make(Connection& connection, file::FileSystem& files,
                                        const file::Path& directory,
                                        const ChromaCollection& collection, std::string topic,
                                        int64_t until, std::vector<std::string>* messages) {
  VectorFinder finder(connection);
  finder.vectors_until_ = collection.vectors_until.value_or(-1);
  finder.fetch_ =
      TRY(connection.Prepare("SELECT vector, encoding FROM embeddings_queue WHERE seq_id = ?"));
  if (IsFolderName(collection.vector_segment)) {
    const file::Path folder = directory / collection.vector_segment;
    finder.OpenFolder(files, folder, collection);
    // Until the first 1,000 records there is a folder without an id map, or none at all.
    const bool filled =
        finder.folder_ && (collection.vectors_until || finder.folder_->elements() > 0);
    if (!finder.folder_ && collection.vectors_until) {
      finder.problems_.push_back("its HNSW files are missing");
    } else if (filled) {
      const auto pickle = file::ReadFile(files, folder / "index_metadata.pickle", kPickleBytesMax);
      const IdMap map = pickle.ok() ? ReadIdMap(*pickle) : IdMap{{}, pickle.error().what};
      if (!map.whole() && collection.vectors_until)
        finder.problems_.push_back("index_metadata.pickle: " + map.problem);
      finder.MatchLabels(map);
      if (!topic.empty()) TRY(finder.ReadQueue(topic, until));
      if (!map.whole() && collection.vectors_until) TRY(finder.MatchByOrder(collection));
      topic.clear();
    }
  }
  if (!topic.empty()) TRY(finder.ReadQueue(topic, until));
  messages->insert(messages->end(), finder.problems_.begin(), finder.problems_.end());
  return finder;
}

void VectorFinder::OpenFolder(file::FileSystem& files, const file::Path& folder,
                              const ChromaCollection& collection) {
  HnswFolder::Expected expected;
  expected.dimension = collection.dimension;
  expected.max_neighbors = collection.index.hnsw.max_neighbors;
  expected.cosine = collection.index.hnsw.space == model::Space::kCosine;
  Result<HnswFolder> opened = HnswFolder::Open(files, folder, expected);
  if (opened.ok()) {
    problems_ = opened->problems();
    folder_ = std::move(opened).value();
  } else if (!opened.Is(Errc::kNotFound)) {
    problems_.push_back("its HNSW files: " + opened.error().what);
  }
}

void VectorFinder::MatchLabels(const IdMap& map) {
  std::unordered_map<uint64_t, HnswFolder::Element> by_label;
  std::unordered_set<uint64_t> twice;
  const Status scanned = folder_->Scan([&](const HnswFolder::Element& element) {
    if (!by_label.emplace(element.label, element).second) twice.insert(element.label);
  });
  if (!scanned.ok()) problems_.push_back("data_level0.bin: " + scanned.error().what);
  if (!twice.empty()) {
    problems_.push_back("data_level0.bin holds " + std::to_string(twice.size()) +
                        " labels more than once");
  }
  uint64_t absent = 0;
  for (const auto& [label, id] : map.ids) {
    const auto found = by_label.find(label);
    if (found == by_label.end()) {
      ++absent;
    } else if (!found->second.deleted && twice.count(label) == 0) {
      places_[id].element = static_cast<int64_t>(found->second.number);
    }
  }
  if (absent > 0)
    problems_.push_back(std::to_string(absent) + " records have no vector in data_level0.bin");
  for (const auto& [label, element] : by_label) {
    if (!element.deleted && twice.count(label) == 0) alive_.push_back(element);
  }
  std::sort(alive_.begin(), alive_.end(),
            [](const auto& a, const auto& b) { return a.label < b.label; });
}

// --- the queue ---

Status VectorFinder::ReadQueue(std::string_view topic, int64_t until) {
  Statement rows = TRY(connection_->Prepare(
      "SELECT seq_id, operation, id, vector IS NOT NULL FROM embeddings_queue WHERE topic = ? AND "
      "seq_id <= ? ORDER BY seq_id"));
  rows.Bind(1, topic).Bind(2, until);
  while (TRY(rows.Step())) {
    const int64_t operation = rows.Int(1);
    if (operation < 0 || operation > static_cast<int64_t>(QueueOperation::kDelete)) continue;
    Note(static_cast<QueueOperation>(operation), std::string(rows.Text(2)), rows.Int(0),
         rows.Int(3) != 0);
  }
  return {};
}

void VectorFinder::Note(QueueOperation operation, const std::string& id, int64_t entry,
                        bool has_vector) {
  const bool in_files = entry <= vectors_until_;
  if (!in_files) NoteSince(operation, id);
  if (operation == QueueOperation::kDelete) {
    const auto found = places_.find(id);
    if (found == places_.end()) return;
    found->second.entry = -1;
    // What the files hold of it came later, if they have taken this entry in.
    if (!in_files || found->second.element < 0) places_.erase(found);
    return;
  }
  if (!has_vector) return;
  Place& place = places_[id];
  const bool is_add = operation == QueueOperation::kAdd;
  // An add of a record that exists does nothing.
  if (is_add && !in_files && (place.element >= 0 || place.entry >= 0)) return;
  place.entry = entry;
  place.is_add = is_add;
}

// What the queue says of an id first since the files were written tells whether they hold it.
void VectorFinder::NoteSince(QueueOperation operation, const std::string& id) {
  const bool first = seen_since_.insert(id).second;
  if (first && operation == QueueOperation::kDelete) deleted_since_.insert(id);
}

Result<bool> VectorFinder::FromQueue(int64_t entry, std::vector<float>* into) {
  fetch_.Reset();
  fetch_.Bind(1, entry);
  const Result<bool> row = fetch_.Step();
  if (!row.ok()) return row.Is(Errc::kCorruption) ? Result<bool>(false) : row;
  if (!*row) return false;
  const Status parsed = ParseQueuedVector(fetch_, 0, 1, into);
  fetch_.Reset();
  return parsed.ok();
}

bool VectorFinder::FromFiles(int64_t element, std::vector<float>* into) {
  return folder_->Vector(static_cast<uint64_t>(element), into).ok();
}

Status ParseQueuedVector(const Statement& row, int vector_column, int encoding_column,
                         std::vector<float>* into) {
  const std::span<const std::byte> bytes = row.Blob(vector_column);
  const std::string_view encoding = row.Text(encoding_column);
  if (bytes.empty() || bytes.size() % sizeof(float) != 0)
    return Corruption("a vector of the queue is not whole");
  const size_t dimension = bytes.size() / sizeof(float);
  into->resize(dimension);
  if (encoding == "INT32") {
    std::vector<int32_t> whole(dimension);
    std::memcpy(whole.data(), bytes.data(), bytes.size());
    std::transform(whole.begin(), whole.end(), into->begin(),
                   [](int32_t x) { return static_cast<float>(x); });
  } else if (encoding == "FLOAT32") {
    std::memcpy(into->data(), bytes.data(), bytes.size());
  } else {
    return Corruption("a vector of the queue is of no known kind");
  }
  if (!std::all_of(into->begin(), into->end(), [](float x) { return std::isfinite(x); }))
    return Corruption("a vector of the queue is not of numbers");
  return {};
}

// --- records without a label ---

VectorFinder::Likeness VectorFinder::Compare(const std::string& id, uint64_t element) {
  const auto place = places_.find(id);
  if (place == places_.end() || place->second.entry < 0) return Likeness::kUnknown;
  if (place->second.entry > vectors_until_) return Likeness::kUnknown;  // newer than the files
  std::vector<float> queued, stored;
  const Result<bool> found = FromQueue(place->second.entry, &queued);
  if (!found.ok() || !*found || !FromFiles(static_cast<int64_t>(element), &stored))
    return Likeness::kUnknown;
  return NearlyEqual(queued, stored) ? Likeness::kSame : Likeness::kOther;
}

Status VectorFinder::MatchByOrder(const ChromaCollection& collection) {
  std::unordered_map<int64_t, std::string> id_of;  // by element
  for (const auto& [id, place] : places_) {
    if (place.element >= 0) id_of.emplace(place.element, id);
  }
  if (id_of.size() >= alive_.size()) return {};
  OrderedSides sides = TRY(RecordsInOrder(collection));
  for (const HnswFolder::Element& element : alive_) {
    const auto known = id_of.find(static_cast<int64_t>(element.number));
    sides.elements.push_back({element.number, known == id_of.end() ? "" : known->second});
  }
  for (const std::string& id : deleted_since_) {
    const auto place = places_.find(id);
    if (place == places_.end() || place->second.element < 0) ++sides.without_record;
  }
  std::vector<OrderedMatch> matches = rescue::MatchByOrder(sides);
  bool confirmed = !id_of.empty(), contradicted = false;
  for (const OrderedMatch& match : matches) {
    const Likeness likeness = Compare(match.id, match.element);
    confirmed = confirmed || likeness == Likeness::kSame;
    contradicted = contradicted || likeness == Likeness::kOther;
  }
  if (!confirmed || contradicted) matches.clear();
  Take(matches, alive_.size() - id_of.size(), sides.without_record);
  return {};
}

Result<OrderedSides> VectorFinder::RecordsInOrder(const ChromaCollection& collection) {
  OrderedSides sides;
  Statement rows = TRY(connection_->Prepare(
      "SELECT embedding_id, seq_id FROM embeddings WHERE segment_id = ? ORDER BY id"));
  rows.Bind(1, std::string_view(collection.metadata_segment));
  while (TRY(rows.Step())) {
    const std::string id(rows.Text(0));
    const auto place = places_.find(id);
    const bool since = SequenceOf(rows, 1).value_or(-1) > vectors_until_;
    const bool added = since && place != places_.end() && place->second.is_add &&
                       place->second.entry > vectors_until_;
    RecordAge age = since ? RecordAge::kUnknown : RecordAge::kBefore;
    if (added) age = RecordAge::kAfter;
    sides.records.push_back({id, age});
  }
  return sides;
}

void VectorFinder::Take(const std::vector<OrderedMatch>& matches, uint64_t unknown,
                        uint64_t without_record) {
  for (const OrderedMatch& match : matches)
    places_[match.id].element = static_cast<int64_t>(match.element);
  if (!matches.empty()) {
    problems_.push_back(std::to_string(matches.size()) +
                        " vectors were matched to their records by order");
  }
  const uint64_t left = unknown - matches.size();
  if (left > without_record) {
    problems_.push_back(std::to_string(left) +
                        " vectors of data_level0.bin belong to records that cannot be told");
  }
}

// --- answers ---

std::optional<uint32_t> VectorFinder::dimension() const {
  if (!folder_) return std::nullopt;
  return folder_->dimension();
}

Result<bool> VectorFinder::Find(std::string_view id, std::optional<int64_t> sequence,
                                std::vector<float>* into) {
  const auto found = places_.find(std::string(id));
  if (found == places_.end()) return false;
  const Place& place = found->second;
  // A record that was last changed before an add of its id existed already, so the add did nothing.
  const bool idle_add = place.is_add && sequence && *sequence < place.entry;
  const bool queued = place.entry >= 0 && !idle_add;
  if (queued && place.entry > vectors_until_ && TRY(FromQueue(place.entry, into))) return true;
  if (place.element >= 0 && FromFiles(place.element, into)) {
    // The queue's own is exact; but an entry that did nothing brings another vector.
    std::vector<float> exact;
    if (queued && TRY(FromQueue(place.entry, &exact)) && NearlyEqual(exact, *into))
      *into = std::move(exact);
    return true;
  }
  return queued ? FromQueue(place.entry, into) : Result<bool>(false);
}

std::vector<std::string> VectorFinder::Ids() const {
  std::vector<std::string> ids;
  for (const auto& [id, place] : places_) {
    if (place.element >= 0 || place.entry >= 0) ids.push_back(id);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace pannier::rescue
