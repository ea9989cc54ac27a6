#include "symbol.h"

#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The whole file, to be freed; null: it cannot be read. */
static char *load(const char *path, size_t *bytes) {
  FILE *file = fopen(path, "rb");
  char *data = NULL;
  long size = 0;
  if (!file) return NULL;
  if (fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) > 0) data = malloc((size_t)size);
  rewind(file);
  if (data && fread(data, 1, (size_t)size, file) != (size_t)size) {
    free(data);
    data = NULL;
  }
  fclose(file);
  *bytes = (size_t)size;
  return data;
}

/* Where the program's first page is mapped, less the address that the file gives it. */
static uint64_t load_bias(pid_t process, const Elf64_Ehdr *head) {
  char path[64], line[512];
  uint64_t begin = 0;
  if (head->e_type != ET_DYN) return 0;
  snprintf(path, sizeof path, "/proc/%d/maps", (int)process);
  FILE *file = fopen(path, "r");
  if (!file) return 0;
  if (fgets(line, sizeof line, file))
    begin = strtoull(line, NULL, 16); /* the program comes first */
  fclose(file);
  return begin;
}

static uint64_t value_in(const char *data, size_t bytes, const char *name) {
  const Elf64_Ehdr *head = (const Elf64_Ehdr *)data;
  const Elf64_Shdr *section = (const Elf64_Shdr *)(data + head->e_shoff);
  if (bytes < sizeof *head || head->e_shoff + head->e_shnum * sizeof *section > bytes) return 0;
  for (int i = 0; i < head->e_shnum; i++) {
    if (section[i].sh_type != SHT_SYMTAB) continue;
    const Elf64_Sym *symbol = (const Elf64_Sym *)(data + section[i].sh_offset);
    const char *names = data + section[section[i].sh_link].sh_offset;
    for (size_t k = 0; k < section[i].sh_size / sizeof *symbol; k++)
      if (strcmp(names + symbol[k].st_name, name) == 0 && symbol[k].st_value)
        return symbol[k].st_value;
  }
  return 0;
}

uint64_t symbol_find(pid_t process, const char *name) {
  char path[64];
  size_t bytes = 0;
  snprintf(path, sizeof path, "/proc/%d/exe", (int)process);
  char *data = load(path, &bytes);
  if (!data) return 0;
  uint64_t value = value_in(data, bytes, name);
  if (value) value += load_bias(process, (const Elf64_Ehdr *)data);
  free(data);
  return value;
}
