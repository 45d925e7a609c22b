// Cuts the bytes of a watch into lines and the lines into events. Holds at most one line, of a
// bounded length. Threads: one at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "lib/core/result.h"
#include "operator/kube/api.h"

namespace pannier::kube {

class WatchLines {
 public:
  // `sink` outlives this. `doing` is for error texts.
  WatchLines(WatchSink& sink, uint64_t line_bytes_max, std::string doing)
      : sink_(sink), line_bytes_max_(line_bytes_max), doing_(std::move(doing)) {}

  // Any piece of the stream. False once there is nothing more to be had of it; see status().
  bool Take(std::string_view bytes);
  // Ok, or why Take() said no:
  //   as the API says     an ERROR event: kConflict when the version is too old
  //   kResourceExhausted  a line beyond the bound
  //   kInternal           a line that is no event
  const Status& status() const { return status_; }

 private:
  Status TakeLine(std::string_view line);

  WatchSink& sink_;
  const uint64_t line_bytes_max_;
  const std::string doing_;
  std::string line_;  // the part of one that has come
  Status status_;
};

}  // namespace pannier::kube
