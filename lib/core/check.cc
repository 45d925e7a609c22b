#include "lib/core/check.h"

#include <cstdio>
#include <cstdlib>

namespace pannier::internal {

void CheckFailed(const char* file, int line, const char* expression) {
  std::fprintf(stderr, "level=fatal msg=\"CHECK failed\" at=%s:%d expression=\"%s\"\n", file, line,
               expression);
  std::abort();
}

}  // namespace pannier::internal
