#include "op/check.h"

#include <inttypes.h>
#include <string.h>

#define TEXT(shape) ddla_shape_text((char[96]){0}, 96, (shape))

bool ddla_op_has(const ddla_op_call *call, int input) {
  return input < call->input_count && call->present[input];
}

ddla_status ddla_op_check_shape(const ddla_shape *shape, const char *what, int index) {
  if (shape->rank < 0 || shape->rank > DDLA_RANK_MAX)
    return DDLA_FAIL(INVALID, "%s %d has rank %d; ranks 0 to %d are possible", what, index,
                     shape->rank, DDLA_RANK_MAX);
  int64_t count = 1;
  for (int i = 0; i < shape->rank; i++) {
    if (shape->dim[i] < 1)
      return DDLA_FAIL(INVALID, "%s %d has %s; every dimension must be at least 1", what, index,
                       TEXT(shape));
    if (__builtin_mul_overflow(count, shape->dim[i], &count) || count > DDLA_OP_ELEMENTS_MAX)
      return DDLA_FAIL(INVALID, "%s %d has %s, more than %" PRId64 " elements", what, index,
                       TEXT(shape), DDLA_OP_ELEMENTS_MAX);
  }
  return DDLA_OK;
}

/* The row's word for an attribute, "stride=1": the place after '=', or null. */
static const char *attr_default(const char *words, const char *name) {
  size_t length = strlen(name);
  for (const char *at = words; at && *at;) {
    if (strncmp(at, name, length) == 0 && at[length] == '=') return at + length + 1;
    at = strchr(at, ' ');
    if (at) at++;
  }
  return NULL;
}

static bool is_real(const char *value) { return memchr(value, '.', strcspn(value, " ")) != NULL; }

/* A default with a point is a real number, one without is whole, none at all is required. */
static ddla_status check_attrs(const ddla_op_call *call) {
  const char *words = call->op->attrs ? call->op->attrs : "";
  for (int i = 0; i < call->attrs.count; i++) {
    const ddla_attr *item = &call->attrs.item[i];
    const char *value = attr_default(words, item->name);
    if (!value)
      return DDLA_FAIL(INVALID, "has no attribute \"%s\"; it takes: %s", item->name,
                       *words ? words : "none");
    if (!is_real(value) && item->count == 0)
      return DDLA_FAIL(INVALID, "attribute \"%s\" is %g, but wants whole numbers", item->name,
                       item->real);
  }
  for (const char *at = words; *at; at += strcspn(at, " "), at += *at == ' ') {
    size_t length = strcspn(at, "=");
    char name[32] = {0};
    if (length >= sizeof name || (at[length + 1] != ' ' && at[length + 1] != 0)) continue;
    memcpy(name, at, length);
    if (ddla_attrs_count(&call->attrs, name) == 0)
      return DDLA_FAIL(INVALID, "wants the attribute \"%s\"", name);
  }
  return DDLA_OK;
}

ddla_status ddla_op_check_call(const ddla_op_call *call) {
  const ddla_op *op = call->op;
  if (call->input_count < op->input_min || call->input_count > op->input_max)
    return DDLA_FAIL(INVALID, "got %d inputs, but takes %s", call->input_count, op->inputs);
  for (int i = 0; i < call->input_count; i++) {
    if (i < op->input_min && !call->present[i])
      return DDLA_FAIL(INVALID, "input %d is missing; it takes %s", i, op->inputs);
    if (!call->present[i]) continue;
    DDLA_TRY(ddla_op_check_shape(&call->input[i].shape, "input", i));
    if (call->wants_grad[i] && call->input[i].dtype != DDLA_F32)
      return DDLA_FAIL(INVALID, "input %d is %s and has no gradient", i,
                       ddla_dtype_name(call->input[i].dtype));
  }
  return check_attrs(call);
}

static bool is_dtype(ddla_dtype dtype) { return dtype >= DDLA_F32 && dtype <= DDLA_U8; }

static size_t bytes_of(const ddla_tensor *tensor) {
  return (size_t)ddla_shape_count(&tensor->shape) * ddla_dtype_bytes(tensor->dtype);
}

static ddla_status check_alias(const ddla_op_call *call) {
  const int alias = call->alias;
  if (alias == -1) return DDLA_OK;
  if (alias < -1 || alias >= call->input_count || !call->present[alias])
    return DDLA_FAIL(INVALID, "its output is said to be input %d, which is not there", alias);
  if (bytes_of(&call->output[0]) != bytes_of(&call->input[alias]))
    return DDLA_FAIL(INVALID, "its output %s is said to be input %d, which has %s",
                     TEXT(&call->output[0].shape), alias, TEXT(&call->input[alias].shape));
  return DDLA_OK;
}

