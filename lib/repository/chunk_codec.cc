#include "lib/repository/chunk_codec.h"

#include <zstd.h>

#include <vector>

#include "lib/core/mutex.h"

namespace pannier::repository {
namespace {

constexpr char kRaw = 0;
constexpr char kZstd = 1;
constexpr int kLevel = 1;
constexpr size_t kKept = 4;

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

template <typename Context>
class Pool {
 public:
  using Owned = std::unique_ptr<Context, FreeContext>;

  template <typename Make>
  Owned Take(Make make) {
    {
      MutexLock lock(mutex_);
      if (!idle_.empty()) {
        Owned context = std::move(idle_.back());
        idle_.pop_back();
        return context;
      }
    }
    Owned context(make());
    CHECK(context != nullptr);
    return context;
  }
  void Return(Owned context) {
    MutexLock lock(mutex_);
    if (idle_.size() < kKept) idle_.push_back(std::move(context));
  }

 private:
  Mutex mutex_;
  std::vector<Owned> idle_ GUARDED_BY(mutex_);
};

}  // namespace

class ChunkCodec::Pools {
 public:
  Pool<ZSTD_CCtx> packing;
  Pool<ZSTD_DCtx> unpacking;
};

ChunkCodec::ChunkCodec() : pools_(std::make_unique<Pools>()) {}
ChunkCodec::~ChunkCodec() = default;

std::string ChunkCodec::Encode(std::string_view bytes) {
  auto context = pools_->packing.Take(ZSTD_createCCtx);
  std::string object(1 + ZSTD_compressBound(bytes.size()), '\0');
  const size_t packed = ZSTD_compressCCtx(context.get(), object.data() + 1, object.size() - 1,
                                          bytes.data(), bytes.size(), kLevel);
  pools_->packing.Return(std::move(context));
  if (ZSTD_isError(packed) == 0 && packed < bytes.size() - bytes.size() / 33) {
    object[0] = kZstd;
    object.resize(1 + packed);
  } else {
    object.assign(1, kRaw);
    object.append(bytes);
  }
  return object;
}

Result<std::string> ChunkCodec::Decode(std::string_view object, uint32_t bytes) {
  if (object.empty()) return Corruption("the chunk's object is empty");
  const std::string_view content = object.substr(1);
  if (object[0] == kRaw) {
    if (content.size() != bytes) return Corruption("the chunk has another length");
    return std::string(content);
  }
  if (object[0] != kZstd) return Corruption("the chunk has an unknown encoding");
  auto context = pools_->unpacking.Take(ZSTD_createDCtx);
  std::string out(bytes, '\0');
  const size_t unpacked =
      ZSTD_decompressDCtx(context.get(), out.data(), out.size(), content.data(), content.size());
  pools_->unpacking.Return(std::move(context));
  if (ZSTD_isError(unpacked) != 0)
    return Corruption(std::string("the chunk cannot be unpacked: ") + ZSTD_getErrorName(unpacked));
  if (unpacked != bytes) return Corruption("the chunk has another length");
  return out;
}

}  // namespace pannier::repository
