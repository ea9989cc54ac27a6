/* fence: a foreign interface appears only where its files are. */
#include <string.h>

#include "tidy.h"

typedef struct fence {
  const char *prefix, *header, *folder, *file,
      *what; /* folder: path prefix; file: prefix of the file's name */
} fence;

static const fence fences[] = {
    {"dnnl_", "dnnl", "src/backend/onednn/", "", "oneDNN stays under src/backend/onednn/"},
    {"DNNL_", "oneapi/dnnl", "src/backend/onednn/", "", "oneDNN stays under src/backend/onednn/"},
    {"hwloc_", "hwloc", "src/base/topology_hwloc.c", "", "hwloc stays in topology_hwloc.c"},
    {"HWLOC_", "hwloc", "src/base/topology_hwloc.c", "", "hwloc stays in topology_hwloc.c"},
    {"MPI_", "mpi.h", "", "mpi", "MPI stays in files named mpi*.c"},
    {"cuda", "cuda", "src/backend/cuda/", "cuda",
     "CUDA stays in files named cuda* or under src/backend/cuda/"},
    {"cublas", "cublas", "src/backend/cuda/", "cuda",
     "CUDA stays in files named cuda* or under src/backend/cuda/"},
    {"cudnn", "cudnn", "src/backend/cuda/", "cuda",
     "CUDA stays in files named cuda* or under src/backend/cuda/"},
    {"nccl", "nccl", "", "nccl", "NCCL stays in files named nccl*"},
};

enum { FENCE_COUNT = sizeof fences / sizeof fences[0] };

static bool is_inside(const tidy_file *file, const fence *row) {
  if (strcmp(file->area, "bench") == 0 && strcmp(row->prefix, "MPI_") == 0) return true;
  if (row->folder[0] && tidy_starts(file->path, row->folder)) return true;
  return row->file[0] && tidy_starts(file->name, row->file);
}

/* cuda means cudaMalloc, not a word of ours such as cuda_rows. */
static bool is_foreign(const tidy_token *token, const fence *row) {
  size_t length = strlen(row->prefix);
  if (token->kind != TIDY_NAME || (size_t)token->length <= length) return false;
  if (memcmp(token->start, row->prefix, length) != 0) return false;
  char next = token->start[length];
  return row->prefix[length - 1] == '_' || (next >= 'A' && next <= 'Z');
}

static bool is_include(const tidy_token *token, const tidy_token *end, const fence *row) {
  if (!tidy_is(token, "#") || end - token < 4 || !tidy_is(token + 1, "include")) return false;
  size_t length = strlen(row->header);
  return tidy_is(token + 2, "<") && strncmp(token[3].start, row->header, length) == 0;
}

static void check(tidy_tree *tree, const tidy_file *file, const fence *row) {
  if (is_inside(file, row)) return;
  for (int i = 0; i < file->token_count; i++) {
    const tidy_token *token = &file->tokens[i];
    bool include = is_include(token, file->tokens + file->token_count, row);
    if (!include && !is_foreign(token, row)) continue;
    char *word = tidy_token_text(file, include ? i + 3 : i);
    char *text =
        tidy_text("'%s': %s; go through the backend or transport interface", word, row->what);
    tidy_report(tree, &(tidy_finding){file->path, "fence", word, text, token->line});
  }
}

void tidy_rule_fence(tidy_tree *tree) {
  for (int i = 0; i < tree->file_count; i++)
    for (int k = 0; tree->files[i].is_c && k < FENCE_COUNT; k++)
      check(tree, &tree->files[i], &fences[k]);
}
