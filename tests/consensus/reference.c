/* Consensus ADMM (Boyd et al. 2011, 7.1) and elastic averaging SGD (Zhang et al. 2015) in one
 * process and plain loops, in double, for a small classifier: no hidden layer (multinomial logistic
 * regression, which is convex) or one with relu. Written from the papers, and without anything of
 * the library, as what `ddla train` is compared with.
 *
 *   consensus_reference TRAIN.csv TEST.csv admm|elastic HIDDEN ROUNDS INTERVAL RATE STRENGTH
 *
 * Rows of the files are features and a class from 0. Replica i of 4 has rows i, i + 4, …; between
 * exchanges it makes INTERVAL gradient steps at RATE on the mean loss of all its rows, with an L2
 * term. STRENGTH: admm's penalty, the moving rate of elastic. Prints accuracy and mean loss on TEST
 * of the global model, and sqrt(sum |theta_i - global|^2). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REPLICAS = 4, FEATURES = 8, CLASSES = 3, ROWS_MAX = 4096, HIDDEN_MAX = 32, THETA_MAX = 512 };

static const double DECAY = 0.01; /* of weights, not of biases */

typedef struct rows {
  int count;
  double x[ROWS_MAX][FEATURES];
  int label[ROWS_MAX];
} rows;

static rows train, test;
static int hidden, size;

static void read_rows(rows *out, const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) exit(2);
  while (out->count < ROWS_MAX) {
    double *x = out->x[out->count];
    int read = 0;
    while (read < FEATURES && fscanf(file, "%lf,", &x[read]) == 1) read++;
    if (read < FEATURES || fscanf(file, "%d", &out->label[out->count]) != 1) break;
    out->count++;
  }
  fclose(file);
}

/* out[n] = weight [n, m] in + bias. */
static void linear(double *out, const double *weight, const double *in, int n, int m) {
  for (int i = 0; i < n; i++) {
    out[i] = weight[n * m + i];
    for (int k = 0; k < m; k++) out[i] += weight[i * m + k] * in[k];
  }
}

/* Loss of a row; p becomes the classes' probabilities, h the hidden values. */
static double forward(double p[CLASSES], double *h, const double *theta, const double *x,
                      int label) {
  const double *in = x, *head = theta;
  double most, sum = 0;
  int inputs = FEATURES;
  if (hidden > 0) {
    linear(h, theta, x, hidden, FEATURES);
    for (int i = 0; i < hidden; i++) h[i] = h[i] > 0 ? h[i] : 0;
    in = h, head = theta + hidden * (FEATURES + 1), inputs = hidden;
  }
  linear(p, head, in, CLASSES, inputs);
  most = fmax(p[0], fmax(p[1], p[2]));
  for (int c = 0; c < CLASSES; c++) sum += p[c] = exp(p[c] - most);
  for (int c = 0; c < CLASSES; c++) p[c] /= sum;
  return -log(p[label]);
}

static void backward(double *gradient, const double *theta, const double *x, int label) {
  double p[CLASSES], h[HIDDEN_MAX], up[HIDDEN_MAX] = {0};
  (void)forward(p, h, theta, x, label);
  p[label] -= 1;
  const int inputs = hidden > 0 ? hidden : FEATURES, at = hidden > 0 ? hidden * (FEATURES + 1) : 0;
  const double *in = hidden > 0 ? h : x;
  for (int c = 0; c < CLASSES; c++) {
    gradient[at + CLASSES * inputs + c] += p[c];
    for (int k = 0; k < inputs; k++) {
      gradient[at + c * inputs + k] += p[c] * in[k];
      if (hidden > 0) up[k] += p[c] * theta[at + c * inputs + k];
    }
  }
  for (int i = 0; i < hidden; i++) {
    if (h[i] <= 0) continue;
    gradient[hidden * FEATURES + i] += up[i];
    for (int k = 0; k < FEATURES; k++) gradient[i * FEATURES + k] += up[i] * x[k];
  }
}

static int is_weight(int k) {
  if (hidden == 0) return k < CLASSES * FEATURES;
  const int first = hidden * (FEATURES + 1);
  return k < hidden * FEATURES || (k >= first && k < first + CLASSES * hidden);
}

