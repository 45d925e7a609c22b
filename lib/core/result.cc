#include "lib/core/result.h"

#include <cerrno>
#include <system_error>

namespace pannier {

std::string_view ToString(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
      return "invalid argument";
    case Errc::kMalformed:
      return "malformed";
    case Errc::kNotFound:
      return "not found";
    case Errc::kConflict:
      return "conflict";
    case Errc::kPermissionDenied:
      return "permission denied";
    case Errc::kResourceExhausted:
      return "resource exhausted";
    case Errc::kStorageFull:
      return "storage full";
    case Errc::kUnavailable:
      return "unavailable";
    case Errc::kDeadlineExceeded:
      return "deadline exceeded";
    case Errc::kUnimplemented:
      return "unimplemented";
    case Errc::kCorruption:
      return "corruption";
    case Errc::kInternal:
      return "internal";
  }
  return "internal";
}

Error Error::Context(std::string_view context) && {
  what.insert(0, ": ");
  what.insert(0, context);
  return std::move(*this);
}

Error InvalidArgument(std::string what, std::string hint) {
  return {Errc::kInvalidArgument, std::move(what), std::move(hint)};
}
Error Malformed(std::string what, std::string hint) {
  return {Errc::kMalformed, std::move(what), std::move(hint)};
}
Error NotFound(std::string what, std::string hint) {
  return {Errc::kNotFound, std::move(what), std::move(hint)};
}
Error Conflict(std::string what, std::string hint) {
  return {Errc::kConflict, std::move(what), std::move(hint)};
}
Error PermissionDenied(std::string what, std::string hint) {
  return {Errc::kPermissionDenied, std::move(what), std::move(hint)};
}
Error ResourceExhausted(std::string what, std::string hint) {
  return {Errc::kResourceExhausted, std::move(what), std::move(hint)};
}
Error StorageFull(std::string what, std::string hint) {
  return {Errc::kStorageFull, std::move(what), std::move(hint)};
}
Error Unavailable(std::string what, std::string hint) {
  return {Errc::kUnavailable, std::move(what), std::move(hint)};
}
Error DeadlineExceeded(std::string what, std::string hint) {
  return {Errc::kDeadlineExceeded, std::move(what), std::move(hint)};
}
Error Unimplemented(std::string what, std::string hint) {
  return {Errc::kUnimplemented, std::move(what), std::move(hint)};
}
Error Corruption(std::string what, std::string hint) {
  return {Errc::kCorruption, std::move(what), std::move(hint)};
}
Error Internal(std::string what, std::string hint) {
  return {Errc::kInternal, std::move(what), std::move(hint)};
}

namespace {
Errc CodeOfErrno(int error_number) {
  switch (error_number) {
    case ENOENT:
      return Errc::kNotFound;
    case EEXIST:
      return Errc::kConflict;
    case EACCES:
    case EPERM:
      return Errc::kPermissionDenied;
    case ENOSPC:
    case EDQUOT:
      return Errc::kStorageFull;
    case EMFILE:
    case ENFILE:
      return Errc::kResourceExhausted;
    case ENAMETOOLONG:
    case EINVAL:
      return Errc::kInvalidArgument;
    default:
      return Errc::kUnavailable;
  }
}
}  // namespace

Error FromErrno(int error_number, std::string_view context) {
  Error error{CodeOfErrno(error_number), std::generic_category().message(error_number), {}};
  return std::move(error).Context(context);
}

}  // namespace pannier
