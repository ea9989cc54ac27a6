/* Rows of ddla/job_list.h, which explains the columns: the function, and how it is trained. */
#ifndef DDLA_JOB_MODEL_LIST_H
#define DDLA_JOB_MODEL_LIST_H

#define DDLA_JOB_ROWS_model(X)                                                                     \
  X(model, kind, NAME, "cnn", 0, 0, "", SAME, "named model; layers: the list in model.layers")     \
  X(model, hidden, SIZES, "[256, 128]", 1, 1048576, "units", SAME,                                 \
    "mlp: widths of the hidden layers")                                                            \
  X(model, activation, NAME, "relu", 0, 0, "", SAME, "function after each hidden layer")           \
  X(model, dropout, REAL, "0", 0, 0.95, "", SAME, "chance that a unit is dropped in training")     \
  X(model, blocks, INT, "4", 1, 1024, "", SAME,                                                    \
    "transformers: blocks, each of attention and two linear layers; mlp-mixer: of four")           \
  X(model, width, INT, "0", 0, 1048576, "", SAME,                                                  \
    "transformers: numbers for each place, mlp-mixer: for each patch, 0: 128; "                    \
    "resnet: channels of the first stage, 0: 16 for small images, else 64")                        \
  X(model, heads, INT, "4", 1, 65536, "", SAME,                                                    \
    "transformers: heads of attention; they share the width")                                      \
  X(model, window, INT, "128", 1, 1048576, "tokens", SAME,                                         \
    "text: tokens of a sample, and the most that a model looks back over")                         \
  X(model, positions, CHOICE, "learned", 0, 0, "learned|rotary", SAME,                             \
    "transformers: how places are known; a table of vectors, or queries and keys turned by them")  \
  X(model, tied, BOOL, "true", 0, 0, "", SAME,                                                     \
    "transformer-decoder: the last layer uses the first one's table")                              \
  X(model, sparse, BOOL, "false", 0, 0, "", SAME,                                                  \
    "transformers: only the rows of the token table that a step reads are updated")                \
  X(model, patch, INT, "4", 1, 4096, "pixels", SAME, "mlp-mixer: side of a patch of the image")    \
  X(model, token_width, INT, "64", 1, 1048576, "units", SAME,                                      \
    "mlp-mixer: width of the hidden layer that mixes patches")                                     \
  X(model, channel_width, INT, "512", 1, 1048576, "units", SAME,                                   \
    "mlp-mixer: width of the hidden layer that mixes the numbers of a patch")                      \
  X(model, depth, INT, "20", 3, 10000, "layers", SAME,                                             \
    "resnet: 18, 34, 50, 101, 152; for small images 20, 32, 44, 56, 110 or another 6n + 2")        \
  X(model, block, CHOICE, "auto", 0, 0, "auto|basic|bottleneck", SAME,                             \
    "resnet: kind of block; auto: basic but for depths 50, 101 and 152")                           \
  X(model, weights, TEXT, "", 0, 0, "", FREE,                                                      \
    "safetensors file that parameters and running values start from; empty: at random")            \
  X(model, layers, TREE, "", 0, 0, "", SAME,                                                       \
    "layers: one entry per layer, first to last: relu, or {conv2d: {channels: 32, kernel: 3}}")

