#include "data/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libdeflate.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "data/disk.h"

enum { GZIP_BYTES_MIN = 18, DEFLATE_RATIO_MAX = 1032 };

static void *map_pages(size_t bytes, int sharing) {
  void *block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0);
  return block == MAP_FAILED ? NULL : block;
}

static void *shared_allocate(size_t bytes, void *argument) {
  (void)argument;
  return map_pages(bytes, MAP_SHARED);
}

static void *private_allocate(size_t bytes, void *argument) {
  (void)argument;
  return map_pages(bytes, MAP_PRIVATE);
}

static void pages_release(void *block, size_t bytes, void *argument) {
  (void)argument;
  munmap(block, bytes);
}

const ddla_data_memory *ddla_data_memory_shared(void) {
  static const ddla_data_memory memory = {shared_allocate, pages_release, NULL};
  return &memory;
}

const ddla_data_memory *ddla_data_memory_private(void) {
  static const ddla_data_memory memory = {private_allocate, pages_release, NULL};
  return &memory;
}

static size_t machine_bytes(void) {
  long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && page_bytes > 0 ? (size_t)pages * (size_t)page_bytes : SIZE_MAX;
}

static size_t block_room(size_t bytes) { return bytes ? bytes : 1; }

ddla_status ddla_data_block_make(ddla_data_block *out, size_t bytes,
                                 const ddla_data_memory *memory) {
  if (!memory) memory = ddla_data_memory_shared();
  /* Pages are promised freely; the promise would break much later. */
  if (bytes > machine_bytes() && !ddla_data_disk_is(memory))
    return DDLA_FAIL(NO_MEMORY, "data of %.1f GiB do not fit this machine's memory of %.1f GiB",
                     (double)bytes * 0x1p-30, (double)machine_bytes() * 0x1p-30);
  void *data = memory->allocate(block_room(bytes), memory->argument);
  if (!data) return DDLA_FAIL(NO_MEMORY, "no memory for %zu bytes of data", bytes);
  *out = (ddla_data_block){.data = data, .bytes = bytes, .memory = *memory};
  return DDLA_OK;
}

void ddla_data_block_release(ddla_data_block *block) {
  if (block->data)
    block->memory.release(block->data, block_room(block->bytes), block->memory.argument);
  *block = (ddla_data_block){0};
}

static ddla_status open_regular(int *out, size_t *bytes, const char *path) {
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a fifo must not hold us */
  if (file < 0) return DDLA_FAIL(INVALID, "cannot read %s: %s", path, strerror(errno));
  struct stat state = {0};
  if (fstat(file, &state) != 0 || !S_ISREG(state.st_mode)) {
    close(file);
    return DDLA_FAIL(INVALID, "%s is %s; a file is expected", path,
                     S_ISDIR(state.st_mode) ? "a directory" : "not a regular file");
  }
  *out = file;
  *bytes = (size_t)state.st_size;
  return DDLA_OK;
}

