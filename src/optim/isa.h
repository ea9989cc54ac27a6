/* Vector code for the instruction sets of this machine, without ifuncs (they do not go with
 * sanitizers): a body is an always-inlined function, compiled once per row of DDLA_ISA_LIST and
 * chosen at the call.
 *
 * Every copy gives the same bits: only +, -, *, / and sqrt, which are exact to the last bit in IEEE
 * 754, on elements that do not meet each other, and no contraction into fused multiply-add
 * (-ffp-contract=off). */
#ifndef DDLA_OPTIM_ISA_H
#define DDLA_OPTIM_ISA_H

/* name, what this machine must have; the best stands first */
#if defined(__x86_64__) && defined(__GNUC__)
#define DDLA_ISA_LIST(X)                                                                           \
  X(avx512, __builtin_cpu_supports("avx512f"))                                                     \
  X(avx2, __builtin_cpu_supports("avx2"))                                                          \
  X(plain, 1)
#else
#define DDLA_ISA_LIST(X) X(plain, 1)
#endif

/* DDLA_ISA_BEST, the zero, means the best one that this machine has; tests ask for each one. */
typedef enum ddla_isa {
  DDLA_ISA_BEST,
#define DDLA_ISA_ENUM(name, present) DDLA_ISA_##name,
  DDLA_ISA_LIST(DDLA_ISA_ENUM)
#undef DDLA_ISA_ENUM
      DDLA_ISA_END
} ddla_isa;

/* Whether this machine can run it. Any thread. */
static inline int ddla_isa_present(ddla_isa isa) {
#define DDLA_ISA_PRESENT(name, present)                                                            \
  if (isa == DDLA_ISA_##name) return (present) ? 1 : 0;
  DDLA_ISA_LIST(DDLA_ISA_PRESENT)
#undef DDLA_ISA_PRESENT
  return isa == DDLA_ISA_BEST;
}

/* The isa to run: the one asked for, or the first row that this machine has. */
static inline ddla_isa ddla_isa_choose(ddla_isa isa) {
  for (int row = DDLA_ISA_BEST + 1; isa == DDLA_ISA_BEST && row < DDLA_ISA_END; row++)
    if (ddla_isa_present((ddla_isa)row)) isa = (ddla_isa)row;
  return isa;
}

#define DDLA_ISA_BODY static inline __attribute__((always_inline)) void

/* DDLA_ISA_FUNCTION(name, body, type) makes `static void name(ddla_isa, const type *)`, which runs
 * body(const type *) compiled for that isa. */
#define DDLA_ISA_COPY(isa, attributes, body, type)                                                 \
  attributes static void body##_##isa(const type *argument) { body(argument); }
#define DDLA_ISA_CASE(isa, body)                                                                   \
  case DDLA_ISA_##isa:                                                                             \
    body##_##isa(argument);                                                                        \
    break;

#if defined(__x86_64__) && defined(__GNUC__)
#define DDLA_ISA_FUNCTION(name, body, type)                                                        \
  DDLA_ISA_COPY(avx512, __attribute__((target("avx512f"))), body, type)                            \
  DDLA_ISA_COPY(avx2, __attribute__((target("avx2"))), body, type)                                 \
  DDLA_ISA_COPY(plain, , body, type)                                                               \
  static void name(ddla_isa isa, const type *argument) {                                           \
    switch (ddla_isa_choose(isa)) {                                                                \
      DDLA_ISA_CASE(avx512, body)                                                                  \
      DDLA_ISA_CASE(avx2, body)                                                                    \
    default: body##_plain(argument);                                                               \
    }                                                                                              \
  }
#else
#define DDLA_ISA_FUNCTION(name, body, type)                                                        \
  static void name(ddla_isa isa, const type *argument) {                                           \
    (void)isa;                                                                                     \
    body(argument);                                                                                \
  }
#endif

/* Before a loop whose iterations do not depend on each other, also where a source is its own
 * destination. */
#if defined(__clang__)
#define DDLA_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define DDLA_INDEPENDENT _Pragma("GCC ivdep")
#else
#define DDLA_INDEPENDENT
#endif

#endif
