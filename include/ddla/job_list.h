/* Every option of a job, one row each: the fields of ddla_job, the keys of the job file, `--set`,
 * help and reference all come from here. docs/howto/add-an-option.md says how to add one.
 *
 * X(section, field, type, initial, low, high, words, resume, help)
 *
 * type      INT REAL BOOL TEXT NAME CHOICE SIZES REALS PATHS TREE (see ddla/job.h)
 * initial   the value without a job file, as YAML; TREE has none
 * low, high the range allowed, of each item for SIZES and REALS
 * words     CHOICE: the words allowed, separated by |; others: the unit, or ""
 * resume    SAME if a checkpoint is worth nothing under another value, else FREE
 * help      one line; a NAME is a row of another list, whose owner refuses unknown ones */
#ifndef DDLA_JOB_LIST_H
#define DDLA_JOB_LIST_H

#include <ddla/job_model_list.h>

/* S(section, help) */
#define DDLA_JOB_SECTIONS(S)                                                                       \
  S(task, "what is trained")                                                                       \
  S(data, "where the samples come from and what is done to them")                                  \
  S(model, "the function that is trained")                                                         \
  S(train, "how it is trained")                                                                    \
  S(sync, "how agents keep one model")                                                             \
  S(share, "how samples reach the agents")                                                         \
  S(parallel, "how many agents and lanes")                                                         \
  S(checkpoint, "when the state is saved")                                                         \
  S(output, "where results go")

#define DDLA_JOB_ROWS_task(X)                                                                      \
  X(task, kind, NAME, "image-classification", 0, 0, "", SAME, "kind of task")                      \
  X(task, plugins, PATHS, "[]", 0, 0, "", FREE,                                                    \
    "shared objects with ops, models, tasks and formats; relative to the job file")

#define DDLA_JOB_ROWS_data(X)                                                                      \
  X(data, train, TEXT, "/usr/share/datasets/fashion-mnist", 0, 0, "", FREE,                        \
    "training samples: a directory or a file")                                                     \
  X(data, test, TEXT, "", 0, 0, "", FREE,                                                          \
    "test samples; empty: the test files beside the training samples, if there are any")           \
  X(data, validation, TEXT, "", 0, 0, "", FREE,                                                    \
    "validation samples; empty: see validation_fraction")                                          \
  X(data, validation_fraction, REAL, "0", 0, 0.9, "", SAME,                                        \
    "part of the training samples that is set aside for validation")                               \
  X(data, format, NAME, "auto", 0, 0, "", SAME,                                                    \
    "format of the files; auto: judged by their content")                                          \
  X(data, label, TEXT, "", 0, 0, "", SAME,                                                         \
    "csv: name of the column with the label, or its number from 1, empty: the last column; "       \
    "jsonl, webdataset: key of the label, empty: label; none: there are no labels")                \
  X(data, features, TEXT, "", 0, 0, "", SAME,                                                      \
    "jsonl: keys of the features, as key, key, in their order; empty: all but the label's")        \
  X(data, header, CHOICE, "auto", 0, 0, "auto|yes|no", SAME,                                       \
    "csv: whether the first line names the columns; auto: if none of its fields is a number")      \
  X(data, verify, CHOICE, "all", 0, 0, "all|index", FREE,                                          \
    "prepared sets: whether all blocks are checked on opening, or those of features are trusted")  \
  X(data, on_error, CHOICE, "fail", 0, 0, "fail|skip", FREE,                                       \
    "prepared sets with damaged blocks: refuse them, or leave out the samples that lie there")     \
  X(data, size, SIZES, "[]", 1, 16384, "pixels", SAME,                                             \
    "height and width that images are scaled to; []: as they are")                                 \
  X(data, channels, INT, "0", 0, 4096, "", SAME, "channels of an image; 0: as in the data")        \
  X(data, classes, INT, "0", 0, 1000000, "", SAME, "number of classes; 0: as in the data")         \
  X(data, standardize, BOOL, "true", 0, 0, "", SAME,                                               \
    "subtract the mean and divide by the standard deviation, for each channel or column")          \
  X(data, mean, REALS, "[]", -1e9, 1e9, "", SAME,                                                  \
    "means for standardize; []: those of the training samples")                                    \
  X(data, std, REALS, "[]", 1e-9, 1e9, "", SAME,                                                   \
    "standard deviations for standardize; []: those of the training samples")                      \
  X(data, shift, INT, "0", 0, 1024, "pixels", SAME,                                                \
    "training: move each image by up to this much in both directions, at random")                  \
  X(data, flip, BOOL, "false", 0, 0, "", SAME, "training: mirror images left to right, at random") \
  X(data, cutout, INT, "0", 0, 1024, "pixels", SAME,                                               \
    "training: blank a random square of this side in each image")                                  \
  X(data, ahead, TEXT, "auto", 0, 0, "", FREE,                                                     \
    "micro-batches that a thread of each agent has ready for each lane; 0: lanes make their own; " \
    "auto: up to 16 where lanes leave it a core")                                                  \
  X(data, partition, NAME, "shared", 0, 0, "", SAME,                                               \
    "whose the samples are; shared: each batch is drawn from all; iid, by-label, dirichlet, "      \
    "by-size, by-key: replicas, or shards of every batch, have parts of their own; files: each "   \
    "host's own files, {host} in a path of data is its number")                                    \
  X(data, partition_parts, INT, "0", 0, 64, "parts", SAME,                                         \
    "without replicas: how many; 0: one for each agent, so that bits depend on how many there are")\
  X(data, partition_labels, INT, "2", 1, 65536, "labels", SAME,                                    \
    "partition by-label: labels of each part")                                                  \
  X(data, partition_alpha, REAL, "0.5", 1e-6, 1e9, "", SAME,                                       \
    "partition dirichlet: large: parts are alike; small: of few labels each")                      \
  X(data, partition_exponent, REAL, "1", 0, 100, "", SAME,                                         \
    "partition by-size: part r has samples in proportion to (r + 1)^-exponent")                 \
  X(data, partition_key, TEXT, "", 0, 0, "", SAME,                                                 \
    "csv: column that says whose a sample is, by name or number from 1; no feature")               \
  X(data, private, BOOL, "false", 0, 0, "", FREE,                                                  \
    "samples never leave their host; what would send them is refused")

