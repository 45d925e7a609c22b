// Objects under keys: the interface that a folder (VolumeStore), S3 (S3Store), and URLs granted one
// by one (GrantedStore) share. One suite of tests runs on all, also with faults injected.
//
// Keys are relative ("chunks/ab/…"): segments of [A-Za-z0-9._-] joined by '/', none of them "." or
// "..". An object is there whole or not at all. Each call retries what may pass by itself (bounded,
// with growing, jittered pauses, honouring Retry-After) until `deadline`, so callers do not.
// Threads: any. Errors, for every call:
//   kInvalidArgument    not a key
//   kPermissionDenied   refused; the hint says what to check (credentials, clock, policy)
//   kUnavailable        unreachable, or still failing after the last retry
//   kDeadlineExceeded   the deadline passed first
//   kStorageFull        no room
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "lib/core/clock.h"
#include "lib/core/result.h"

namespace pannier::repository {

struct ObjectInfo {
  std::string key;
  uint64_t bytes = 0;
  WallTime modified;
};

struct ObjectPage {
  std::vector<ObjectInfo> objects;  // by key, ascending
  std::string next;                 // continue after this key; empty: that was all
};

class ObjectStore {
 public:
  enum class IfPresent { kReplace, kFail };
  virtual ~ObjectStore() = default;

  // Ok means durable. A lost answer is found out (by asking what is there) before it is repeated.
  //   kConflict  kFail, and there is an object of other content; one of equal content is ok
  virtual Status Put(const std::string& key, std::string_view bytes, IfPresent present,
                     SteadyTime deadline) = 0;
  //   kNotFound           no such object
  //   kResourceExhausted  longer than `bytes_max`
  //   kCorruption         cut short, or not what its ETag says
  virtual Result<std::string> Get(const std::string& key, uint64_t bytes_max,
                                  SteadyTime deadline) = 0;
  //   kNotFound  no such object
  virtual Result<ObjectInfo> Stat(const std::string& key, SteadyTime deadline) = 0;
  // Absent is fine.
  virtual Status Delete(const std::string& key, SteadyTime deadline) = 0;
  // Keys that begin with `prefix` (any text), after `after`, at most 1,000.
  virtual Result<ObjectPage> List(const std::string& prefix, const std::string& after,
                                  SteadyTime deadline) = 0;
  // Removes what uploads left that were begun more than `older_than` ago and neither ended nor
  // were given up; returns how many. Nothing of it was ever visible as an object.
  virtual Result<uint64_t> RemoveUnfinished(std::chrono::seconds older_than,
                                            SteadyTime deadline) = 0;
  // These are read soon: who has to be asked for each can be asked for all at once.
  virtual void ExpectGets(const std::vector<std::string>&) {}
  // Where it is, for messages: "s3://bucket/prefix", "/backup". No credentials.
  virtual std::string Describe() const = 0;
};

// At most 512 bytes, so that it stays a key behind any prefix of a bucket.
bool IsKey(std::string_view key);
//   kInvalidArgument  it is none
Status CheckKey(std::string_view key);

}  // namespace pannier::repository
