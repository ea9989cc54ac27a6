#include "plugin/object.h"

#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char expected[] = "expected a shared object for this machine (cc -shared -fPIC)";

static ddla_status check_head(const ElfW(Ehdr) * head) {
  const unsigned char class = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
  const uint16_t one = 1;
  const unsigned char order = *(const unsigned char *)&one ? ELFDATA2LSB : ELFDATA2MSB;
  if (memcmp(head->e_ident, ELFMAG, SELFMAG) != 0)
    return DDLA_FAIL(INVALID, "is no object file; %s", expected);
  if (head->e_ident[EI_CLASS] != class || head->e_ident[EI_DATA] != order)
    return DDLA_FAIL(INVALID, "was built for another machine; %s", expected);
  if (head->e_type != ET_DYN || head->e_phentsize != sizeof(ElfW(Phdr)) || head->e_phnum < 1)
    return DDLA_FAIL(INVALID, "is an object file, but no shared object; %s", expected);
  return DDLA_OK;
}

/* Every piece that is to be mapped lies within the file. */
static ddla_status check_pieces(FILE *file, const ElfW(Ehdr) * head, uint64_t bytes) {
  for (unsigned i = 0; i < head->e_phnum; i++) {
    ElfW(Phdr) piece;
    const uint64_t at = head->e_phoff + (uint64_t)i * sizeof piece;
    if (at > bytes || fseeko(file, (off_t)at, SEEK_SET) != 0 ||
        fread(&piece, sizeof piece, 1, file) != 1 ||
        (piece.p_type == PT_LOAD &&
         (piece.p_offset > bytes || piece.p_filesz > bytes - piece.p_offset)))
      return DDLA_FAIL(INVALID, "is a shared object that is cut short; copy or build it again");
  }
  return DDLA_OK;
}

static ddla_status check_open(FILE *file, uint64_t bytes) {
  ElfW(Ehdr) head;
  if (fread(&head, sizeof head, 1, file) != 1)
    return DDLA_FAIL(INVALID, "is no object file; %s", expected);
  DDLA_TRY(check_head(&head));
  return check_pieces(file, &head, bytes);
}

ddla_status ddla_object_check(const char *path) {
  struct stat found;
  if (stat(path, &found) != 0)
    return DDLA_FAIL(INVALID, "cannot be opened: %s; relative paths start at the job file",
                     strerror(errno));
  if (!S_ISREG(found.st_mode)) return DDLA_FAIL(INVALID, "is not a file; %s", expected);
  FILE *file = fopen(path, "rb");
  if (!file) return DDLA_FAIL(INVALID, "cannot be opened: %s", strerror(errno));
  ddla_status status = check_open(file, (uint64_t)found.st_size);
  fclose(file);
  return status;
}
