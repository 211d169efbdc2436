/* The TAP addon: system calls that Node lacks (sys.c), and a port that moves frames in batches between a TAP's file
 * descriptor and the stack's memory (port.c, rx.c, tx.c). No C globals: worker threads load it too. */
#ifndef TAPSTACK_TAP_H
#define TAPSTACK_TAP_H

#include <node_api.h>
#include <stddef.h>
#include <stdint.h>

/* The part of libuv's stable ABI that is used. node-api-headers has no uv.h, and its structs are not needed: the size
 * of a handle is asked for at run time. */
typedef struct uv_loop_s uv_loop_t;
typedef struct uv_handle_s uv_handle_t;
typedef struct uv_poll_s uv_poll_t;
typedef void (*uv_close_cb)(uv_handle_t *handle);
typedef void (*uv_poll_cb)(uv_poll_t *handle, int status, int events);
enum { UV_POLL = 8 };
enum { UV_READABLE = 1, UV_WRITABLE = 2 };
extern size_t uv_handle_size(int type);
extern const char *uv_handle_type_name(int type);
extern void *uv_handle_get_data(const uv_handle_t *handle);
extern void uv_handle_set_data(uv_handle_t *handle, void *data);
extern void uv_ref(uv_handle_t *handle);
extern void uv_unref(uv_handle_t *handle);
extern void uv_close(uv_handle_t *handle, uv_close_cb closed);
extern int uv_poll_init(uv_loop_t *loop, uv_poll_t *handle, int fd);
extern int uv_poll_start(uv_poll_t *handle, int events, uv_poll_cb callback);
extern int uv_poll_stop(uv_poll_t *handle);

/* src/link/link.ts and src/link/tx-queue.ts have the same numbers. */
enum { RX_FRAME, RX_LENGTH, RX_FLAGS, RX_GSO, RX_STRIDE };
enum { RX_CSUM_VALID = 1, RX_CSUM_PARTIAL = 2 };
enum { TX_HEAD, TX_HEAD_LENGTH, TX_PIECE, TX_PIECES, TX_LENGTH, TX_GSO, TX_CSUM, TX_L4, TX_STRIDE };
enum { GSO_NONE, GSO_TCP4, GSO_UDP4, GSO_TCP6 };

/* src/link/tap/port.ts names them. */
enum {
  COUNT_RX_FRAMES,
  COUNT_RX_TRUNCATED,
  COUNT_RX_ERRORS,
  COUNT_TX_FRAMES,
  COUNT_TX_DOWN,
  COUNT_TX_ERRORS,
  COUNT_TX_BLOCKED,
  COUNT_WAKEUPS,
  COUNT_BATCHES,
  COUNTERS
};

/* A frame stands this far into its slot: 2 modulo 4, with room for the vnet header before it. */
#define FRAME_AT 18

enum {
  REF_SELF,
  REF_ON_BATCH,
  REF_ON_WRITABLE,
  REF_ON_DOWN,
  REF_COUNTERS,
  REF_MEMORY,
  REF_RX_ROWS,
  REF_TX_ROWS,
  REF_TX_PIECES,
  REFS
};

/* One open TAP. Freed when neither the JS object nor the poll handle is left. */
struct port {
  napi_env env;
  napi_async_context context;
  napi_async_cleanup_hook_handle hook;
  napi_ref refs[REFS];
  uv_poll_t *poll;
  int holders;
  int fd;         /* -1: closed */
  int down;       /* errno of the end of the link, once it has been met */
  int events;     /* what the poll handle waits for */
  int header;     /* bytes of vnet header before each frame: 0 or 12 */
  double *counters;
  uint8_t *memory;
  size_t memory_size;
  /* receive slots: [base + i * stride), each taking frames of less than room bytes */
  uint32_t base, stride, room, slots;
  int32_t *rx_rows;
  int64_t spin;   /* ns */
  int luck;       /* how well spinning paid lately: -8 to 8 */
  unsigned turn;
  int32_t *tx_rows, *tx_pieces;
  size_t tx_row_count, tx_piece_count;
};

napi_status define_sys(napi_env env, napi_value exports);
napi_status define_port(napi_env env, napi_value exports);

/* Receives for as long as one poll callback may. */
void port_receive(struct port *port);
/* Calls the function held by `ref` with one integer. False: it threw (and the exception went to the process). */
int port_call(struct port *port, int ref, int32_t argument);
/* Sends rows [from, to); returns how many were taken. */
int port_transmit(struct port *port, int from, int to);
/* Waits for `events` from now on. */
void port_wait(struct port *port, int events);

/* Reads `count` arguments; false: a TypeError is pending. */
int arguments(napi_env env, napi_callback_info info, size_t count, napi_value *values, napi_value *self);
napi_value number(napi_env env, double value);
int32_t integer(napi_env env, napi_value value);

#endif
