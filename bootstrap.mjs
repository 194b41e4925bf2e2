// Every npm script goes through here: it installs what is missing (Debian packages as root, npm packages always), then hands
// over to Bun. Plain Node.js without dependencies, because nothing else is there on a new machine. Its own words go to stderr;
// stdout belongs to what it starts.

import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { accessSync, constants, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { constants as osConstants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(fileURLToPath(import.meta.url));
const bun = join(
  root,
  "node_modules/@oven",
  process.arch === "arm64" ? "bun-linux-aarch64" : "bun-linux-x64",
  "bin/bun",
);

/**
 * What the machine must have, by group: the Debian package, and the program or file that shows that it is there.
 * @type {Record<string, readonly { package: string, shows: string }[]>}
 */
const needs = {
  build: [
    { package: "clang-16", shows: "clang-16" },
    { package: "llvm-16", shows: "llvm-strip-16" },
    { package: "gcc", shows: "gcc" },
    { package: "binutils", shows: "objdump" },
    { package: "libc6-dev", shows: "/usr/include/stdio.h" },
    { package: "linux-libc-dev", shows: "/usr/include/linux/bpf.h" },
    { package: "bzip2", shows: "bzip2" },
    { package: "ca-certificates", shows: "/etc/ssl/certs/ca-certificates.crt" },
    { package: "git", shows: "git" },
  ],
  test: [
    { package: "qemu-system-x86", shows: "qemu-system-x86_64" },
    { package: "qemu-user", shows: "qemu-x86_64" },
    { package: "busybox-static", shows: "/bin/busybox" },
    { package: "cpio", shows: "cpio" },
    { package: "xz-utils", shows: "xz" },
    { package: "iproute2", shows: "ip" },
    { package: "util-linux", shows: "unshare" },
    { package: "procps", shows: "ps" },
    { package: "man-db", shows: "man" },
    { package: "zsh", shows: "zsh" },
    { package: "fish", shows: "fish" },
    { package: "chromium", shows: "chromium" },
    { package: "yara", shows: "yara" },
  ],
  arm64: [
    { package: "gcc-aarch64-linux-gnu", shows: "aarch64-linux-gnu-gcc" },
    { package: "libc6-dev-arm64-cross", shows: "/usr/aarch64-linux-gnu/include/stdio.h" },
  ],
};

const exitUsage = 64;
const exitPermission = 77;

function say(line) {
  process.stderr.write(`sigil: ${line}\n`);
}

function isThere(shows) {
  const places = shows.startsWith("/")
    ? [shows]
    : (process.env.PATH ?? "").split(delimiter).map((it) => join(it, shows));
  return places.some((path) => {
    try {
      accessSync(path, shows.startsWith("/") ? constants.R_OK : constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Runs a command with its output on our stderr; true when it succeeded. */
function runQuietly(command, args, env = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2], env: { ...process.env, ...env } });
  if (result.error) say(`${command}: ${result.error.message}`);
  return result.status === 0;
}

function installPackages(groups) {
  const wanted = groups.flatMap((group) => needs[group]).filter((need) => !isThere(need.shows));
  if (wanted.length === 0) return;
  const names = wanted.map((need) => need.package);
  const install = ["install", "-y", "--no-install-recommends", ...names];
  if (!isThere("apt-get")) {
    say(`missing: ${names.join(", ")} (names of Debian packages); apt-get is not here to install them`);
    process.exit(exitPermission);
  }
  if (process.getuid?.() !== 0) {
    say("one step needs root, nothing was done yet; run it and start again:");
    say(`  sudo sh -c 'apt-get update && apt-get ${install.join(" ")}'`);
    process.exit(exitPermission);
  }
  say(`installing ${names.join(", ")}`);
  const options = ["-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Use-Pty=0"];
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const lists = "/var/lib/apt/lists";
  const hasLists = existsSync(lists) && readdirSync(lists).some((name) => name.includes("_Packages"));
  if (hasLists && runQuietly("apt-get", [...options, ...install], env)) return;
  if (!runQuietly("apt-get", [...options, "update"], env))
    say("apt-get update failed; trying with the lists that are there");
  if (!runQuietly("apt-get", [...options, ...install], env)) {
    say(`apt-get could not install ${names.join(", ")}`);
    process.exit(1);
  }
}

/** `npm ci` when the lock file is not the one that node_modules was made from. */
function installModules() {
  const digest = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  const stamp = join(root, "node_modules/.sigil-lock");
  if (existsSync(bun) && existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return;
  say("installing npm packages");
  if (!runQuietly("npm", ["ci", "--loglevel=error", "--include=dev", "--include=optional"])) {
    say("npm ci failed");
    process.exit(1);
  }
  if (!existsSync(bun)) {
    say(`no Bun for ${process.platform}-${process.arch}: Sigil builds on Linux x86-64 with glibc`);
    process.exit(1);
  }
  writeFileSync(stamp, digest);
}

/** Where stdout of a step that is not the command itself goes. */
const chatter = ["ignore", 2, 2];

/** Becomes the given program: in earnest where Node.js can, otherwise with the same streams, signals passed on, and the same end. */
function become(command, args) {
  if (typeof process.execve === "function") process.execve(command, [command, ...args], process.env);
  const child = spawn(command, args, { stdio: "inherit", env: process.env });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];
  for (const signal of signals) {
    // A terminal sends SIGINT and SIGQUIT to the whole group: the child already has them.
    const fromTerminal = (signal === "SIGINT" || signal === "SIGQUIT") && process.stdin.isTTY;
    process.on(signal, () => {
      if (!fromTerminal) child.kill(signal);
    });
  }
  child.on("error", (error) => {
    say(`${command}: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    process.exit(signal === null ? code : 128 + osConstants.signals[signal]);
  });
}

function build(args) {
  const result = spawnSync(bun, ["build.ts", ...args], { cwd: root, stdio: chatter });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/**
 * Each command: the groups of packages it needs, and what it does once they are there.
 * @type {Record<string, { needs: (args: string[]) => string[], run: (args: string[]) => void }>}
 */
const commands = {
  start: {
    needs: () => ["build"],
    run: (args) => {
      build([]);
      become(join(root, "dist/agent"), args);
    },
  },
  build: {
    needs: (args) => (args.some((arg) => arg.endsWith("linux-arm64")) ? ["build", "arm64"] : ["build"]),
    run: (args) => become(bun, [join(root, "build.ts"), ...args]),
  },
  test: {
    needs: () => ["build", "test", "arm64"],
    run: (args) => become(bun, [join(root, "test/run.ts"), "all", ...args]),
  },
  ok: { needs: () => ["build"], run: (args) => become(bun, [join(root, "test/run.ts"), "ok", ...args]) },
  bench: {
    needs: () => ["build"],
    run: (args) => {
      build([]);
      become(bun, [join(root, "test/run.ts"), "bench", ...args]);
    },
  },
  soak: {
    needs: () => ["build", "test"],
    run: (args) => {
      build([]);
      become(bun, [join(root, "test/run.ts"), "soak", ...args]);
    },
  },
};

const [name = "", ...args] = process.argv.slice(2);
const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
if (command === undefined) {
  say(`unknown command '${name}'; known: ${Object.keys(commands).join(", ")}`);
  process.exit(exitUsage);
}
installPackages(command.needs(args));
installModules();
command.run(args);
