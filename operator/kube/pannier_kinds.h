// Where the API serves our kinds: for the operator, which has them with all their fields
// (operator/resource), and for the plug-in, which needs no more than these places. A test compares
// them with the operator's tables. Threads: constants.
#pragma once

#include <array>

#include "operator/kube/object.h"

namespace pannier::kube {

inline constexpr std::string_view kPannierGroup = "pannier.dev";
inline constexpr std::string_view kPannierVersion = "v1alpha1";

inline constexpr Resource kVectorStores{kPannierGroup, kPannierVersion, "vectorstores",
                                        "VectorStore"};
inline constexpr Resource kRepositories{kPannierGroup, kPannierVersion, "snapshotrepositories",
                                        "SnapshotRepository"};
inline constexpr Resource kSnapshots{kPannierGroup, kPannierVersion, "storesnapshots",
                                     "StoreSnapshot"};
inline constexpr Resource kSchedules{kPannierGroup, kPannierVersion, "storesnapshotschedules",
                                     "StoreSnapshotSchedule"};
inline constexpr Resource kOperations{kPannierGroup, kPannierVersion, "storeoperations",
                                      "StoreOperation"};
inline constexpr Resource kPolicies{kPannierGroup, kPannierVersion, "storecleanuppolicies",
                                    "StoreCleanupPolicy"};
inline constexpr std::array kOurKinds = {kVectorStores, kRepositories, kSnapshots,
                                         kSchedules,    kOperations,   kPolicies};

}  // namespace pannier::kube
