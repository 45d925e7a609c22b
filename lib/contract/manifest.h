// The object that makes a snapshot exist: what a store was at one sequence, and which chunks hold
// it. docs/formats/manifest.md. Written by the daemon, read by it, by pannierctl and by the
// operator. Threads: plain values and pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/result.h"
#include "lib/core/uuid.h"

namespace pannier::contract {

inline constexpr int kManifestFormat = 1;
inline constexpr uint64_t kChunkBytes = 1u << 20;  // of file, before compression
inline constexpr size_t kOriginBytesMax = 1024;
inline constexpr uint64_t kManifestBytesMax = 256ull << 20;  // about a terabyte of store

// A piece of a file, named by the SHA-256 of its bytes before compression.
struct Chunk {
  std::string sha256;   // 64 lower-case hex digits
  uint32_t bytes = 0;   // before compression; kChunkBytes but for a file's last
  uint32_t stored = 0;  // bytes of the object in the repository
  bool operator==(const Chunk&) const = default;
};

// One file of the store, at its path below the store's folder ("store.db", later also caches).
struct ManifestFile {
  std::string path;
  uint64_t bytes = 0;
  std::vector<Chunk> chunks;  // in order; lengths add up to `bytes`
  bool operator==(const ManifestFile&) const = default;
};

struct ManifestCollection {
  Uuid id;
  std::string name;
  uint64_t records = 0;
  std::optional<uint32_t> dimension;
  bool operator==(const ManifestCollection&) const = default;
};

struct Manifest {
  Uuid uid;    // of the snapshot, which is that of the operation that made it
  Uuid owner;  // whose stores: the instance, or the VectorStore's uid
  Uuid store;  // names the store's part of the repository
  // Whose it was, in words that outlive uids: "NAMESPACE/VECTORSTORE/POD". Empty: nobody said.
  std::string origin;
  std::string tenant, database;
  uint64_t sequence = 0;  // the commits the store had
  WallTime time;          // of the newest write it can hold: the moment the store was pinned
  std::string version;    // of the program that wrote it
  Uuid parent;            // the snapshot whose chunks were reused; nil: none
  uint64_t records = 0;
  std::vector<ManifestCollection> collections;
  std::vector<ManifestFile> files;
  uint64_t new_bytes = 0;  // stored bytes that this snapshot added to the repository
  bool operator==(const Manifest&) const = default;

  uint64_t bytes() const;         // of all files
  uint64_t stored_bytes() const;  // of all chunks, each counted once
};

// "snapshots/<owner>/<store>/<sequence, 20 digits>-<uid>.json"
std::string ManifestKey(const Manifest& manifest);
// "chunks/ab/<sha256>"
std::string ChunkKey(std::string_view sha256);

std::string WriteManifest(const Manifest& manifest);
// Trusts nothing: every field's presence, type and range, digests, that lengths add up, that paths
// stay below the folder. `key` is where it was found and must agree with what it says.
//   kInvalidArgument  of a newer format; the hint says which version reads it
//   kCorruption       anything else
Result<Manifest> ParseManifest(std::string_view text, std::string_view key);

}  // namespace pannier::contract
