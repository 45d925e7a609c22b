// Whole requests that wait for a thread, and who has how many threads: so that one client, or one
// store, cannot take them all, however much it asks for.
//
// A request belongs to a peer (who sent it) and to a lane (what it is about). It may run while
// fewer than the limit of either run. A peer in company, while another has asked for something
// within a second, has a lower limit: processors are shared as well, and what many threads compute
// for one is felt by the other. So its requests that only compute have a limit lower still; those
// that wait for a disk most of the time do not feel it. Of those that may, peers take turns, and
// within a peer the oldest goes first; one held up by its lane lets a few younger ones of its peer
// pass, one held up by computing all that do not compute.
// Threads: one at a time (the crew's lock). Lifetime: connections outlive their place in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

#include "lib/http/connection.h"

namespace pannier::http {

class FairQueue {
 public:
  struct Options {
    uint32_t queued_max = 256;
    uint32_t queued_per_peer_max = 0;  // 0, here and below: no limit of its own
    uint32_t running_per_peer_max = 0;
    uint32_t running_in_company_max = 0;    // of one peer, while there are others
    uint32_t computing_in_company_max = 0;  // of those
    uint32_t running_per_lane_max = 0;
  };
  explicit FairQueue(Options options) : options_(options) {}

  // Counts `share` as running, and is true, unless a limit or an older request of its peer stands
  // before it: then it must be pushed. `now`: when the request was whole.
  bool Begin(const Share& share, SteadyTime now);
  // What was begun, or popped, has ended.
  void End(const Share& share);

  enum class Pushed { kYes, kFull, kPeerFull };
  // `connection->share` says whose it is, `complete_at` when it was whole.
  Pushed Push(Connection* connection);
  // The next that may run, which counts as running from now on. Null: none may now.
  Connection* Pop();

  size_t size() const { return size_; }

 private:
  struct Flow {
    std::deque<Connection*> waiting;
    uint32_t running = 0;
    uint32_t computing = 0;  // of those
  };
  void Meet(uint64_t peer, SteadyTime now);
  bool PeerMay(const Flow& flow) const;
  bool MayCompute(const Flow& flow) const;
  bool LaneMay(uint64_t lane) const;
  void Count(const Share& share, Flow& flow);
  Connection* Take(Flow& flow);
  void ForgetIdle();

  const Options options_;
  size_t size_ = 0;
  uint64_t latest_peer_ = 0;
  SteadyTime latest_;                             // when anybody asked
  SteadyTime company_until_;                      // two peers have asked shortly before
  std::unordered_map<uint64_t, Flow> flows_;      // by peer
  std::unordered_map<uint64_t, uint32_t> lanes_;  // how many run
  std::deque<uint64_t> turns_;                    // peers of whom some wait; the first is next
};

}  // namespace pannier::http
