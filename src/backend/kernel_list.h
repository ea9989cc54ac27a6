/* Kernels, tried in this order. A row (folder, op) is the file folder/op.c beside this list. */
DDLA_KERNEL(plain, reference)
