// Fields that several kinds have. Threads: pure functions.
#pragma once

#include "operator/resource/fields.h"

namespace pannier::control {

// A cron schedule and the time zone it is meant in.
void ScheduleField(Visitor& v, const char* name, const char* help, bool required,
                   std::string* schedule);
void TimeZoneField(Visitor& v, std::string* time_zone);
// The name of a store inside of a daemon: TENANT/DATABASE.
void StoreNameField(Visitor& v, const char* name, const char* help, bool required,
                    std::string* store);

}  // namespace pannier::control
