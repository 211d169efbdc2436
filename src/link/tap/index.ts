import { openDevice } from "./device.js";
import type { TapDriver } from "./driver.js";
import { ffiDriver } from "./ffi-napi.js";
import { DeviceLink, type TapLink } from "./link.js";
import { nativeDriver } from "./native.js";
import { checkOptions, type TapOptions, type TapSettings } from "./options.js";
import { openTuntap2 } from "./tuntap2.js";

export type { TapDriverName } from "./driver.js";
export type { TapLink } from "./link.js";
export type { TapOptions } from "./options.js";
export type { TapActivity } from "./port.js";

function openWith(driver: TapDriver, settings: TapSettings): TapLink {
  const device = openDevice(driver.sys, settings, driver.vnet);
  try {
    return new DeviceLink(driver, device, settings);
  } catch (error) {
    driver.sys.close(device.fd);
    throw error;
  }
}

/**
 * Opens a TAP device of this network namespace, making it first when it does not exist, and configures the host's
 * side of it. Rejects with a SystemError whose sentence says what to do: EINVAL, EPERM, EACCES, EBUSY, ENOENT.
 */
export async function openTap(options: TapOptions = {}): Promise<TapLink> {
  const settings = checkOptions(options);
  switch (settings.driver) {
    case "native":
      return openWith(nativeDriver(), settings);
    case "ffi-napi":
      return openWith(await ffiDriver(settings.modulePath), settings);
    case "tuntap2":
      return openTuntap2(settings);
  }
}
