#include "daemon/index/hnswlib_reference.h"

#include <hnswlib/hnswlib.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <new>

#include "daemon/index/distance.h"
#include "daemon/index/vector_rows.h"

// hnswlib holds a node's lock while it takes its neighbours', in whatever order they come. One
// thread builds, so that is no deadlock, but ThreadSanitizer cannot know, and its search for cycles
// among a mutex per node takes minutes.
#if defined(__SANITIZE_THREAD__)
extern "C" const char* __tsan_default_options() { return "detect_deadlocks=0"; }
#endif

namespace pannier::index {
namespace {

constexpr size_t kSeed = 100;             // of the levels: the same input gives the same graph
constexpr uint32_t kStopCheckEvery = 32;  // insertions

// hnswlib draws levels with 1/ln(M), so M must be above 1. It compares M new links with the 2M old
// ones of M neighbours: at M = 256 a graph of 3,000 duplicates took minutes, and beyond 64 nobody
// has shown a use.
uint32_t UsableLinks(uint32_t wanted) { return std::clamp(wanted, 4u, 64u); }
uint32_t UsableEffort(uint32_t wanted) { return std::clamp(wanted, 16u, 4096u); }

// Our kernels in hnswlib's clothes. Under cosine both sides are unit vectors already.
class OurSpace final : public hnswlib::SpaceInterface<float> {
 public:
  OurSpace(model::Space space, uint32_t dimension)
      : parameters_{BestKernels(), dimension}, is_l2_(space == model::Space::kL2) {}
  size_t get_data_size() override { return parameters_.dimension * sizeof(float); }
  hnswlib::DISTFUNC<float> get_dist_func() override { return is_l2_ ? L2 : Dot; }
  void* get_dist_func_param() override { return &parameters_; }

 private:
  struct Parameters {
    Kernels kernels;
    size_t dimension;
  };
  // hnswlib's heaps need a total order, so overflow becomes the largest float and never NaN.
  static float Ordered(float distance) {
    return std::isfinite(distance) ? distance : std::numeric_limits<float>::max();
  }
  static float L2(const void* a, const void* b, const void* parameters) {
    const auto* p = static_cast<const Parameters*>(parameters);
    return Ordered(
        p->kernels.l2(static_cast<const float*>(a), static_cast<const float*>(b), p->dimension));
  }
  static float Dot(const void* a, const void* b, const void* parameters) {
    const auto* p = static_cast<const Parameters*>(parameters);
    return Ordered(1.0f - p->kernels.dot(static_cast<const float*>(a), static_cast<const float*>(b),
                                         p->dimension));
  }

  Parameters parameters_;
  const bool is_l2_;
};

}  // namespace

class HnswlibGraph::Impl {
 public:
  Impl(const model::HnswParameters& parameters, uint32_t dimension, uint32_t count)
      : normalizes_(parameters.space == model::Space::kCosine),
        space_(parameters.space, dimension),
        hnsw_(&space_, std::max(count, 1u), UsableLinks(parameters.max_neighbors),
              UsableEffort(parameters.ef_construction), kSeed) {
    hnsw_.setEf(1);  // searchKnn uses max(ef, k), and we choose k per search
  }

  void Add(uint32_t node, std::span<const float> vector) {
    if (normalizes_) {
      hnsw_.addPoint(Normalized(vector).data(), node);
    } else {
      hnsw_.addPoint(vector.data(), node);
    }
  }

  std::vector<uint32_t> Search(std::span<const float> query, uint32_t ef) const {
    if (size() == 0) return {};
    const std::vector<float> unit = normalizes_ ? Normalized(query) : std::vector<float>();
    auto found = hnsw_.searchKnn(normalizes_ ? unit.data() : query.data(), ef);
    std::vector<uint32_t> nodes;
    nodes.reserve(found.size());
    for (; !found.empty(); found.pop()) nodes.push_back(static_cast<uint32_t>(found.top().second));
    return nodes;
  }

  uint32_t size() const { return static_cast<uint32_t>(hnsw_.cur_element_count); }

  // Level 0 with its vectors, the upper lists (one node in M has one, on average), per element a
  // mutex, a level, a list pointer, a label entry and two bytes of each visited list; and the fixed
  // update mutexes.
  uint64_t bytes() const {
    const uint64_t count = hnsw_.max_elements_;
    const uint64_t per_element = hnsw_.size_data_per_element_ + sizeof(std::mutex) + sizeof(int) +
                                 sizeof(char*) + 40 + 2 * sizeof(hnswlib::vl_type);
    return count * per_element + count / hnsw_.M_ * hnsw_.size_links_per_element_ +
           decltype(hnsw_)::max_update_element_locks * sizeof(std::mutex);
  }

 private:
  const bool normalizes_;
  OurSpace space_;
  hnswlib::HierarchicalNSW<float> hnsw_;
};

HnswlibGraph::HnswlibGraph(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HnswlibGraph::~HnswlibGraph() = default;

Result<std::unique_ptr<const HnswlibGraph>> HnswlibGraph::Build(
    const model::HnswParameters& parameters, uint32_t dimension, const Source& source,
    std::stop_token stop) {
  try {
    auto impl = std::make_unique<Impl>(parameters, dimension, source.count());
    for (uint32_t node = 0; node < source.count(); ++node) {
      if (node % kStopCheckEvery == 0 && stop.stop_requested()) {
        return Unavailable("build graph: stopped");
      }
      impl->Add(node, source.vector(node));
    }
    return std::unique_ptr<const HnswlibGraph>(new HnswlibGraph(std::move(impl)));
  } catch (const std::bad_alloc&) {
    return ResourceExhausted("build graph: no memory");
  } catch (const std::exception& failure) {
    // hnswlib reports a failed malloc this way as well.
    if (std::string_view(failure.what()).starts_with("Not enough memory")) {
      return ResourceExhausted("build graph: no memory");
    }
    return Internal(std::string("build graph: ") + failure.what());
  }
}

std::vector<uint32_t> HnswlibGraph::Search(std::span<const float> query, uint32_t ef) const {
  try {
    return impl_->Search(query, ef);
  } catch (const std::exception&) {
    return {};
  }
}

uint32_t HnswlibGraph::size() const { return impl_->size(); }
uint64_t HnswlibGraph::bytes() const { return impl_->bytes(); }

}  // namespace pannier::index
