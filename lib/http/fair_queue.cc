#include "lib/http/fair_queue.h"

#include <algorithm>
#include <chrono>

namespace pannier::http {
namespace {

// How many of a peer's oldest that their lanes hold up are passed.
constexpr size_t kLookAhead = 8;
// Peers and lanes of whom nothing runs or waits are kept until there are so many: most come again.
constexpr size_t kIdleKept = 1'024;

constexpr auto kCompanyLasts = std::chrono::seconds(1);

bool Below(uint32_t count, uint32_t limit) { return limit == 0 || count < limit; }

}  // namespace

// Notes who asks. The clock of whole requests may go back by a moment, between threads.
void FairQueue::Meet(uint64_t peer, SteadyTime now) {
  latest_ = std::max(latest_, now);
  if (peer == latest_peer_) return;
  if (latest_peer_ != 0) company_until_ = latest_ + kCompanyLasts;
  latest_peer_ = peer;
}

bool FairQueue::PeerMay(const Flow& flow) const {
  if (!Below(flow.running, options_.running_per_peer_max)) return false;
  return latest_ >= company_until_ || Below(flow.running, options_.running_in_company_max);
}

bool FairQueue::MayCompute(const Flow& flow) const {
  return latest_ >= company_until_ || Below(flow.computing, options_.computing_in_company_max);
}

bool FairQueue::LaneMay(uint64_t lane) const {
  if (lane == 0 || options_.running_per_lane_max == 0) return true;
  const auto found = lanes_.find(lane);
  return found == lanes_.end() || Below(found->second, options_.running_per_lane_max);
}

void FairQueue::Count(const Share& share, Flow& flow) {
  ++flow.running;
  flow.computing += share.computes ? 1 : 0;
  if (share.lane != 0) ++lanes_[share.lane];
}

bool FairQueue::Begin(const Share& share, SteadyTime now) {
  Meet(share.peer, now);
  Flow& flow = flows_[share.peer];
  if (!flow.waiting.empty() || !PeerMay(flow) || !LaneMay(share.lane)) return false;
  if (share.computes && !MayCompute(flow)) return false;
  Count(share, flow);
  return true;
}

void FairQueue::End(const Share& share) {
  Flow& flow = flows_[share.peer];
  --flow.running;
  flow.computing -= share.computes ? 1 : 0;
  if (share.lane != 0) --lanes_[share.lane];
  if (flows_.size() > kIdleKept || lanes_.size() > kIdleKept) ForgetIdle();
}

void FairQueue::ForgetIdle() {
  std::erase_if(flows_, [](const auto& each) {
    return each.second.running == 0 && each.second.waiting.empty();
  });
  std::erase_if(lanes_, [](const auto& each) { return each.second == 0; });
}

FairQueue::Pushed FairQueue::Push(Connection* connection) {
  if (size_ >= options_.queued_max) return Pushed::kFull;
  Flow& flow = flows_[connection->share.peer];
  if (!Below(static_cast<uint32_t>(flow.waiting.size()), options_.queued_per_peer_max)) {
    return Pushed::kPeerFull;
  }
  Meet(connection->share.peer, connection->complete_at);
  if (flow.waiting.empty()) turns_.push_back(connection->share.peer);
  flow.waiting.push_back(connection);
  ++size_;
  return Pushed::kYes;
}

Connection* FairQueue::Take(Flow& flow) {
  if (!PeerMay(flow)) return nullptr;
  const bool may_compute = MayCompute(flow);
  size_t passed = 0;
  for (auto each = flow.waiting.begin(); each != flow.waiting.end() && passed < kLookAhead;
       ++each) {
    Connection* const candidate = *each;
    if (candidate->share.computes && !may_compute) continue;
    if (!LaneMay(candidate->share.lane)) {
      ++passed;
      continue;
    }
    flow.waiting.erase(each);
    Count(candidate->share, flow);
    --size_;
    return candidate;
  }
  return nullptr;
}

Connection* FairQueue::Pop() {
  for (size_t left = turns_.size(); left > 0; --left) {
    const uint64_t peer = turns_.front();
    turns_.pop_front();
    Flow& flow = flows_[peer];
    Connection* const taken = Take(flow);
    if (!flow.waiting.empty()) turns_.push_back(peer);
    if (taken != nullptr) return taken;
  }
  return nullptr;
}

}  // namespace pannier::http