ddla_status ddla_op_check_results(const ddla_op_call *call) {
  if (call->output_count < 1 || call->output_count > DDLA_OP_OUTPUTS_MAX)
    return DDLA_FAIL(INVALID, "has %d outputs; 1 to %d are possible", call->output_count,
                     DDLA_OP_OUTPUTS_MAX);
  for (int i = 0; i < call->output_count; i++) {
    if (!is_dtype(call->output[i].dtype))
      return DDLA_FAIL(INVALID, "output %d has number format %d, which there is not", i,
                       (int)call->output[i].dtype);
    DDLA_TRY(ddla_op_check_shape(&call->output[i].shape, "output", i));
  }
  return check_alias(call);
}

ddla_status ddla_op_check_input(const ddla_op_call *call, int input, ddla_dtype dtype, int rank_min,
                                int rank_max) {
  const ddla_tensor *x = &call->input[input];
  if (x->dtype != dtype)
    return DDLA_FAIL(INVALID, "input %d is %s, but %s is wanted (%s)", input,
                     ddla_dtype_name(x->dtype), ddla_dtype_name(dtype), call->op->inputs);
  if (x->shape.rank < rank_min || x->shape.rank > rank_max)
    return DDLA_FAIL(INVALID, "input %d has %s, but wanted is: %s", input, TEXT(&x->shape),
                     call->op->inputs);
  return DDLA_OK;
}

ddla_status ddla_op_check_equal(const ddla_op_call *call, int a, int b) {
  const ddla_shape *left = &call->input[a].shape, *right = &call->input[b].shape;
  if (ddla_shape_equal(left, right)) return DDLA_OK;
  return DDLA_FAIL(INVALID, "input %d has %s but input %d has %s; they must be equal", a,
                   TEXT(left), b, TEXT(right));
}

ddla_status ddla_op_check_vector(const ddla_op_call *call, int input, int64_t count,
                                 const char *what) {
  DDLA_TRY(ddla_op_check_input(call, input, DDLA_F32, 1, 1));
  const ddla_shape *shape = &call->input[input].shape;
  if (shape->dim[0] == count) return DDLA_OK;
  return DDLA_FAIL(INVALID, "%s has %s but [%" PRId64 "] is wanted", what, TEXT(shape), count);
}

ddla_status ddla_op_check_activation(const ddla_op_call *call) {
  int64_t activation = ddla_attrs_int(&call->attrs, "activation", 0, 0);
  if (activation == 0 || activation == 1) return DDLA_OK;
  return DDLA_FAIL(INVALID, "activation is %" PRId64 "; it can be 0 (none) or 1 (relu)",
                   activation);
}

ddla_status ddla_op_check_epsilon(const ddla_op_call *call) {
  const double epsilon = ddla_attrs_real(&call->attrs, "epsilon", 1e-5);
  if (epsilon > 0 && epsilon <= 1) return DDLA_OK;
  return DDLA_FAIL(INVALID, "epsilon is %g; it can be above 0 to 1", epsilon);
}

ddla_status ddla_op_axis(int *out, const ddla_op_call *call, int rank) {
  int64_t axis = ddla_attrs_int(&call->attrs, "axis", 0, 0);
  if (axis < -rank || axis >= rank)
    return DDLA_FAIL(INVALID, "axis is %" PRId64 ", but input 0 has %s", axis,
                     TEXT(&call->input[0].shape));
  *out = (int)(axis < 0 ? axis + rank : axis);
  return DDLA_OK;
}

void ddla_op_set_output(ddla_op_call *call, int output, ddla_dtype dtype, const ddla_shape *shape) {
  call->output[output].dtype = dtype;
  call->output[output].shape = *shape;
  if (call->output_count <= output) call->output_count = output + 1;
}

ddla_status ddla_op_infer_elementwise(ddla_op_call *call) {
  DDLA_TRY(ddla_op_check_input(call, 0, DDLA_F32, 0, DDLA_RANK_MAX));
  ddla_op_set_output(call, 0, DDLA_F32, &call->input[0].shape);
  return DDLA_OK;
}

void ddla_op_set_loss(ddla_op_call *call) {
  ddla_shape scalar = {0};
  ddla_op_set_output(call, 0, DDLA_F64, &scalar);
  ddla_op_set_output(call, 1, DDLA_F64, &scalar);
}
