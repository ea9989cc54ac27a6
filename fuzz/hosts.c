/* The file that lists the hosts of a cluster. */
#include <string.h>

#include "fuzz.h"
#include "mpi/hosts_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  ddla_hosts_file file = {.count = 0};
  ddla_status status = ddla_hosts_file_read(&file, (const char *)data, bytes, "hosts");
  if (status != DDLA_OK) {
    FUZZ_CHECK(status == DDLA_INVALID && file.count == 0);
    FUZZ_CHECK(ddla_status_message(status)[0]);
    return 0;
  }
  FUZZ_CHECK(file.count > 0 && file.count <= DDLA_MPI_HOSTS_MAX);
  for (int i = 0; i < file.count; i++) {
    const ddla_hosts_file_host *host = &file.host[i];
    FUZZ_CHECK(host->slots > 0 && host->slots <= DDLA_HOSTS_FILE_SLOTS_MAX);
    FUZZ_CHECK(memchr(host->name, '\0', sizeof host->name) && host->name[0] &&
               host->name[0] != '-');
    for (int k = 0; k < i; k++) FUZZ_CHECK(strcmp(host->name, file.host[k].name) != 0);
  }
  return 0;
}