/* One step of a replica; target and weight: of the term weight / 2 |theta - target|^2. */
static void step(double *theta, int replica, double rate, const double *target, double weight) {
  double gradient[THETA_MAX] = {0};
  int count = 0;
  for (int i = replica; i < train.count; i += REPLICAS, count++)
    backward(gradient, theta, train.x[i], train.label[i]);
  for (int k = 0; k < size; k++) {
    double g = gradient[k] / count + weight * (theta[k] - target[k]);
    if (is_weight(k)) g += DECAY * theta[k];
    theta[k] -= rate * g;
  }
}

static void exchange_admm(double theta[][THETA_MAX], double u[][THETA_MAX], double *z) {
  for (int k = 0; k < size; k++) {
    z[k] = 0;
    for (int i = 0; i < REPLICAS; i++) z[k] += (theta[i][k] + u[i][k]) / REPLICAS;
    for (int i = 0; i < REPLICAS; i++) u[i][k] += theta[i][k] - z[k];
  }
}

static void exchange_elastic(double theta[][THETA_MAX], double *z, double beta) {
  for (int k = 0; k < size; k++) {
    double pull = 0;
    for (int i = 0; i < REPLICAS; i++) pull += (theta[i][k] - z[k]) / REPLICAS;
    for (int i = 0; i < REPLICAS; i++) theta[i][k] -= beta / REPLICAS * (theta[i][k] - z[k]);
    z[k] += beta * pull;
  }
}

static double draw(void) {
  static unsigned long seed = 12345;
  seed = (seed * 1103515245 + 12345) % 2147483648UL;
  return (double)seed / 2147483648.0 - 0.5;
}

static void report(double theta[][THETA_MAX], const double *z) {
  double p[CLASSES], h[HIDDEN_MAX], loss = 0, apart = 0;
  int right = 0;
  for (int i = 0; i < test.count; i++) {
    loss += forward(p, h, z, test.x[i], test.label[i]);
    int best = 0;
    for (int c = 1; c < CLASSES; c++) best = p[c] > p[best] ? c : best;
    right += best == test.label[i];
  }
  for (int i = 0; i < REPLICAS; i++)
    for (int k = 0; k < size; k++) apart += (theta[i][k] - z[k]) * (theta[i][k] - z[k]);
  printf("%.4f %.5f %.3e\n", (double)right / test.count, loss / test.count, sqrt(apart));
}

static double number(const char *text) {
  char *end = NULL;
  const double value = strtod(text, &end);
  if (end == text || *end) exit(2);
  return value;
}

int main(int argc, char **argv) {
  static double theta[REPLICAS][THETA_MAX], u[REPLICAS][THETA_MAX], z[THETA_MAX], target[THETA_MAX];
  if (argc != 9) return 2;
  read_rows(&train, argv[1]);
  read_rows(&test, argv[2]);
  const int admm = strcmp(argv[3], "admm") == 0;
  const int rounds = (int)number(argv[5]), interval = (int)number(argv[6]);
  const double rate = number(argv[7]), strength = number(argv[8]);
  hidden = (int)number(argv[4]);
  if (train.count == 0 || test.count == 0 || hidden > HIDDEN_MAX) return 2;
  size = hidden > 0 ? hidden * (FEATURES + 1) + CLASSES * (hidden + 1) : CLASSES * (FEATURES + 1);
  for (int k = 0; k < size; k++) z[k] = is_weight(k) ? draw() : 0;
  for (int i = 0; i < REPLICAS; i++) memcpy(theta[i], z, sizeof z);
  for (int round = 0; round < rounds; round++) {
    for (int i = 0; i < REPLICAS; i++)
      for (int s = 0; s < interval; s++) {
        for (int k = 0; k < size; k++) target[k] = z[k] - u[i][k];
        step(theta[i], i, rate, target, admm ? strength : 0);
      }
    if (admm) exchange_admm(theta, u, z);
    else exchange_elastic(theta, z, strength);
  }
  report(theta, z);
  return 0;
}
