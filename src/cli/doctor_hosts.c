#include "cli/doctor_parts.h"
ddla_status ddla_doctor_hosts(const ddla_doctor_given *given) {
  (void)given;
  return DDLA_FAIL(UNSUPPORTED, "soon");
}