#define DDLA_JOB_ROWS_train(X)                                                                     \
  X(train, seed, INT, "1", 0, 9007199254740992, "", SAME, "every random number follows from it")   \
  X(train, batch, INT, "128", 1, 16777216, "samples", SAME,                                        \
    "samples of one step, over all agents")                                                        \
  X(train, last_batch, CHOICE, "keep", 0, 0, "keep|drop", SAME,                                    \
    "an epoch's last batch where samples are left that do not fill one: a smaller one, or none")   \
  X(train, shards, INT, "8", 1, 65536, "", SAME,                                                   \
    "fixed parts that a batch is cut into; also the most agents that can help")                    \
  X(train, micro_batch, INT, "0", 0, 16777216, "samples", SAME,                                    \
    "samples that a lane computes at once; 0: a whole shard; smaller takes less memory")           \
  X(train, precision, CHOICE, "fp32", 0, 0, "fp32|bf16", FREE,                                     \
    "bf16: operands of matrix products and convolutions are rounded to it, all else is fp32")      \
  X(train, epochs, INT, "10", 0, 1000000000, "epochs", FREE, "passes over the training samples")   \
  X(train, steps, INT, "0", 0, 1000000000000, "steps", FREE,                                       \
    "stop after this many steps; 0: by epochs")                                                    \
  X(train, seconds, REAL, "0", 0, 1e9, "s", FREE,                                                  \
    "stop in order, with a checkpoint, after training for so long; 0: at the end")                 \
  X(train, optimizer, NAME, "sgd", 0, 0, "", SAME, "rule that updates the parameters")             \
  X(train, learning_rate, REAL, "0.05", 0, 1000, "", SAME,                                         \
    "size of an update, before the schedule")                                                      \
  X(train, momentum, REAL, "0.9", 0, 0.9999999, "", SAME,                                          \
    "sgd, rmsprop: part of the last update that is kept")                                          \
  X(train, nesterov, BOOL, "false", 0, 0, "", SAME, "sgd: look ahead along the momentum")          \
  X(train, gradient_delay, INT, "0", 0, 64, "steps", SAME,                                         \
    "sgd: how late gradients are; a step makes up for the momentum that they have missed")         \
  X(train, centered, BOOL, "false", 0, 0, "", SAME,                                                \
    "rmsprop: divide by the deviation of gradients, not the root of their mean square")            \
  X(train, beta1, REAL, "0.9", 0, 0.9999999, "", SAME,                                             \
    "adamw, lamb, lion: decay of the mean of gradients")                                           \
  X(train, beta2, REAL, "0.999", 0, 0.9999999, "", SAME,                                           \
    "adamw, lamb, rmsprop: decay of the mean of their squares; lion: of the mean that is kept")    \
  X(train, epsilon, REAL, "1e-8", 1e-20, 1, "", SAME,                                              \
    "adamw, lamb, rmsprop, adafactor: keeps the division away from zero")                          \
  X(train, clip_update, REAL, "1", 1e-6, 1e9, "", SAME,                                            \
    "adafactor: longest step (root mean square over a tensor) that is let through unscaled")       \
  X(train, least_scale, REAL, "0.001", 1e-9, 1000, "", SAME,                                       \
    "adafactor: size (root mean square) that a smaller tensor counts as, for its steps")           \
  X(train, weight_decay, REAL, "0.0005", 0, 100, "", SAME, "pull of the weights towards zero")     \
  X(train, schedule, CHOICE, "cosine", 0, 0, "constant|step|cosine|linear", SAME,                  \
    "how the learning rate goes down after the warm-up")                                           \
  X(train, warmup_steps, INT, "0", 0, 1000000000, "steps", SAME,                                   \
    "steps over which the learning rate rises from zero")                                          \
  X(train, step_every, INT, "10", 1, 1000000000, "epochs", SAME,                                   \
    "schedule step: epochs between two drops")                                                     \
  X(train, step_factor, REAL, "0.1", 0, 1, "", SAME, "schedule step: factor of each drop")         \
  X(train, final_learning_rate, REAL, "0", 0, 1, "", SAME,                                         \
    "schedules cosine and linear: last learning rate, as a fraction of learning_rate")             \
  X(train, clip_norm, REAL, "0", 0, 1e9, "", SAME,                                                 \
    "longest gradient (2-norm over all parameters) that is let through unscaled; 0: any")          \
  X(train, check_every, INT, "100", 0, 1000000000, "steps", FREE,                                  \
    "count what is not finite in gradients and parameters every so many steps; 0: never")          \
  X(train, on_non_finite, CHOICE, "stop", 0, 0, "stop|warn", FREE,                                 \
    "what a check that finds something does; warn: a line in the log, and the report says so")     \
  X(train, average, CHOICE, "none", 0, 0, "none|ema|swa", SAME,                                    \
    "average of the parameters that is measured instead of the last ones; ema: running mean over " \
    "steps, swa: equal mean over epochs")                                                          \
  X(train, average_decay, REAL, "0.999", 0, 0.9999999, "", SAME,                                   \
    "ema: part of the running mean that a step keeps")                                             \
  X(train, average_from, INT, "1", 1, 1000000000, "epochs", SAME,                                  \
    "ema, swa: first epoch that is averaged")                                                      \
  X(train, label_smoothing, REAL, "0", 0, 0.99, "", SAME,                                          \
    "part of each label that is spread over all classes")                                          \
  X(train, validate_every, INT, "1", 1, 1000000000, "epochs", FREE,                                \
    "epochs between two validations")                                                              \
  X(train, measure_every, INT, "0", 0, 1000000000000, "steps", FREE,                               \
    "also validate, and write a row of metrics, every so many steps; 0: at ends of epochs only")   \
  X(train, patience, INT, "0", 0, 1000000000, "epochs", FREE,                                      \
    "stop after this many epochs without a better validation result; 0: never")                    \
  X(train, keep_best, BOOL, "false", 0, 0, "", FREE,                                               \
    "also keep the model that did best on validation")

#endif