static ddla_status read_all(uint8_t *out, size_t bytes, int file, const char *path) {
  for (size_t done = 0; done < bytes;) {
    ssize_t got = read(file, out + done, bytes - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return DDLA_FAIL(IO, "cannot read %s: %s", path, strerror(errno));
    if (got == 0)
      return DDLA_FAIL(CORRUPT, "%s ended after %zu of %zu bytes: it changed while it was read",
                       path, done, bytes);
    done += (size_t)got;
  }
  return DDLA_OK;
}

/* Only called on files that failed: tells bytes after the end from damage within. */
static ddla_status explain_gzip(const uint8_t *bytes, size_t length, const char *path) {
  ddla_data_block room = {0};
  DDLA_TRY(ddla_data_block_make(&room, 8 * length + 65536, ddla_data_memory_private()));
  struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
  size_t used = 0, made = 0;
  bool whole =
      inflater && libdeflate_gzip_decompress_ex(inflater, bytes, length, room.data, room.bytes,
                                                &used, &made) == LIBDEFLATE_SUCCESS;
  libdeflate_free_decompressor(inflater);
  ddla_data_block_release(&room);
  if (whole)
    return DDLA_FAIL(CORRUPT, "%s: %zu bytes follow the end of the gzip data; expected none", path,
                     length - used);
  return DDLA_FAIL(CORRUPT,
                   "%s: gzip data are damaged or cut short (%zu bytes); copy or download it again",
                   path, length);
}

/* The last four bytes of a gzip member hold the length of its content (RFC 1952). They may lie, so
 * the block is no larger than what deflate can make of the bytes at hand. */
ddla_status ddla_data_gunzip(ddla_data_block *out, const uint8_t *bytes, size_t length,
                             const char *path, const ddla_data_memory *memory) {
  if (length < GZIP_BYTES_MIN)
    return DDLA_FAIL(CORRUPT, "%s: gzip data are cut short (%zu bytes)", path, length);
  const uint8_t *tail = bytes + length - 4;
  size_t content = tail[0] | (size_t)tail[1] << 8 | (size_t)tail[2] << 16 | (size_t)tail[3] << 24;
  if (content / DEFLATE_RATIO_MAX > length) return explain_gzip(bytes, length, path);
  ddla_data_block block = {0};
  DDLA_TRY(ddla_data_block_make(&block, content, memory));
  struct libdeflate_decompressor *inflater = libdeflate_alloc_decompressor();
  size_t used = 0, made = 0;
  bool whole =
      inflater && libdeflate_gzip_decompress_ex(inflater, bytes, length, block.data, content, &used,
                                                &made) == LIBDEFLATE_SUCCESS;
  libdeflate_free_decompressor(inflater);
  if (whole && used == length && made == content) {
    *out = block;
    return DDLA_OK;
  }
  ddla_data_block_release(&block);
  if (!inflater) return DDLA_FAIL(NO_MEMORY, "no memory to inflate %s", path);
  return explain_gzip(bytes, length, path);
}

ddla_status ddla_data_file_load(ddla_data_block *out, const char *path,
                                const ddla_data_memory *memory) {
  int file = -1;
  size_t bytes = 0;
  DDLA_TRY(open_regular(&file, &bytes, path));
  uint8_t magic[2] = {0};
  bool zipped = pread(file, magic, 2, 0) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
  ddla_data_block raw = {0};
  ddla_status status = DDLA_OK;
  DDLA_TRY_CLEAN(status,
                 ddla_data_block_make(&raw, bytes, zipped ? ddla_data_memory_private() : memory));
  DDLA_TRY_CLEAN(status, read_all(raw.data, bytes, file, path));
  if (zipped) {
    DDLA_TRY_CLEAN(status, ddla_data_gunzip(out, raw.data, bytes, path, memory));
  } else {
    *out = raw;
    raw = (ddla_data_block){0};
  }
cleanup:
  ddla_data_block_release(&raw);
  close(file);
  return status;
}

static long long line_of(const char *bytes, size_t at) {
  long long line = 1;
  for (size_t i = 0; i < at; i++) line += bytes[i] == '\n';
  return line;
}

ddla_status ddla_data_check_text(const char *bytes, size_t length, const char *path) {
  if (length >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0))
    return DDLA_FAIL(INVALID, "%s begins as a text in UTF-16 does; expected UTF-8 (iconv converts)",
                     path);
  const char *zero = length > 0 ? memchr(bytes, '\0', length) : NULL;
  if (zero)
    return DDLA_FAIL(CORRUPT, "%s, line %lld is not text: it holds a zero byte", path,
                     line_of(bytes, (size_t)(zero - bytes)));
  const size_t good = ddla_text_utf8_end(bytes, length);
  if (good == length) return DDLA_OK;
  return DDLA_FAIL(INVALID,
                   "%s, line %lld: the byte 0x%02x is not part of valid UTF-8; expected one "
                   "encoding, UTF-8, in all of the file (iconv converts)",
                   path, line_of(bytes, good), (unsigned char)bytes[good]);
}

size_t ddla_data_file_peek(uint8_t *out, size_t bytes, const char *path) {
  int file = -1;
  size_t size = 0;
  if (!ddla_data_is_file(path) || open_regular(&file, &size, path) != DDLA_OK) return 0;
  ssize_t got = pread(file, out, bytes, 0);
  close(file);
  return got > 0 ? (size_t)got : 0;
}

bool ddla_data_is_file(const char *path) {
  struct stat state = {0};
  return stat(path, &state) == 0 && S_ISREG(state.st_mode);
}

bool ddla_data_is_directory(const char *path) {
  struct stat state = {0};
  return stat(path, &state) == 0 && S_ISDIR(state.st_mode);
}

ddla_status ddla_data_path(char *out, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(out, DDLA_DATA_PATH_BYTES, format, arguments);
  va_end(arguments);
  if (length < 0 || length >= DDLA_DATA_PATH_BYTES)
    return DDLA_FAIL(INVALID, "a path of %d bytes is too long (at most %d)", length,
                     DDLA_DATA_PATH_BYTES - 1);
  return DDLA_OK;
}

ddla_status ddla_data_parent(char *out, const char *path) {
  DDLA_TRY(ddla_data_path(out, "%s", path));
  size_t length = strlen(out);
  while (length > 1 && out[length - 1] == '/') out[--length] = '\0';
  char *slash = strrchr(out, '/');
  if (!slash) return ddla_data_path(out, ".");
  slash[slash == out] = '\0';
  return DDLA_OK;
}
