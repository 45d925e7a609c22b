// Result<T>: a value or an Error. Status is Result<void>. The one way failures travel in this
// project.
//
// An error is handled or returned, not both, and is logged once, where it is handled. `what` grows
// leftwards on its way up by Context(). TRY(expr) passes an error up, or yields the value. Threads:
// plain values, as safe as the T inside.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "lib/core/check.h"

namespace pannier {

// What the caller should do. A code exists because someone acts on it differently.
enum class Errc {
  kInvalidArgument,    // the request is wrong; do not repeat it
  kMalformed,          // so wrong that it has not even the right shape (HTTP: 422, not 400)
  kNotFound,           // absent
  kConflict,           // exists already, or changed since it was read
  kPermissionDenied,   // the caller may not do this
  kResourceExhausted,  // a limit we set is reached; repeat later
  kStorageFull,        // the disk or a quota is full; make room, then repeat
  kUnavailable,        // may pass by itself; repeat with backoff
  kDeadlineExceeded,   // the time given was not enough
  kUnimplemented,      // this server does not do that
  kCorruption,         // bytes on disk are wrong
  kInternal,           // a defect of ours
};

// "invalid argument", "not found", …: for logs and the `kind` label of metrics (with '_' for ' ').
std::string_view ToString(Errc code);

struct [[nodiscard]] Error {
  Errc code = Errc::kInternal;
  std::string what;  // "open store s1: disk I/O error"
  std::string hint;  // what a person can do; may be empty

  // The same error with `context: ` before its text.
  Error Context(std::string_view context) &&;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit on purpose
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit on purpose

  bool ok() const { return state_.index() == 0; }
  bool Is(Errc code) const { return !ok() && error().code == code; }

  // The value; CHECKs that there is one.
  T& value() & {
    CHECK(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    CHECK(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    CHECK(ok());
    return std::get<0>(std::move(state_));
  }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }

  // The error; CHECKs that there is one.
  const Error& error() const& {
    CHECK(!ok());
    return std::get<1>(state_);
  }
  Error&& error() && {
    CHECK(!ok());
    return std::get<1>(std::move(state_));
  }

  Result Context(std::string_view context) && {
    if (ok()) return std::move(*this);
    return std::get<1>(std::move(state_)).Context(context);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT: implicit on purpose

  bool ok() const { return !error_.has_value(); }
  bool Is(Errc code) const { return error_.has_value() && error_->code == code; }
  void value() const { CHECK(ok()); }
  const Error& error() const& {
    CHECK(!ok());
    return *error_;
  }
  Error&& error() && {
    CHECK(!ok());
    return *std::move(error_);
  }

  Result Context(std::string_view context) && {
    if (ok()) return std::move(*this);
    return (*std::move(error_)).Context(context);
  }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

// One function per code, so that a failure reads as a sentence: `return NotFound("no store named "
// + name);`.
Error InvalidArgument(std::string what, std::string hint = {});
Error Malformed(std::string what, std::string hint = {});
Error NotFound(std::string what, std::string hint = {});
Error Conflict(std::string what, std::string hint = {});
Error PermissionDenied(std::string what, std::string hint = {});
Error ResourceExhausted(std::string what, std::string hint = {});
Error StorageFull(std::string what, std::string hint = {});
Error Unavailable(std::string what, std::string hint = {});
Error DeadlineExceeded(std::string what, std::string hint = {});
Error Unimplemented(std::string what, std::string hint = {});
Error Corruption(std::string what, std::string hint = {});
Error Internal(std::string what, std::string hint = {});

// The text of an errno value, as "No space left on device", and the code that fits it (ENOENT →
// kNotFound, ENOSPC and EDQUOT → kStorageFull, EMFILE and ENFILE → kResourceExhausted, EACCES and
// EPERM → kPermissionDenied, EEXIST → kConflict, ENAMETOOLONG and EINVAL → kInvalidArgument, else
// kUnavailable).
Error FromErrno(int error_number, std::string_view context);

namespace internal {
inline void TakeValue(Status&&) {}
template <typename T>
T TakeValue(Result<T>&& result) {
  return std::move(result).value();
}
}  // namespace internal

// Evaluates `expr` (a Result or a Status) once. On an error the enclosing function returns it; else
// the expression's value is the value of TRY. A statement expression, which both of our compilers
// have. Never behind another value inside braces, as in `Pair{First(), TRY(Second())}`: both
// compilers forget to destroy the first on the way out (tests/tidy looks for it).
#define TRY(...)                                           \
  ({                                                       \
    auto try_result = (__VA_ARGS__);                       \
    if (!try_result.ok()) [[unlikely]]                     \
      return std::move(try_result).error();                \
    ::pannier::internal::TakeValue(std::move(try_result)); \
  })

}  // namespace pannier
