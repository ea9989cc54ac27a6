/* ddla data: data sets are prepared, looked at, checked and divided. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cli/command.h"
#include "cli/data_kinds.h"
#include "cli/words.h"

static const ddla_data_kind kinds[] = {{"prepare", "SOURCE --out DIR", ddla_data_prepare},
                                       {"info", "SOURCE", ddla_data_info},
                                       {"verify", "DIR", ddla_data_verify},
                                       {"head", "SOURCE", ddla_data_head},
                                       {"stats", "SOURCE", ddla_data_stats},
                                       {"split", "SOURCE --fraction F --out DIR", ddla_data_split},
                                       {"broadcast", "SOURCE DIR", ddla_data_broadcast},
                                       {"gather", "PART DIR", ddla_data_gather}};

enum { KIND_COUNT = sizeof kinds / sizeof kinds[0] };

static ddla_status run(int argc, char **argv, int64_t start_ns) {
  const char *near = NULL;
  (void)start_ns;
  if (argc < 2 || argv[1][0] == '-')
    return DDLA_FAIL(INVALID, "ddla data needs to know what to do: prepare, info, verify, head, "
                              "stats, split, broadcast or gather; `ddla data --help` says more");
  for (int i = 0; i < KIND_COUNT; i++) {
    if (strcmp(argv[1], kinds[i].name) == 0) return kinds[i].run(argc - 1, argv + 1);
    near = ddla_words_nearer(near, argv[1], kinds[i].name);
  }
  return DDLA_FAIL(INVALID,
                   "ddla data cannot %s%s%s%s; it can prepare, info, verify, head, stats, split, "
                   "broadcast and gather",
                   ddla_text_quote(argv[1]).text, near ? "; did you mean '" : "", near ? near : "",
                   near ? "'?" : "");
}

const ddla_command ddla_command_data = {
    .name = "data",
    .arguments = "prepare|info|verify|head|stats|split|broadcast|gather SOURCE [OPTIONS]",
    .summary = "prepares, checks, shows, divides data sets, and sends them to hosts",
    .help =
        "SOURCE is what data.train could be: idx, csv, a folder of images, a text, a prepared "
        "set.\n"
        "All of these know:\n\n"
        "  --format NAME      how the source is read; also data.format\n"
        "  --job JOB.yaml     how the source is read: keys of the sections task and data\n"
        "  --set KEY=VALUE    sets such a key, for example data.label=species\n"
        "  --json             prints JSON\n\n"
        "ddla data prepare SOURCE --out DIR [--compress] [--part-bytes N] [--block-bytes N]\n"
        "  writes training, validation and test part, as far as the source has them, as a set\n"
        "  that is mapped into memory to be opened\n"
        "  -o, --out DIR      that is written; nothing may be there\n"
        "  --compress         with zstd: smaller, but decompressed on opening\n"
        "  --part-bytes N     size of part files [1073741824]\n"
        "  --block-bytes N    size of what has a hash of its own [1048576]\n\n"
        "ddla data info SOURCE\n"
        "  format, parts, type, shape, number of samples, sizes of classes, fingerprint, and\n"
        "  how long opening takes; of a prepared set without looking at features, unless\n"
        "  data.verify is set\n\n"
        "ddla data verify DIR\n"
        "  looks at every byte of a prepared set; exit status 1, and each damaged block named,\n"
        "  where it is not whole\n\n"
        "ddla data head SOURCE [-n N] [--part PART]\n"
        "  the first samples: their labels, and images as text, numbers, or characters\n"
        "  -n, --count N      so many [3]\n"
        "  --part PART        train, validation or test [train]\n\n"
        "ddla data stats SOURCE\n"
        "  mean, deviation, least and largest number of each channel, sizes and entropy of\n"
        "  classes, samples that stand twice, in one part or in two\n\n"
        "ddla data split SOURCE --fraction F --out DIR [--by-label] [--seed N] [--part PART]\n"
        "                [--into PART] [--compress] [--part-bytes N] [--block-bytes N]\n"
        "  writes a prepared set in which that share of a part's samples is a part of its own\n"
        "  --fraction F       above 0, below 1\n"
        "  --by-label         the same share of each class\n"
        "  --seed N           other samples; 0 ... takes those that data.validation_fraction\n"
        "                     takes with train.seed N [0]\n"
        "  --part PART        that is divided [train]\n"
        "  --into PART        what the share becomes [validation]\n\n"
        "mpirun -n N ddla data broadcast SOURCE DIR\n"
        "  makes the source of the first process's host a prepared set at DIR of every host; it "
        "is\n"
        "  sent once along a chain of hosts. Who has it already takes nothing\n\n"
        "mpirun -n N ddla data gather PART DIR\n"
        "  makes one prepared set at DIR of the first process's host from what is at PART on each\n"
        "  host, without samples that stand twice, and DIR/manifest.json, which says who gave "
        "what\n",
    .run = run};
