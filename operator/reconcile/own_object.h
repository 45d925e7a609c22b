// The object that a pass is about. Threads: pure, but for what it writes.
#pragma once

#include <optional>
#include <utility>

#include "operator/reconcile/carry_out.h"

namespace pannier::control {

template <typename R>
struct OwnObject {
  R object;
  nlohmann::json tree;
};

// Says in the condition `type` and an event that the spec cannot be understood.
template <typename R>
Status TellUnreadable(Context& context, const nlohmann::json& tree, const char* type,
                      const Error& error) {
  using StatusType = typename R::Status;
  const nlohmann::json status = tree.value("status", nlohmann::json::object());
  const StatusType before =
      ReadFields<StatusType>(status, "status", Reader::Mode::kLenient).value();
  StatusType after = before;
  const Meta meta = ReadMeta(tree);
  const bool is_new = ReasonOf(before.conditions, type) != "Unreadable";
  Set(&after.conditions, {type, Truth::kFalse, "Unreadable", error.what, meta.generation},
      context.clock.Now());
  Pass pass{ResourceFor<R>(), tree};
  Steps steps(context, pass);
  TRY(steps.WriteStatus(StatusPatch(before, after)));
  if (is_new) steps.Tell({true, "Unreadable", error.what});
  return {};
}

// The object as the cache has it; nothing when there is none, or it cannot be understood, which is
// told then.
template <typename R>
Result<std::optional<OwnObject<R>>> ReadOwn(Context& context, const kube::ObjectKey& key,
                                            const char* condition) {
  const kube::ObjectPtr cached = context.caches.Of(ResourceFor<R>()).Find(key);
  if (cached == nullptr) return std::optional<OwnObject<R>>();
  nlohmann::json tree = cached->Tree();
  Result<R> read = ParseResource<R>(tree);
  if (!read.ok()) {
    TRY(TellUnreadable<R>(context, tree, condition, read.error()));
    return std::optional<OwnObject<R>>();
  }
  OwnObject<R> own;
  own.object = std::move(read).value();
  own.tree = std::move(tree);
  return std::optional(std::move(own));
}

// All but that one.
template <typename R>
std::vector<R> Others(std::vector<R> all, const std::string& uid) {
  std::erase_if(all, [&](const R& each) { return each.meta.uid == uid; });
  return all;
}

}  // namespace pannier::control
