import { EACCES, EBUSY, EINVAL, ENODEV, ENOENT, ENXIO, EPERM, SystemError } from "../../base/errors.js";

/** What the file system or container must allow. */
function deviceSentence(errno: number, device: string): string | undefined {
  switch (errno) {
    case ENOENT:
    case ENODEV:
    case ENXIO:
      return "the kernel offers no TUN/TAP here; modprobe tun, or give the container the device (--device /dev/net/tun)";
    case EPERM:
    case EACCES:
      return `this user may not open ${device}; run as root, or let root allow it: chmod 0666 ${device}`;
    default:
      return undefined;
  }
}

function attachSentence(errno: number, name: string): string | undefined {
  switch (errno) {
    case EPERM:
      return (
        "making a TAP takes root (CAP_NET_ADMIN), and so does using somebody else's; run as root, or let root make " +
        `it for you: ip tuntap add dev ${name} mode tap user $USER && ip link set ${name} up`
      );
    case EBUSY:
      return `another program has ${name} open; end it (fuser -v /dev/net/tun shows who), or choose another name`;
    case EINVAL:
      return `there is an interface ${name} already, and it is not a TAP; choose another name`;
    default:
      return undefined;
  }
}

/** Opening the TUN/TAP device node failed. */
export function deviceError(errno: number, device: string): SystemError {
  return failure(errno, "open", device, deviceSentence(Math.abs(errno), device));
}

/** TUNSETIFF failed. */
export function attachError(errno: number, name: string): SystemError {
  return failure(errno, "TUNSETIFF", name, attachSentence(Math.abs(errno), name));
}

/** Changing something about the device failed. `command` is what root would type to the same end. */
export function changeError(errno: number, syscall: string, name: string, what: string, command: string): SystemError {
  const sentence =
    Math.abs(errno) === EPERM
      ? `only root may ${what}; run as root, or let root do it beforehand: ${command}`
      : `the kernel does not let ${name} have this (${what})`;
  return failure(errno, syscall, name, sentence);
}

/** The device went away under the link. */
export function goneError(errno: number, name: string): SystemError {
  const sentence = `the TAP device ${name} is gone: somebody deleted it (the kernel said error ${Math.abs(errno)})`;
  return new SystemError(ENODEV, "read", { address: name, sentence });
}

/** @param errno positive or negative */
export function failure(errno: number, syscall: string, address: string, sentence?: string): SystemError {
  return new SystemError(errno, syscall, sentence === undefined ? { address } : { address, sentence });
}
