/* The system calls that opening and configuring a TAP takes. Each returns its result, or the negated errno. */
#define _GNU_SOURCE
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values, napi_value *self) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, values, self, NULL) == napi_ok && given >= count) return 1;
  napi_throw_type_error(env, NULL, "too few arguments");
  return 0;
}

napi_value number(napi_env env, double value) {
  napi_value result = NULL;
  napi_create_double(env, value, &result);
  return result;
}

int32_t integer(napi_env env, napi_value value) {
  int32_t result = 0;
  napi_get_value_int32(env, value, &result);
  return result;
}

static napi_value outcome(napi_env env, long result) { return number(env, result < 0 ? -errno : result); }

/* The bytes of a Uint8Array; NULL and no exception when the value is something else. */
static uint8_t *bytes_of(napi_env env, napi_value value, size_t *length) {
  bool is = false;
  void *data = NULL;
  napi_typedarray_type type;
  if (napi_is_typedarray(env, value, &is) != napi_ok || !is) return NULL;
  if (napi_get_typedarray_info(env, value, &type, length, &data, NULL, NULL) != napi_ok) return NULL;
  return type == napi_uint8_array ? data : NULL;
}

/* open(path, flags) */
static napi_value sys_open(napi_env env, napi_callback_info info) {
  napi_value args[2];
  char path[4096];
  size_t length;
  if (!arguments(env, info, 2, args, NULL)) return NULL;
  if (napi_get_value_string_utf8(env, args[0], path, sizeof path, &length) != napi_ok) return number(env, -EINVAL);
  return outcome(env, open(path, integer(env, args[1]) | O_CLOEXEC));
}

/* socket(domain, type, protocol) */
static napi_value sys_socket(napi_env env, napi_callback_info info) {
  napi_value args[3];
  if (!arguments(env, info, 3, args, NULL)) return NULL;
  int type = integer(env, args[1]) | SOCK_CLOEXEC;
  return outcome(env, socket(integer(env, args[0]), type, integer(env, args[2])));
}

/* ioctl(fd, request, argument): the argument is an integer, or a Uint8Array that is read and written */
static napi_value sys_ioctl(napi_env env, napi_callback_info info) {
  napi_value args[3];
  uint32_t request = 0;
  size_t length;
  if (!arguments(env, info, 3, args, NULL)) return NULL;
  napi_get_value_uint32(env, args[1], &request);
  uint8_t *data = bytes_of(env, args[2], &length);
  int fd = integer(env, args[0]);
  if (data != NULL) return outcome(env, ioctl(fd, (unsigned long)request, data));
  return outcome(env, ioctl(fd, (unsigned long)request, (unsigned long)(uint32_t)integer(env, args[2])));
}

/* read(fd, bytes) */
static napi_value sys_read(napi_env env, napi_callback_info info) {
  napi_value args[2];
  size_t length = 0;
  if (!arguments(env, info, 2, args, NULL)) return NULL;
  uint8_t *data = bytes_of(env, args[1], &length);
  if (data == NULL) return number(env, -EINVAL);
  return outcome(env, read(integer(env, args[0]), data, length));
}

/* write(fd, bytes) */
static napi_value sys_write(napi_env env, napi_callback_info info) {
  napi_value args[2];
  size_t length = 0;
  if (!arguments(env, info, 2, args, NULL)) return NULL;
  uint8_t *data = bytes_of(env, args[1], &length);
  if (data == NULL) return number(env, -EINVAL);
  return outcome(env, write(integer(env, args[0]), data, length));
}

/* close(fd) */
static napi_value sys_close(napi_env env, napi_callback_info info) {
  napi_value args[1];
  if (!arguments(env, info, 1, args, NULL)) return NULL;
  return outcome(env, close(integer(env, args[0])));
}

napi_status define_sys(napi_env env, napi_value exports) {
  const napi_property_descriptor calls[] = {
      {"open", NULL, sys_open, NULL, NULL, NULL, napi_enumerable, NULL},
      {"socket", NULL, sys_socket, NULL, NULL, NULL, napi_enumerable, NULL},
      {"ioctl", NULL, sys_ioctl, NULL, NULL, NULL, napi_enumerable, NULL},
      {"read", NULL, sys_read, NULL, NULL, NULL, napi_enumerable, NULL},
      {"write", NULL, sys_write, NULL, NULL, NULL, napi_enumerable, NULL},
      {"close", NULL, sys_close, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  return napi_define_properties(env, exports, sizeof calls / sizeof *calls, calls);
}