#define DDLA_JOB_ROWS_sync(X)                                                                      \
  X(sync, mode, CHOICE, "synchronous", 0, 0, "synchronous|accumulated|asynchronous", FREE,         \
    "when agents wait for each other: in every step, after some steps alone, or never")            \
  X(sync, method, NAME, "allreduce", 0, 0, "", FREE, "algorithm within the mode")                  \
  X(sync, reduction, CHOICE, "tree", 0, 0, "tree|fast", SAME,                                      \
    "order of sums; tree: fixed, so that any number of agents gives the same bits; fast: between " \
    "hosts as the MPI library likes, without that promise")                                        \
  X(sync, range_bytes, INT, "0", 0, 1073741824, "bytes", FREE,                                     \
    "what hosts exchange at a time; 0: chosen by the rate of the links, measured at the start")    \
  X(sync, interval, INT, "1", 1, 1000000000, "steps", FREE,                                        \
    "accumulated: steps from one exchange to the next")                                            \
  X(sync, after, INT, "0", 0, 1000000000000, "steps", FREE,                                        \
    "accumulated: up to this step replicas exchange in every step")                                \
  X(sync, outer_learning_rate, REAL, "0.7", 0, 10, "", FREE,                                       \
    "diloco, streaming: rate of the outer step; with 1, and outer_momentum 0, it takes the mean")  \
  X(sync, outer_momentum, REAL, "0.9", 0, 0.999999, "", FREE,                                      \
    "diloco, streaming: momentum of the outer step")                                               \
  X(sync, fragments, INT, "4", 1, 64, "", FREE,                                                    \
    "streaming: pieces of the model that are exchanged one after another in each interval")        \
  X(sync, delay, INT, "1", 0, 1000000000, "steps", FREE,                                           \
    "streaming: steps after which a fragment is merged; below interval / fragments")               \
  X(sync, mixing, REAL, "0.5", 0, 1, "", FREE,                                                     \
    "streaming: part of a replica's own parameters that stays when a fragment is merged")          \
  X(sync, carry, REAL, "0", 0, 1, "", FREE,                                                        \
    "streaming: part of what a replica did in the delay that is added to the global model")        \
  X(sync, moving_rate, REAL, "0.9", 0, 1, "", FREE,                                                \
    "elastic: how far the centre goes to the replicas' mean, and they, all together, to it")       \
  X(sync, heterogeneity, NAME, "none", 0, 0, "", FREE,                                             \
    "replicas: what is done about data that differ between them: weighted, fedprox, scaffold, "    \
    "shared-set")                                                                                  \
  X(sync, proximal, REAL, "0.01", 0, 1e12, "", FREE,                                               \
    "fedprox: weight of the distance to the global model (mu)")                                    \
  X(sync, shared_fraction, REAL, "0.05", 0, 1, "", FREE,                                           \
    "shared-set: part of the training samples that every replica has")                             \
  X(sync, penalty, REAL, "0.1", 0, 1e12, "", FREE,                                                 \
    "admm: weight of the distance between a replica and the global model, at the beginning")       \
  X(sync, penalty_ratio, REAL, "0", 0, 1e12, "", FREE,                                             \
    "admm: residuals that differ by more double or halve the penalty; 0: it stays; 10 is usual")   \
  X(sync, staleness, INT, "2", -1, 1000000, "steps", FREE,                                         \
    "bounded: parameters may be so many steps older than the batch; push, gossip: so many "        \
    "batches of every agent may be ahead of the oldest one, -1: any number")                       \
  X(sync, servers, INT, "0", 0, 64, "agents", FREE,                                                \
    "bounded, push, backup: the first so many agents serve the parameters; 1: one in the centre; " \
    "0: all")                                                                                      \
  X(sync, damping, BOOL, "false", 0, 0, "", FREE,                                                  \
    "push: the rate of an update is divided by its staleness")                                     \
  X(sync, compensation, REAL, "0", 0, 1e12, "", FREE,                                              \
    "push: delay compensation of gradients (DC-ASGD), its lambda; 0: none")                        \
  X(sync, backup, INT, "1", 0, 65535, "shards", FREE,                                              \
    "backup: so many shards of a step are not waited for; those that are last")                    \
  X(sync, codec, NAME, "none", 0, 0, "", FREE,                                                     \
    "how replicas' exchange and asynchronous contributions are written: none, int8, topk, ...")    \
  X(sync, topk, REAL, "0.01", 0, 1, "", FREE,                                                      \
    "codecs topk and topk2: share of the numbers that is sent")                                    \
  X(sync, codec_decay, REAL, "1", 0, 1, "", FREE,                                                  \
    "what a codec leaves out is kept for the next exchange, times this; 0: it is dropped")         \
  X(sync, momentum_correction, REAL, "0", 0, 0.999999, "", FREE,                                   \
    "bounded, push, backup with topk or topk2: momentum that every agent gives to its gradients "  \
    "before some of them are chosen, instead of train.momentum; 0: none")                          \
  X(sync, replica, CHOICE, "agent", 0, 0, "agent|host", FREE,                                      \
    "accumulated, asynchronous, backup: who has a copy of the model: every agent, or the agents "  \
    "of a host")                                                                                   \
  X(sync, schedule, TREE, "", 0, 0, "", FREE,                                                      \
    "changes in mid-run, in order: {from: STEP, KEY: VALUE, ...} with keys of this section")

