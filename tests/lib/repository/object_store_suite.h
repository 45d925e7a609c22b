// What every ObjectStore must do: run on a folder, on a real S3 server, and on both behind faults.
// Threads: one test at a time.
#pragma once

#include <functional>
#include <memory>

#include "lib/repository/object_store.h"

namespace pannier::test {

// A deadline that no test reaches.
inline SteadyTime Later() { return std::chrono::steady_clock::now() + std::chrono::hours(1); }

// `make` gives another object for the same place each time, as other processes would have it; the
// place is empty. To be called from a TEST_CASE: it has sections.
void CheckObjectStore(const std::function<std::unique_ptr<repository::ObjectStore>()>& make);

}  // namespace pannier::test
