/* What one core can compute at most, to judge kernels by. */
#ifndef DDLA_BACKEND_PEAK_H
#define DDLA_BACKEND_PEAK_H

/* fp32 multiplications and additions per second in units of 1e9, by fused multiply-adds of the
 * widest vectors this machine has on 24 (16 registers: 12) independent sums in registers; one burst
 * of about 0.2 ms. */
double ddla_peak_burst(void);

/* Processor time of this thread in microseconds: what benchmarks of one thread count in, as it
 * stands still while another process has the core. */
double ddla_peak_time_us(void);

#endif
