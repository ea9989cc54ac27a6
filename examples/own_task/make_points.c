/* Writes points of a curved surface for the plug-in of this folder: make_points FILE SAMPLES
 *
 * The file: the word PTS1, then three unsigned 32-bit numbers (samples, inputs of a sample, targets
 * of a sample), then for each sample its inputs and its targets as 32-bit floats; all in the byte
 * order of the machine. Here: two inputs a, b in [-2, 2) and the targets sin(a) b and a^2 - b. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  const long samples = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
  if (samples < 1) return fprintf(stderr, "usage: make_points FILE SAMPLES\n"), 2;
  FILE *file = fopen(argv[1], "wb");
  if (!file) return fprintf(stderr, "make_points: %s cannot be written\n", argv[1]), 2;
  const uint32_t head[3] = {(uint32_t)samples, 2, 2};
  size_t written = fwrite("PTS1", 1, 4, file) + fwrite(head, sizeof *head, 3, file);
  for (long i = 0; i < samples; i++) { /* a lattice without pattern: steps of irrational size */
    const double a = 4 * fmod((double)i * 0.7548776662466927, 1) - 2;
    const double b = 4 * fmod((double)i * 0.5698402909980532, 1) - 2;
    const float point[4] = {(float)a, (float)b, (float)(sin(a) * b), (float)(a * a - b)};
    written += fwrite(point, sizeof *point, 4, file);
  }
  if (fclose(file) == 0 && written == 7 + 4 * (size_t)samples) return 0;
  return fprintf(stderr, "make_points: %s: writing failed\n", argv[1]), 3;
}
