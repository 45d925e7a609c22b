// What one part of a check found, until all parts are put together in their order.
// Threads: one at a time.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "daemon/store/store_check.h"
#include "lib/core/result.h"

namespace pannier::store {

class CheckNotes {
 public:
  void Note(Damage damage) {
    ++total_;
    if (damage_.size() < CheckReport::kDamageMax) damage_.push_back(std::move(damage));
  }
  void Note(std::string what) { Note(Damage{{}, -1, {}, std::move(what)}); }
  // Damage becomes a note; other errors are passed on, and end the check.
  Status Take(Status status, const std::string& collection = {}) {
    if (!status.Is(Errc::kCorruption)) return status;
    Note(Damage{collection, -1, {}, status.error().what});
    return {};
  }
  bool empty() const { return total_ == 0; }
  void MoveTo(CheckReport* report) {
    report->damage_total += total_;
    for (Damage& each : damage_) {
      if (report->damage.size() == CheckReport::kDamageMax) break;
      report->damage.push_back(std::move(each));
    }
    damage_.clear();
    total_ = 0;
  }

 private:
  std::vector<Damage> damage_;
  uint64_t total_ = 0;
};

}  // namespace pannier::store
