#include "daemon/index/vector_index.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "daemon/index/graph.h"
#include "daemon/index/sealed_graph.h"
#include "daemon/index/vector_rows.h"
#include "daemon/index/vector_view.h"
#include "lib/core/mutex.h"

namespace pannier::index {
namespace {

constexpr uint64_t kCompactDeadMin = 1'024;
// Scanning this many rows of a tail costs a few microseconds; adding them to a graph costs a copy
// of its links.
constexpr uint64_t kTailMin = 500;
constexpr uint64_t kTailShare = 128;
// With more than one in this many nodes dead, a graph is built anew rather than extended.
constexpr uint64_t kDeadShare = 4;

std::vector<uint32_t> VisibleRows(const VectorRows& rows, const VersionedRows::Look& look,
                                  uint32_t begin) {
  std::vector<uint32_t> visible;
  rows.versions().ForEachVisible(look, begin,
                                 [&](uint32_t row, RecordNumber) { visible.push_back(row); });
  return visible;
}

}  // namespace

bool VectorIndex::View::IsOf(VectorSource& floats) const {
  constexpr uint32_t kSamples = 16;
  const VectorRows& rows = *pinned_->rows;
  std::vector<float> vector(rows.dimension());
  for (uint32_t i = 0; i < kSamples; ++i) {
    // The last row is among them: it is the likeliest to differ.
    const auto row = static_cast<uint32_t>(uint64_t{pinned_->look.end} * (i + 1) / kSamples - 1);
    if (pinned_->look.end < kSamples || !rows.versions().Visible(pinned_->look, row)) continue;
    if (!floats.Fetch(rows.versions().RecordOf(row), vector)) return false;
    VectorRows probe(rows.space(), rows.dimension());
    probe.Put(1, 1, vector);
    const uint8_t* code = rows.codes()->code(row);
    if (!std::equal(code, code + rows.codes()->padded(), probe.codes()->code(0))) return false;
  }
  return true;
}

bool VectorIndex::View::FillFloats(VectorSource& floats, uint32_t most) const {
  VectorRows& rows = *pinned_->fillable;
  std::vector<float> vector(rows.dimension());
  for (uint32_t row = 0; row < rows.loaded(); ++row) {
    if (rows.floats().Has(row) || !rows.versions().Visible(pinned_->look, row)) continue;
    if (most-- == 0) return true;
    if (!floats.Fetch(rows.versions().RecordOf(row), vector)) return true;
    if (!rows.FillFloats(row, vector)) return true;
  }
  return false;
}

uint64_t VectorIndex::View::live() const { return pinned_->look.live; }

class VectorIndex::Impl {
 public:
  explicit Impl(Options options)
      : options_(options), writer_rows_(FreshRows()), rows_(writer_rows_) {}

  VectorRows& writer_rows() { return *writer_rows_; }
  bool Compact();
  std::shared_ptr<View::Pinned> Pin() const;
  bool WantsGraph() const;
  Status BuildGraph(std::stop_token stop);
  Status Save(Sequence at, ByteSink& sink) const;
  Status Load(Sequence at, ByteSource& source);
  bool WantsFloats() const;
  bool HasFloats() const { return has_floats_.load(std::memory_order_acquire); }
  std::optional<uint64_t> SavableTail() const;
  bool IsBroken() const { return Pin()->rows->floats().broken(); }

 private:
  std::shared_ptr<VectorRows> FreshRows() const {
    return std::make_shared<VectorRows>(options_.hnsw.space, options_.dimension, options_.scratch);
  }
  Result<SealedGraph> Seal(const VectorRows& rows, const SealedGraph* old,
                           std::stop_token stop) const;
  // The graph that Save() can write, if there is one: its nodes are today's rows.
  static const SealedGraph* SavableGraph(const View::Pinned& now) {
    const SealedGraph* sealed = now.sealed.get();
    const bool savable = sealed != nullptr && !sealed->renumbered &&
                         sealed->graph->codes() == now.rows->codes() && sealed->covered > 0;
    return savable ? sealed : nullptr;
  }

  const Options options_;
  // That every loaded row which is alive has its floats; false from a Load() until a look finds so.
  mutable std::atomic<bool> has_floats_{true};
  std::shared_ptr<VectorRows> writer_rows_;  // the writer's; the same as rows_

