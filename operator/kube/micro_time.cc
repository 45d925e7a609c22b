#include "operator/kube/micro_time.h"

#include "lib/core/time_text.h"

namespace pannier::kube {

std::string MicroTime(WallTime time) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(time);
  const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(time - whole).count();
  std::string text = FormatTime(WallTime(whole));
  text.pop_back();  // the 'Z'
  return text + "." + std::to_string(1'000'000 + micros).substr(1) + "Z";
}

}  // namespace pannier::kube
