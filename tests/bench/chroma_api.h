// The few calls of the Chroma API that the benchmarks make, as prepared bytes.
// Threads: const calls from any; the others one at a time.
#pragma once

#include <string>

#include "tests/bench/connection.h"
#include "tests/bench/dataset.h"

namespace pannier::bench {

class ChromaApi {
 public:
  explicit ChromaApi(const std::string& address) : connection_(address) {}

  // The id of a collection of that name, made anew (of cosine distances) or found.
  std::string Collection(const std::string& name);
  void Drop(const std::string& name);
  uint64_t Count(const std::string& id);
  // Sends what Add() or Query() prepared; the status must be 2xx. The answer's body.
  std::string Call(const std::string& request);

  // Records [first, first + count), embeddings as base64, the way Chroma's Python client does.
  // `verb`: "add" or "upsert".
  static std::string Add(const std::string& verb, const std::string& id, const Dataset& data,
                         uint64_t first, uint64_t count);
  // k nearest with documents, metadatas and distances.
  struct Filter {
    std::string where, where_document;  // JSON, or empty
  };
  static std::string Query(const std::string& id, const Vector& vector, int k,
                           const Filter& filter);

 private:
  Connection connection_;
};

}  // namespace pannier::bench
