/* Norms and cosine_similarity, against values of PyTorch 2.15. */
#include "op/test_bench.h"

static void rms_norm_scales_rows(void **state) {
  (void)state;
  static const float dy[] = {1, 2, 3, -1, 0.5F, 2};
  bench b = make("rms_norm");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2, 3), (float[]){1, -2, 3, 0.5F, 0, -0.5F});
  set_input(&b, 1, DDLA_F32, DDLA_SHAPE(3), (float[]){1, 2, 0.5F});
  forward(&b);
  EXPECT(&b, 0.462909549F, -1.8516382F, 0.694364309F, 1.22470808F, 0, -0.61235404F);
  backward(&b, 0, dy);
  EXPECT_GRADIENT(&b, 0, 0.545571804F, 1.68631375F, 0.942351043F, -0.000147104263F, 2.44941616F,
                  0.000147104263F);
  backward(&b, 1, dy);
  EXPECT_GRADIENT(&b, 1, -0.761798501F, -1.8516382F, 1.7167697F);
  b = make("rms_norm"); /* without weights; a row of zeros stays */
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2, 2), (float[]){0, 0, 3, 4});
  forward(&b);
  EXPECT(&b, 0, 0, 0.848528F, 1.131370F);
}

static void group_norm_takes_channels_together(void **state) {
  (void)state;
  static const float dy[] = {1, 2, 3, 4, 5, 6, 7, 8};
  bench b = make("group_norm");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(1, 2, 4), (float[]){1, 2, 3, 5, 4, -1, 0, 2});
  set_input(&b, 1, DDLA_F32, DDLA_SHAPE(4), (float[]){1, 2, 0.5F, -1});
  set_input(&b, 2, DDLA_F32, DDLA_SHAPE(4), (float[]){0, 1, 0, -1});
  ddla_attrs_set_int(&b.call.attrs, "groups", 2);
  forward(&b);
  EXPECT(&b, -0.277349651F, 1.55469942F, 0.138674825F, -2.38674831F, 1.38674843F, -1.77349687F,
         -0.693374217F, -0.72265029F);
  backward(&b, 0, dy);
  expect(b.dx,
         (float[]){-2.83749962F, -0.490696907F, 2.10145617F, 0.245343328F, 1.42941236F, 1.89878368F,
                   1.4187547F, -3.76555443F},
         8, 2e-6F);
  backward(&b, 1, dy);
  expect(b.dx, (float[]){6.6563921F, -7.76579094F, -8.87518978F, 3.32819605F}, 4, 2e-6F);
  backward(&b, 2, dy);
  EXPECT_GRADIENT(&b, 2, 6, 8, 10, 12);
}

static void norms_refuse_what_does_not_fit(void **state) {
  (void)state;
  static const float x[8] = {0};
  bench b = make("group_norm");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2, 4), x);
  ddla_attrs_set_int(&b.call.attrs, "groups", 3);
  expect_refusal(&b, "group_norm: input has [2, 4]; groups is 3, but must divide its 4 channels");
  ddla_attrs_set_int(&b.call.attrs, "groups", 2);
  ddla_attrs_set_real(&b.call.attrs, "epsilon", 0);
  expect_refusal(&b, "epsilon is 0");
  b = make("rms_norm");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2, 4), x);
  set_input(&b, 1, DDLA_F32, DDLA_SHAPE(2), x);
  expect_refusal(&b, "rms_norm: weight has [2] but [4] is wanted");
}

static void cosine_similarity_bounds_lengths(void **state) {
  (void)state;
  static const float ones[] = {1, 1};
  bench b = make("cosine_similarity");
  set_input(&b, 0, DDLA_F32, DDLA_SHAPE(2, 3), (float[]){1, 2, 2, 0, 0, 0});
  set_input(&b, 1, DDLA_F32, DDLA_SHAPE(2, 3), (float[]){2, 0, 1, 1, 1, 1});
  forward(&b);
  EXPECT(&b, 0.596284807F, 0);
  backward(&b, 1, ones);
  EXPECT_GRADIENT(&b, 1, -0.0894427001F, 0.298142403F, 0.17888546F, 0, 0, 0);
  backward(&b, 0, ones);
  expect(b.dx, (float[]){0.231888533F, -0.132507741F, 0.0165634602F}, 3, 1e-6F);
  expect(b.dx + 3, (float[]){57735028, 57735028, 57735028}, 3, 4);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rms_norm_scales_rows),
      cmocka_unit_test(group_norm_takes_channels_together),
      cmocka_unit_test(norms_refuse_what_does_not_fit),
      cmocka_unit_test(cosine_similarity_bounds_lengths),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
