/* The JS class Port: one TAP file descriptor on Node's own event loop. */
#define _GNU_SOURCE
#include "tap.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static void let_go(struct port *port) {
  if (--port->holders > 0) return;
  free(port->poll);
  free(port);
}

static void hold(struct port *port, int ref, napi_value value) {
  if (port->refs[ref] != NULL) napi_delete_reference(port->env, port->refs[ref]);
  port->refs[ref] = NULL;
  napi_create_reference(port->env, value, 1, &port->refs[ref]);
}

int port_call(struct port *port, int ref, int32_t argument) {
  napi_env env = port->env;
  napi_value self = NULL, function = NULL, value = NULL, error = NULL;
  napi_get_reference_value(env, port->refs[REF_SELF], &self);
  napi_get_reference_value(env, port->refs[ref], &function);
  napi_create_int32(env, argument, &value);
  napi_status status = napi_make_callback(env, port->context, self, function, 1, &value, NULL);
  if (status == napi_ok) return 1;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending && napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  return 0;
}

static void on_poll(uv_poll_t *handle, int status, int events) {
  struct port *port = uv_handle_get_data((uv_handle_t *)handle);
  napi_handle_scope scope;
  if (napi_open_handle_scope(port->env, &scope) != napi_ok) return;
  port->holders++; /* the callbacks may close the port */
  if (status < 0) port->down = -status;
  if (port->down == 0 && (events & UV_WRITABLE)) {
    port_wait(port, port->events & ~UV_WRITABLE);
    port_call(port, REF_ON_WRITABLE, 0);
  }
  if (port->down == 0 && port->fd >= 0 && (events & UV_READABLE)) port_receive(port);
  if (port->down != 0 && port->fd >= 0 && port->events != 0) {
    port_wait(port, 0);
    port_call(port, REF_ON_DOWN, port->down);
  }
  napi_close_handle_scope(port->env, scope);
  let_go(port);
}

void port_wait(struct port *port, int events) {
  if (port->events == events || port->poll == NULL || port->fd < 0) return;
  port->events = events;
  if (events == 0) uv_poll_stop(port->poll);
  else uv_poll_start(port->poll, events, on_poll);
}

static void on_closed(uv_handle_t *handle) {
  struct port *port = uv_handle_get_data(handle);
  napi_remove_async_cleanup_hook(port->hook);
  let_go(port);
}

static void port_close(struct port *port) {
  if (port->fd < 0) return;
  port->events = 0;
  uv_poll_stop(port->poll);
  uv_close((uv_handle_t *)port->poll, on_closed);
  close(port->fd);
  port->fd = -1;
  port->memory = NULL;
  napi_async_destroy(port->env, port->context);
  for (int i = 0; i < REFS; i++) {
    if (port->refs[i] != NULL) napi_delete_reference(port->env, port->refs[i]);
    port->refs[i] = NULL;
  }
}

/* The thread or process ends with the port open: the loop must not outlive the handle. */
static void on_exit_hook(napi_async_cleanup_hook_handle hook, void *data) {
  (void)hook;
  port_close(data);
}

static void on_collected(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  let_go(data);
}

static napi_value throw_errno(napi_env env, int error) {
  napi_value code = NULL, message = NULL, value = NULL;
  napi_create_string_utf8(env, "uv_poll", NAPI_AUTO_LENGTH, &message);
  if (napi_create_error(env, NULL, message, &value) == napi_ok) {
    napi_create_int32(env, error, &code);
    napi_set_named_property(env, value, "errno", code);
    napi_throw(env, value);
  }
  return NULL;
}

/* The elements of an Int32Array (or of a Float64Array, as `wanted` says); NULL: a TypeError is pending. */
static void *elements(napi_env env, napi_value value, napi_typedarray_type wanted, size_t *length) {
  napi_typedarray_type type;
  void *data = NULL;
  bool is = false;
  if (napi_is_typedarray(env, value, &is) == napi_ok && is &&
      napi_get_typedarray_info(env, value, &type, length, &data, NULL, NULL) == napi_ok && type == wanted)
    return data;
  napi_throw_type_error(env, NULL, "a typed array of another kind was expected");
  return NULL;
}

static int attach_poll(struct port *port, napi_value self) {
  uv_loop_t *loop = NULL;
  napi_value name = NULL;
  if (napi_get_uv_event_loop(port->env, &loop) != napi_ok) return -EINVAL;
  int status = uv_poll_init(loop, port->poll, port->fd); /* sets O_NONBLOCK */
  if (status < 0) return status;
  uv_handle_set_data((uv_handle_t *)port->poll, port);
  port->holders++;
  napi_create_string_utf8(port->env, "TapPort", NAPI_AUTO_LENGTH, &name);
  napi_async_init(port->env, self, name, &port->context);
  napi_add_async_cleanup_hook(port->env, on_exit_hook, port, &port->hook);
  return 0;
}

/* new Port(fd, header, counters: Float64Array, onBatch(count), onWritable(), onDown(errno)): owns the fd from now on.
 * It keeps the JS object alive, and the event loop, until close(). */
