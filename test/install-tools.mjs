// npm's `pretest`: installs what the end-to-end tests use and this machine lacks. The second run finds everything there.
//
// Debian tools by apt-get (only as root, only missing ones), and the optional driver package ffi-napi into a folder of
// its own, outside the project: it is no dependency of tapstack. What cannot be installed is said, and the tests that
// need it fail or skip on their own.
import { spawnSync } from "node:child_process";
import { accessSync, constants, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/** Command, and the Debian package that has it. */
const TOOLS = [
  ["curl", "curl"],
  ["nc.openbsd", "netcat-openbsd"],
  ["ping", "iputils-ping"],
  ["dig", "dnsutils"],
  ["tcpdump", "tcpdump"],
  ["tshark", "tshark"],
  ["iperf3", "iperf3"],
  ["wrk", "wrk"],
  ["lsof", "lsof"],
  ["fuser", "psmisc"],
  ["ethtool", "ethtool"],
  ["socat", "socat"],
  ["ip", "iproute2"],
  ["setpriv", "util-linux"],
  // ffi-napi is compiled
  ["g++", "g++"],
  ["make", "make"],
  ["python3", "python3-minimal"],
];

/** test/e2e/drivers.test.ts knows this folder too. */
const DRIVERS = join(tmpdir(), "tapstack-optional-drivers");
const FFI = "ffi-napi@4.0.3";

function has(command) {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin", "/usr/bin", "/bin"];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function run(command, args, env = {}) {
  console.log(`> ${command} ${args.join(" ")}`);
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", ...env },
  });
  if (status !== 0) console.error(`${stdout}${stderr}`.split("\n").slice(-20).join("\n"));
  return status === 0;
}

function installTools() {
  const packages = TOOLS.filter(([command]) => !has(command)).map(([, name]) => name);
  if (packages.length === 0) return;
  const list = packages.join(" ");
  if (process.getuid?.() !== 0 || !has("apt-get")) {
    console.error(`install-tools: not here: ${list}. As root on Debian: apt-get install ${list}`);
    return;
  }
  const install = ["install", "-y", "--no-install-recommends", ...packages];
  if (!run("apt-get", ["update"]) || !run("apt-get", install))
    console.error(`install-tools: apt-get could not install ${list}; tests that use them will fail`);
}

/** In a process of its own: a package built for another Node could end this one. */
function loads() {
  const script = `require(${JSON.stringify(join(DRIVERS, "node_modules", "ffi-napi"))}).Library(null, { getpid: ["int", []] }).getpid()`;
  return spawnSync(process.execPath, ["-e", script]).status === 0;
}

function installDrivers() {
  if (loads()) return;
  mkdirSync(DRIVERS, { recursive: true });
  // Without the define it does not compile against the headers of Node 20.12 and later.
  const env = { CXXFLAGS: "-DNODE_API_EXPERIMENTAL_NOGC_ENV_OPT_OUT" };
  const args = ["install", "--no-audit", "--no-fund", "--no-save", "--force", "--prefix", DRIVERS, FFI];
  if (!run("npm", args, env) || !loads())
    console.error(`install-tools: ${FFI} could not be installed in ${DRIVERS}; its driver test will fail`);
}

if (process.platform === "linux") {
  installTools();
  installDrivers();
}
