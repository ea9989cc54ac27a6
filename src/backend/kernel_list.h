/* Kernels, tried in this order. A row (folder, op) is the file folder/op.c beside this list. Of two rows for one op
 * the first is the faster one wherever it accepts. */
DDLA_KERNEL(native, relu)
DDLA_KERNEL(native, max_pool)
DDLA_KERNEL(onednn, linear)
DDLA_KERNEL(native, conv2d)
DDLA_KERNEL(onednn, conv2d)
DDLA_KERNEL(onednn, matmul)
DDLA_KERNEL(onednn, softmax)
DDLA_KERNEL(onednn, gelu)
DDLA_KERNEL(onednn, tanh)
DDLA_KERNEL(onednn, sigmoid)
DDLA_KERNEL(plain, reference)