static napi_value port_new(napi_env env, napi_callback_info info) {
  napi_value args[6], self;
  size_t length = 0;
  if (!arguments(env, info, 6, args, &self)) return NULL;
  double *counters = elements(env, args[2], napi_float64_array, &length);
  if (counters == NULL) return NULL;
  struct port *port = length < COUNTERS ? NULL : calloc(1, sizeof *port);
  if (port != NULL) port->poll = calloc(1, uv_handle_size(UV_POLL));
  if (port == NULL || port->poll == NULL) {
    free(port);
    return throw_errno(env, ENOMEM);
  }
  port->env = env;
  port->holders = 1;
  port->fd = integer(env, args[0]);
  port->header = integer(env, args[1]) > 0 ? 12 : 0;
  port->counters = counters;
  port->luck = 8;
  int status = attach_poll(port, self);
  if (status < 0) {
    let_go(port);
    return throw_errno(env, -status);
  }
  napi_wrap(env, self, port, on_collected, NULL, NULL);
  hold(port, REF_SELF, self);
  hold(port, REF_COUNTERS, args[2]);
  for (int i = 0; i < 3; i++) hold(port, REF_ON_BATCH + i, args[3 + i]);
  return self;
}

static struct port *unwrap(napi_env env, napi_value self) {
  void *port = NULL;
  if (napi_unwrap(env, self, &port) != napi_ok) napi_throw_type_error(env, NULL, "not a Port");
  return port;
}

/* start(memory: ArrayBuffer, base, stride, slots, room, rows: Int32Array, spin in ns): frames of less than `room`
 * bytes are read into the slots from now on. */
static napi_value port_start(napi_env env, napi_callback_info info) {
  napi_value args[7], self;
  void *memory = NULL;
  size_t size = 0, length = 0;
  if (!arguments(env, info, 7, args, &self)) return NULL;
  struct port *port = unwrap(env, self);
  if (port == NULL || port->fd < 0) return NULL;
  int32_t *rows = elements(env, args[5], napi_int32_array, &length);
  if (rows == NULL) return NULL;
  uint32_t base = (uint32_t)integer(env, args[1]), stride = (uint32_t)integer(env, args[2]);
  uint32_t slots = (uint32_t)integer(env, args[3]), room = (uint32_t)integer(env, args[4]);
  if (napi_get_arraybuffer_info(env, args[0], &memory, &size) != napi_ok || slots == 0 || room + FRAME_AT > stride ||
      base + (uint64_t)stride * slots > size || (size_t)slots * RX_STRIDE > length) {
    napi_throw_range_error(env, NULL, "the receive slots do not fit");
    return NULL;
  }
  hold(port, REF_MEMORY, args[0]);
  hold(port, REF_RX_ROWS, args[5]);
  port->memory = memory;
  port->memory_size = size;
  port->base = base, port->stride = stride, port->slots = slots, port->room = room;
  port->rx_rows = rows;
  port->spin = integer(env, args[6]);
  port_wait(port, UV_READABLE);
  return NULL;
}

/* queue(rows: Int32Array, pieces: Int32Array): what transmit() refers to */
static napi_value port_queue(napi_env env, napi_callback_info info) {
  napi_value args[2], self;
  size_t rows = 0, pieces = 0;
  if (!arguments(env, info, 2, args, &self)) return NULL;
  struct port *port = unwrap(env, self);
  if (port == NULL || port->fd < 0) return NULL;
  int32_t *row = elements(env, args[0], napi_int32_array, &rows);
  int32_t *piece = row == NULL ? NULL : elements(env, args[1], napi_int32_array, &pieces);
  if (piece == NULL) return NULL;
  hold(port, REF_TX_ROWS, args[0]);
  hold(port, REF_TX_PIECES, args[1]);
  port->tx_rows = row, port->tx_row_count = rows / TX_STRIDE;
  port->tx_pieces = piece, port->tx_piece_count = pieces / 2;
  return NULL;
}

/* transmit(from, to): sends rows [from, to); how many were taken */
static napi_value port_send(napi_env env, napi_callback_info info) {
  napi_value args[2], self, result = NULL;
  if (!arguments(env, info, 2, args, &self)) return NULL;
  struct port *port = unwrap(env, self);
  if (port == NULL) return NULL;
  int from = integer(env, args[0]), to = integer(env, args[1]), taken = 0;
  if (port->fd >= 0 && port->memory != NULL && from >= 0 && from < to && (size_t)to <= port->tx_row_count)
    taken = port_transmit(port, from, to);
  napi_create_int32(env, taken, &result);
  return result;
}

/* hold(on): whether the port keeps the event loop alive */
static napi_value port_hold(napi_env env, napi_callback_info info) {
  napi_value args[1], self;
  bool on = true;
  if (!arguments(env, info, 1, args, &self)) return NULL;
  struct port *port = unwrap(env, self);
  if (port == NULL || port->fd < 0) return NULL;
  napi_get_value_bool(env, args[0], &on);
  if (on) uv_ref((uv_handle_t *)port->poll);
  else uv_unref((uv_handle_t *)port->poll);
  return NULL;
}

/* close(): lets go of the device; idempotent */
static napi_value port_end(napi_env env, napi_callback_info info) {
  napi_value self;
  if (!arguments(env, info, 0, NULL, &self)) return NULL;
  struct port *port = unwrap(env, self);
  if (port != NULL) port_close(port);
  return NULL;
}

napi_status define_port(napi_env env, napi_value exports) {
  const napi_property_descriptor methods[] = {
      {"start", NULL, port_start, NULL, NULL, NULL, napi_default, NULL},
      {"queue", NULL, port_queue, NULL, NULL, NULL, napi_default, NULL},
      {"transmit", NULL, port_send, NULL, NULL, NULL, napi_default, NULL},
      {"hold", NULL, port_hold, NULL, NULL, NULL, napi_default, NULL},
      {"close", NULL, port_end, NULL, NULL, NULL, napi_default, NULL},
  };
  napi_value port = NULL;
  napi_status status =
      napi_define_class(env, "Port", NAPI_AUTO_LENGTH, port_new, NULL, sizeof methods / sizeof *methods, methods, &port);
  return status == napi_ok ? napi_set_named_property(env, exports, "Port", port) : status;
}