#define DDLA_JOB_ROWS_share(X)                                                                     \
  X(share, mode, CHOICE, "none", 0, 0, "none|broadcast|gather|tiered|exchange", FREE,              \
    "none: hosts read the files; broadcast: the first sends its to all; gather: and gets theirs; " \
    "tiered: samples of a prepared set, maybe at an http(s) address, are fetched when needed; "    \
    "exchange: parts of the data exchange a fraction at every epoch's end")                        \
  X(share, directory, TEXT, "", 0, 0, "", FREE,                                                    \
    "broadcast, gather: where each host keeps the prepared set that it gets; tiered: where its "   \
    "disk tier is")                                                                                \
  X(share, memory, REAL, "1", 0, 1e18, "", FREE,                                                   \
    "tiered: of each host, for samples: up to 1 a part of all of them, above that bytes")          \
  X(share, disk, REAL, "0", 0, 1e18, "", FREE, "tiered: the same of each host's disk; 0: none")    \
  X(share, peers, BOOL, "true", 0, 0, "", FREE,                                                    \
    "tiered: each block is read by one host, which others ask; false: each host reads for itself") \
  X(share, ahead, INT, "0", 0, 65536, "steps", FREE,                                               \
    "tiered: samples are fetched so many steps before they are needed; 0: as many as 32 MiB hold") \
  X(share, fraction, REAL, "0.1", 0, 1, "", SAME,                                                  \
    "exchange: so much of its samples each part gives to others, and gets")

