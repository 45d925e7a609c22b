// Where the vector of each record of one collection is: in the queue, or in the HNSW files.
//
// The files hold what the queue said up to `vectors_until`; what came later is only in the queue.
// A cosine index keeps vectors divided by their length, so one that is also in the queue is taken
// from there, exact. Records of which a torn index_metadata.pickle tells no label are matched by
// order (order_match.h).
// Threads: one. Memory: about 100 bytes a record, and the ids.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "daemon/rescue/hnsw_folder.h"
#include "daemon/rescue/id_map.h"
#include "daemon/rescue/order_match.h"
#include "daemon/rescue/sql_catalog.h"
#include "daemon/store/sqlite.h"
#include "lib/core/result.h"
#include "lib/file/file_system.h"

namespace pannier::rescue {

enum class QueueOperation { kAdd = 0, kUpdate = 1, kUpsert = 2, kDelete = 3 };

class VectorFinder {
 public:
  // `topic`: the collection's in the queue; empty: none. `until`: the last entry of the queue that
  // the records have taken in. Sentences about what is missing are added to `messages`.
  static Result<VectorFinder> Make(store::Connection& connection, file::FileSystem& files,
                                   const file::Path& directory, const ChromaCollection& collection,
                                   std::string topic, int64_t until,
                                   std::vector<std::string>* messages);

  // The dimension of the HNSW files, if there are any.
  std::optional<uint32_t> dimension() const;

  // The vector of a record that the queue's entry `sequence` (nothing: not known) changed last.
  // False when there is none to be found.
  Result<bool> Find(std::string_view id, std::optional<int64_t> sequence, std::vector<float>* into);

  // Ids that the HNSW files hold alive; for records whose row is lost.
  std::vector<std::string> Ids() const;

 private:
  struct Place {
    int64_t element = -1;  // in the files
    int64_t entry = -1;    // of the queue, that brings a vector
    bool is_add = false;   // that entry
  };

  explicit VectorFinder(store::Connection& connection) : connection_(&connection) {}
  void OpenFolder(file::FileSystem& files, const file::Path& folder,
                  const ChromaCollection& collection);
  void MatchLabels(const IdMap& map);
  Status MatchByOrder(const ChromaCollection& collection);
  Result<OrderedSides> RecordsInOrder(const ChromaCollection& collection);
  // `unknown`: how many elements had no id; `without_record`: how many of them cannot have one.
  void Take(const std::vector<OrderedMatch>& matches, uint64_t unknown, uint64_t without_record);
  Status ReadQueue(std::string_view topic, int64_t until);
  void Note(QueueOperation operation, const std::string& id, int64_t entry, bool has_vector);
  void NoteSince(QueueOperation operation, const std::string& id);
  // Whether the vector of the queue's entry, if the files hold it too, is that element's.
  enum class Likeness { kUnknown, kSame, kOther };
  Likeness Compare(const std::string& id, uint64_t element);
  Result<bool> FromQueue(int64_t entry, std::vector<float>* into);
  bool FromFiles(int64_t element, std::vector<float>* into);

  store::Connection* connection_;
  store::Statement fetch_;
  std::optional<HnswFolder> folder_;
  int64_t vectors_until_ = -1;
  std::unordered_map<std::string, Place> places_;
  std::vector<HnswFolder::Element> alive_;  // by label, none of which stands twice
  // Ids that the queue deletes after the files were written, whose element is therefore still
  // alive, and ids of which the queue has said something since then.
  std::unordered_set<std::string> deleted_since_, seen_since_;
  std::vector<std::string> problems_;
};

// A vector as the queue holds it.
//   kCorruption  not FLOAT32 or INT32, not whole, or with numbers that no vector has
Status ParseQueuedVector(const store::Statement& row, int vector_column, int encoding_column,
                         std::vector<float>* into);

}  // namespace pannier::rescue
