/* Job files. What is accepted must come back the same after it is written out and read again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ddla/job.h>

#include "fuzz.h"

static char *text_of(const ddla_job *job, size_t *bytes) {
  char *text = NULL;
  FILE *out = open_memstream(&text, bytes);
  FUZZ_CHECK(out);
  FUZZ_CHECK(ddla_job_write(job, out) == DDLA_OK);
  fclose(out);
  return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
  ddla_job *job = NULL, *again = NULL;
  ddla_status status = ddla_job_load_text(&job, (const char *)data, bytes, "job.yaml");
  if (status != DDLA_OK) {
    FUZZ_CHECK(!job);
    FUZZ_CHECK(ddla_status_message(status)[0]);
    return 0;
  }
  size_t first_bytes = 0, second_bytes = 0;
  char *first = text_of(job, &first_bytes);
  FUZZ_CHECK(ddla_job_load_text(&again, first, first_bytes, "written") == DDLA_OK);
  char *second = text_of(again, &second_bytes);
  FUZZ_CHECK(first_bytes == second_bytes && memcmp(first, second, first_bytes) == 0);
  free(first);
  free(second);
  ddla_job_destroy(again);
  ddla_job_destroy(job);
  return 0;
}