  mutable Mutex mutex_;  // held for copies of pointers only, and for the renumbering of a graph
  std::shared_ptr<VectorRows> rows_ GUARDED_BY(mutex_);
  std::shared_ptr<const SealedGraph> sealed_ GUARDED_BY(mutex_);
  bool building_ GUARDED_BY(mutex_) = false;
  // What compactions did to the rows since the running build began, one after the other.
  std::vector<std::shared_ptr<const RowRemap>> remaps_ GUARDED_BY(mutex_);
};

std::shared_ptr<VectorIndex::View::Pinned> VectorIndex::Impl::Pin() const {
  auto pinned = std::make_shared<View::Pinned>();
  pinned->graph_threshold = options_.graph_threshold;
  MutexLock lock(mutex_);
  pinned->rows = rows_;
  pinned->fillable = rows_;
  pinned->sealed = sealed_;
  return pinned;
}

bool VectorIndex::Impl::Compact() {
  const VersionedRows& old = writer_rows_->versions();
  CHECK(!old.is_open());
  const VersionedRows::Look look = old.Last();
  const uint64_t dead = old.dead();
  if (!old.At(look.at) || dead < kCompactDeadMin || dead * 4 < dead + look.live) return false;
  if (WantsFloats()) return false;

  std::shared_ptr<VectorRows> fresh = FreshRows();
  auto remap = std::make_shared<RowRemap>(look.end, kNoRow);
  uint32_t next = 0;
  std::vector<float> vector(options_.dimension);
  const FloatRows& floats = writer_rows_->floats();
  old.ForEachVisible(look, 0, [&](uint32_t row, RecordNumber record) {
    if (floats.broken() || !floats.Read(row, vector)) return;
    fresh->Put(look.at, record, vector);
    (*remap)[row] = next++;
  });
  if (floats.broken()) return false;
  fresh->versions().Commit(look.at);

  std::shared_ptr<const SealedGraph> sealed = Pin()->sealed;
  if (sealed != nullptr && look.live < options_.graph_threshold / 2) sealed = nullptr;
  if (sealed != nullptr) {
    sealed = std::make_shared<const SealedGraph>(Renumber(*sealed, *remap));
  }
  writer_rows_ = fresh;
  MutexLock lock(mutex_);
  rows_ = std::move(fresh);
  sealed_ = std::move(sealed);
  if (building_) remaps_.push_back(std::move(remap));
  return true;
}

// Visible rows that were loaded and have no floats yet.
bool VectorIndex::Impl::WantsFloats() const {
  if (HasFloats()) return false;
  const std::shared_ptr<View::Pinned> now = Pin();
  const VectorRows& rows = *now->rows;
  const VersionedRows::Look look = rows.versions().Last();
  for (uint32_t row = 0; row < rows.loaded(); ++row) {
    if (!rows.floats().Has(row) && rows.versions().Visible(look, row)) return true;
  }
  has_floats_.store(true, std::memory_order_release);  // rows only die
  return false;
}

Status VectorIndex::Impl::Save(Sequence at, ByteSink& sink) const {
  const std::shared_ptr<View::Pinned> now = Pin();
  const VectorRows& rows = *now->rows;
  const std::optional<VersionedRows::Look> look = rows.versions().At(at);
  const SealedGraph* sealed = SavableGraph(*now);
  if (sealed != nullptr && sealed->valid_from > at) sealed = nullptr;
  if (!look || (sealed == nullptr && look->live < options_.graph_threshold)) {
    return Unavailable("save index: there is nothing worth it");
  }
  TRY(rows.Save(*look, sink));
  const uint32_t covered = sealed != nullptr ? sealed->covered : 0;
  TRY(sink.WriteArray(&covered, 1));
  return sealed != nullptr ? sealed->graph->Save(sink) : Status();
}

Status VectorIndex::Impl::Load(Sequence at, ByteSource& source) {
  has_floats_.store(false, std::memory_order_release);
  TRY(writer_rows_->Load(at, source));
  writer_rows_->versions().Commit(at);
  const uint32_t rows = writer_rows_->versions().Last().end;
  auto sealed = std::make_shared<SealedGraph>();
  TRY(source.ReadArray(&sealed->covered, 1));
  if (sealed->covered == 0) return {};  // it was saved without a graph
  sealed->valid_from = at;
  sealed->graph = TRY(Graph::Load(options_.hnsw, writer_rows_->codes(), rows, source));
  if (sealed->covered > rows || sealed->covered < sealed->graph->size()) {
    return Corruption("saved index: its tail does not fit its graph");
  }
  MutexLock lock(mutex_);
  sealed_ = std::move(sealed);
  return {};
}

std::optional<uint64_t> VectorIndex::Impl::SavableTail() const {
  const std::shared_ptr<View::Pinned> now = Pin();
  const VersionedRows::Look look = now->rows->versions().Last();
  if (const SealedGraph* sealed = SavableGraph(*now)) {
    return look.end - std::min(look.end, sealed->covered);
  }
  if (look.live < options_.graph_threshold) return std::nullopt;
  return look.end;
}

bool VectorIndex::Impl::WantsGraph() const {
  const std::shared_ptr<View::Pinned> now = Pin();
  const VersionedRows::Look look = now->rows->versions().Last();
  if (look.live < options_.graph_threshold) return false;
  if (now->sealed == nullptr) return true;
  const SealedGraph& sealed = *now->sealed;
  const uint64_t nodes = sealed.graph->size();
  const uint64_t tail = look.end - std::min(look.end, sealed.covered);
  return tail > std::max(kTailMin, nodes / kTailShare) ||
         sealed.DeadAt(look) > std::max(kCompactDeadMin, nodes / kDeadShare);
}

// Extends the old graph where that is good enough: of the same rows, and not too many of its nodes
// dead.
Result<SealedGraph> VectorIndex::Impl::Seal(const VectorRows& rows, const SealedGraph* old,
                                            std::stop_token stop) const {
  const VersionedRows::Look look = rows.versions().Last();
  const bool extend = old != nullptr && !old->renumbered && old->graph->codes() == rows.codes() &&
                      old->DeadAt(look) <= old->graph->size() / kDeadShare;
  SealedGraph sealed;
  sealed.covered = look.end;
  sealed.valid_from = look.at;
  const std::vector<uint32_t> fresh = VisibleRows(rows, look, extend ? old->covered : 0);
  sealed.graph = TRY(Graph::Build(options_.hnsw, rows.codes(), extend ? old->graph.get() : nullptr,
                                  fresh, look.end, std::move(stop)));
  return sealed;
}

Status VectorIndex::Impl::BuildGraph(std::stop_token stop) {
  std::shared_ptr<const VectorRows> rows;
  std::shared_ptr<const SealedGraph> old;
  {
    MutexLock lock(mutex_);
    if (building_) return Unavailable("build graph: one is being built already");
    building_ = true;
    rows = rows_;
    old = sealed_;
  }
  Result<SealedGraph> sealed = Seal(*rows, old.get(), std::move(stop));

  MutexLock lock(mutex_);
  building_ = false;
  const auto remaps = std::exchange(remaps_, {});
  if (!sealed.ok()) return std::move(sealed).error();
  for (const auto& remap : remaps) *sealed = Renumber(*sealed, *remap);
  sealed_ = std::make_shared<const SealedGraph>(*std::move(sealed));
  return {};
}

VectorIndex::VectorIndex(Options options) : impl_(std::make_unique<Impl>(options)) {}
VectorIndex::~VectorIndex() = default;

void VectorIndex::Put(Sequence at, RecordNumber record, std::span<const float> vector) {
  impl_->writer_rows().Put(at, record, vector);
}
void VectorIndex::Remove(Sequence at, RecordNumber record) {
  impl_->writer_rows().versions().Kill(at, record);
}
void VectorIndex::Commit(Sequence at) { impl_->writer_rows().versions().Commit(at); }
void VectorIndex::Abort(Sequence at) { impl_->writer_rows().versions().Abort(at); }
bool VectorIndex::Compact() { return impl_->Compact(); }

std::optional<VectorIndex::View> VectorIndex::At(Sequence at) const {
  const std::shared_ptr<View::Pinned> pinned = impl_->Pin();
  const std::optional<VersionedRows::Look> look = pinned->rows->versions().At(at);
  if (!look) return std::nullopt;
  pinned->look = *look;
  return View(pinned);
}

bool VectorIndex::WantsGraph() const { return impl_->WantsGraph(); }
Status VectorIndex::BuildGraph(std::stop_token stop) { return impl_->BuildGraph(std::move(stop)); }

bool VectorIndex::WantsFloats() const { return impl_->WantsFloats(); }

bool VectorIndex::HasFloats() const { return impl_->HasFloats(); }

bool VectorIndex::IsBroken() const { return impl_->IsBroken(); }

std::optional<uint64_t> VectorIndex::SavableTail() const { return impl_->SavableTail(); }

Status VectorIndex::Save(Sequence at, ByteSink& sink) const { return impl_->Save(at, sink); }

Result<std::shared_ptr<VectorIndex>> VectorIndex::Load(Options options, Sequence at,
                                                       ByteSource& source) {
  auto index = std::make_shared<VectorIndex>(options);
  TRY(index->impl_->Load(at, source));
  return index;
}

uint64_t VectorIndex::EstimateBytes(uint64_t vectors, uint32_t dimension, bool aside) {
  constexpr uint64_t kLinksAndVersions = 256;
  const uint64_t floats = vectors * dimension * sizeof(float);
  return vectors * (dimension + kLinksAndVersions) +
         (aside ? std::min(floats, Scratch().memory_bytes_max) : floats);
}

uint64_t VectorIndex::memory_bytes() const {
  const std::shared_ptr<View::Pinned> now = impl_->Pin();
  uint64_t bytes = sizeof(Impl) + sizeof(VectorRows) + now->rows->bytes();
  if (now->sealed != nullptr) {
    bytes += now->sealed->graph->bytes() + now->sealed->row_of.size() * sizeof(uint32_t);
    // After a compaction the graph keeps the codes it was built of, until another is built.
    if (now->sealed->renumbered) bytes += now->sealed->graph->codes()->bytes();
  }
  return bytes;
}

uint64_t VectorIndex::tail_size() const {
  const std::shared_ptr<View::Pinned> now = impl_->Pin();
  const uint32_t end = now->rows->versions().Last().end;
  return now->sealed == nullptr ? end : end - std::min(end, now->sealed->covered);
}

uint64_t VectorIndex::indexed() const {
  const std::shared_ptr<View::Pinned> now = impl_->Pin();
  if (now->sealed == nullptr) return 0;
  const VersionedRows::Look look = now->rows->versions().Last();
  return look.live - now->rows->versions().CountVisible(look, now->sealed->covered);
}

}  // namespace pannier::index
