// A double of the package tuntap2: its Tap class as its documentation has it (a Duplex of one frame a chunk, with name,
// mac, mtu, ipv4, isUp and release()), over a real TAP by our own addon's system calls. It reads by a timer, which is
// slow and honest enough for a test.
const { spawnSync } = require("node:child_process");
const { readFileSync } = require("node:fs");
const { Duplex } = require("node:stream");
const sys = require("../../../../native/build/tap.node");

const TUNSETIFF = 0x400454ca;
const IFF_TAP_NO_PI = 0x1002;
const O_RDWR_NONBLOCK = 0o4002;
const EAGAIN = 11;

function ip(...args) {
  const { status, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
}

class Tap extends Duplex {
  constructor() {
    super({ readableHighWaterMark: 65536 });
    this.fd = sys.open("/dev/net/tun", O_RDWR_NONBLOCK);
    if (this.fd < 0) throw new Error(`open: ${this.fd}`);
    const request = Buffer.alloc(40);
    request.writeUInt16LE(IFF_TAP_NO_PI, 16);
    const result = sys.ioctl(this.fd, TUNSETIFF, request);
    if (result < 0) throw new Error(`TUNSETIFF: ${result}`);
    this.name = request.toString("latin1", 0, request.indexOf(0));
    this.up = false;
    this.timer = null;
  }

  get isUp() {
    return this.up;
  }

  set isUp(up) {
    ip("link", "set", this.name, up ? "up" : "down");
    this.up = up;
  }

  set mtu(mtu) {
    ip("link", "set", this.name, "mtu", String(mtu));
  }

  get mac() {
    if (!this.up) throw new Error("the interface is not up");
    return readFileSync(`/sys/class/net/${this.name}/address`, "latin1").trim();
  }

  set mac(mac) {
    ip("link", "set", this.name, "address", mac);
  }

  set ipv4(address) {
    ip("address", "add", address, "dev", this.name);
  }

  release() {
    this.destroy();
  }

  _read() {
    this.timer ??= setInterval(() => this.look(), 1);
  }

  look() {
    for (let i = 0; i < 100; i++) {
      const frame = Buffer.alloc(10000);
      const length = sys.read(this.fd, frame);
      if (length === -EAGAIN) return;
      if (length < 0) return this.destroy(new Error(`read: errno ${-length}`));
      if (!this.push(frame.subarray(0, length))) {
        clearInterval(this.timer);
        this.timer = null;
        return;
      }
    }
  }

  _write(frame, _encoding, done) {
    const length = sys.write(this.fd, frame);
    done(length < 0 ? new Error(`write: errno ${-length}`) : null);
  }

  _destroy(error, done) {
    clearInterval(this.timer);
    sys.close(this.fd);
    done(error);
  }
}

module.exports = { Tap };
