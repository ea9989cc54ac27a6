/* Compiled as C and as C++ against an installed tree. */
#include <ddla/status.h>

#include <stdio.h>

int main(void) {
  puts(ddla_status_words(DDLA_CORRUPT));
  return ddla_status_exit(DDLA_CORRUPT) == 2 ? 0 : 1;
}
