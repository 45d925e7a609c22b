// What every Api does: run against the fake in unit tests and against a real API server in the
// end-to-end tests, so that the fake cannot drift from what it stands for.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "operator/kube/api.h"

namespace pannier::test {

// A kind of the tests' own, with a status subresource; a real server needs its CRD
// (tests/e2e/kube/widgets.yaml).
inline constexpr kube::Resource kWidgets{"test.pannier.dev", "v1", "widgets", "Widget"};

nlohmann::json Widget(const std::string& ns, const std::string& name, int size = 1);

// To be called within a TEST_CASE; `ns` exists and holds no widgets.
void TestReadsAndWrites(kube::Api& api, const std::string& ns);
void TestPreconditions(kube::Api& api, const std::string& ns);
void TestFinalizers(kube::Api& api, const std::string& ns);
void TestApplyAndStatus(kube::Api& api, const std::string& ns);
void TestPagesAndSelectors(kube::Api& api, const std::string& ns);
void TestWatch(kube::Api& api, const std::string& ns);

}  // namespace pannier::test
