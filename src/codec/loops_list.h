/* The loops for one kind of processor are one row here and one file in loops/. The first row that
 * this machine can run runs. */
DDLA_CODEC_LOOPS(loops, avx512)
DDLA_CODEC_LOOPS(loops, avx2)
DDLA_CODEC_LOOPS(loops, plain)
