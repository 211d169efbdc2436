/* Module entry. */
#include "tap.h"

#include <string.h>

NAPI_MODULE_INIT() {
  const char *type = uv_handle_type_name(UV_POLL);
  if (type == NULL || strcmp(type, "poll") != 0) {
    napi_throw_error(env, NULL, "this Node's libuv numbers its handle types differently; rebuild the addon for it");
    return NULL;
  }
  if (define_sys(env, exports) != napi_ok || define_port(env, exports) != napi_ok) return NULL;
  return exports;
}