#define DDLA_JOB_ROWS_parallel(X)                                                                  \
  X(parallel, agents, INT, "1", 1, 65536, "agents", FREE,                                          \
    "processes that train together; -n sets it too")                                               \
  X(parallel, lanes, INT, "0", 0, 4096, "lanes", FREE,                                             \
    "threads of one agent that compute; 0: the processors shared out among this machine's agents") \
  X(parallel, hosts, INT, "1", 1, 64, "hosts", FREE,                                               \
    "play so many hosts on this machine: each has a state of its own, and they exchange messages") \
  X(parallel, balance, CHOICE, "static", 0, 0, "static|dynamic", FREE,                             \
    "static: every agent computes as many shards; dynamic: as many as its speed allows")           \
  X(parallel, timeout, REAL, "30", 1, 86400, "s", FREE,                                            \
    "a host that is not heard of for so long is given up, and the run ends")                       \
  X(parallel, agents_as, CHOICE, "processes", 0, 0, "processes|threads", FREE,                     \
    "what agents of one machine are; threads of one process are for checking the program")         \
  X(parallel, bind, TEXT, "auto", 0, 0, "", FREE,                                                  \
    "processors of lanes: auto: a core each where lanes fill the machine, or what is allowed of "  \
    "it; cores, numa: a core, a memory domain each; none; or processors: 0-3,8")                   \
  X(parallel, isa, CHOICE, "strict", 0, 0, "strict|common|plain|avx2|avx512|avx512_bf16", FREE,    \
    "instruction set of all agents: strict: the best of each, which must be alike; common: the "   \
    "best that all have; or this one")

#define DDLA_JOB_ROWS_checkpoint(X)                                                                \
  X(checkpoint, every_epochs, INT, "1", 0, 1000000000, "epochs", FREE,                             \
    "epochs between two checkpoints; 0: none by epochs")                                           \
  X(checkpoint, every_steps, INT, "0", 0, 1000000000000, "steps", FREE,                            \
    "steps between two checkpoints; 0: none by steps")                                             \
  X(checkpoint, keep, INT, "2", 1, 1000000, "checkpoints", FREE, "newest checkpoints that are kept")

#define DDLA_JOB_ROWS_output(X)                                                                    \
  X(output, dir, TEXT, "", 0, 0, "", FREE, "run directory; empty: runs/ and the job file's name")  \
  X(output, progress, CHOICE, "auto", 0, 0, "auto|bar|lines|none", FREE,                           \
    "auto: a bar on a terminal, elsewhere a line per epoch")                                       \
  X(output, overwrite, BOOL, "false", 0, 0, "", FREE,                                              \
    "replace an older run in the same directory")                                                  \
  X(output, events, BOOL, "true", 0, 0, "", FREE,                                                  \
    "record what each lane does, for ddla why, top and trace and for the words about a hang")      \
  X(output, hang_seconds, REAL, "3", 0, 1e9, "s", FREE,                                            \
    "say why when a step takes longer than this and 10 times the usual; 0: never")                 \
  X(output, trace_steps, INT, "0", 0, 1000, "steps", FREE,                                         \
    "keep every op of about this many last steps for ddla trace; 0: phases of some steps")         \
  X(output, audit, BOOL, "false", 0, 0, "", FREE,                                                  \
    "write down which samples each agent computed, step by step (agents/N.audit)")                 \
  X(output, csv, BOOL, "false", 0, 0, "", FREE,                                                    \
    "also write the numbers of each epoch as a table, metrics.csv")                                \
  X(output, tensorboard, BOOL, "false", 0, 0, "", FREE,                                            \
    "also write the numbers of each epoch for TensorBoard, in tensorboard/")

#endif
