#include "operator/resource/common_fields.h"

namespace pannier::control {

void ScheduleField(Visitor& v, const char* name, const char* help, bool required,
                   std::string* schedule) {
  const std::vector<Rule> rules = {
      {"!self.contains('TZ=')", "the time zone is named by timeZone, not inside of the schedule"},
      {"self.matches('^(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|"
       "[^ ]+( [^ ]+){4})$')",
       "a schedule has five fields separated by one blank each, or is a macro like @daily"}};
  v.Text({.name = name,
          .help = help,
          .required = required,
          .length_max = 128,
          .length_min = 1,
          .rules = rules},
         schedule);
}

void TimeZoneField(Visitor& v, std::string* time_zone) {
  v.Text(
      {.name = "timeZone",
       .help = "Time zone of the schedule, as in the IANA data base (Europe/Berlin). Default: UTC.",
       .length_max = 64,
       .length_min = 1,
       .rules = {{"self != 'Local' && self.matches('^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$') && "
                  "timestamp('2000-01-01T00:00:00Z').getHours(self) >= 0",
                  "must be a time zone of the IANA data base, like Europe/Berlin"}}},
      time_zone);
}

void StoreNameField(Visitor& v, const char* name, const char* help, bool required,
                    std::string* store) {
  v.Text({.name = name,
          .help = help,
          .required = required,
          .length_max = 512,
          .length_min = 3,
          .pattern = "^[^/]+/.+$"},
         store);
}

}  // namespace pannier::control
