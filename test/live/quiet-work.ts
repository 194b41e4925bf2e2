// Ordinary work for the quiet test: a package install, npm ci, a git clone and a C build, each in a session of its own, so that
// its processes can be told from those of others at work on the machine.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needsProgram, needsRoot, type Obstacle } from "../needs.ts";
import { type Ran, runProgram, uniqueToken } from "./agent.ts";

export interface Quiet {
  readonly name: string;
  /** Why it cannot be done here. */
  readonly obstacle: Obstacle;
  readonly run: () => Promise<Worked>;
}

export interface Worked {
  readonly ran: Ran;
  /** The session id that its processes share, unless they make one of their own. */
  readonly session: number;
  /** A word in the command line of the last process, which fires on purpose: it poses as a miner. */
  readonly canary: string;
}

const timeoutMs = 180_000;

/** Runs a shell script, given as a file, in a fresh folder and a session of its own. */
async function work(script: string, prepare: (folder: string) => void = () => {}): Promise<Worked> {
  const canary = uniqueToken("sigil-canary-");
  const folder = mkdtempSync(join(tmpdir(), "sigil-quiet-"));
  try {
    prepare(folder);
    writeFileSync(join(folder, "work.sh"), `set -e\n(\n${script}\n)\n/bin/true stratum+tcp://${canary}\n`);
    // setsid does not fork here, because a fresh child leads no process group: the session has the id of the child.
    const ran = await runProgram(["setsid", "sh", join(folder, "work.sh")], {
      cwd: folder,
      timeoutMs,
      environment: { HOME: folder, DEBIAN_FRONTEND: "noninteractive", LANG: "C" },
    });
    return { ran, session: ran.pid, canary };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Files by path below a folder; what ends in `.sh` or has no dot is made executable. */
function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    const target = join(folder, path);
    mkdirSync(join(target, ".."), { recursive: true });
    writeFileSync(target, text);
    if (/(\.sh|\/[^.]+)$/.test(`/${path}`)) chmodSync(target, 0o755);
  }
}

/** A package of Debian that is small, installed everywhere and can be had again: probed by downloading it. */
function canReinstall(): Obstacle {
  const missing = needsRoot() ?? needsProgram("apt-get");
  if (missing !== undefined) return missing;
  const command = [
    "apt-get",
    "install",
    "--reinstall",
    "--download-only",
    "-y",
    "-o",
    "DPkg::Lock::Timeout=60",
    "hostname",
  ];
  const probe = Bun.spawnSync(command, { stdout: "pipe", stderr: "pipe", timeout: 60_000 });
  return probe.exitCode === 0 ? undefined : "needs a package server (apt-get cannot download hostname)";
}

const packageFiles = {
  "package/DEBIAN/control": [
    "Package: sigil-quiet-test",
    "Version: 1.0",
    "Architecture: all",
    "Maintainer: Sigil <sigil@example.org>",
    "Description: installed and removed by a test of Sigil",
    "",
  ].join("\n"),
  "package/DEBIAN/postinst":
    '#!/bin/sh\nset -e\nif [ "$1" = configure ]; then chmod 0755 /usr/share/sigil-quiet-test; fi\nexit 0\n',
  "package/DEBIAN/prerm": "#!/bin/sh\nset -e\nexit 0\n",
  "package/usr/share/sigil-quiet-test/readme.txt": "nothing\n",
};

const nodeFiles = (folder: string): Record<string, string> => ({
  "tool/package.json": JSON.stringify({
    name: "tool",
    version: "1.0.0",
    bin: { tool: "tool.js" },
    scripts: { postinstall: "node tool.js && echo done" },
  }),
  "tool/tool.js": "#!/usr/bin/env node\nrequire('node:child_process').execSync('uname -r && git --version || true');\n",
  "app/package.json": JSON.stringify({
    name: "app",
    version: "1.0.0",
    scripts: { build: "tool && node -p 1+1", postinstall: "node -e 'process.exit(0)'" },
    dependencies: { tool: "file:../tool-1.0.0.tgz" },
    // Recent npm runs the scripts of approved dependencies only; older ones ignore the key.
    allowScripts: { [`file:${folder}/tool-1.0.0.tgz`]: true },
  }),
});

const programFiles = {
  configure: [
    "#!/bin/sh",
    "echo 'int main(void) { return 0; }' > conftest.c",
    "cc -o conftest conftest.c && ./conftest && echo 'cc works'",
    "touch -r configure stamp",
    "rm -f conftest conftest.c",
    "exit 0",
    "",
  ].join("\n"),
  "main.c": '#include <stdio.h>\nint twice(int);\nint main(void) { printf("%d\\n", twice(21)); return 0; }\n',
  "twice.c": "int twice(int number) { return 2 * number; }\n",
  "build.sh": [
    "#!/bin/sh",
    "set -e",
    "./configure",
    "cc -O2 -Wall -c main.c twice.c",
    "ar rcs libtwice.a twice.o",
    "cc -o program main.o -L. -ltwice",
    "cc -shared -fPIC -o libtwice.so twice.c",
    "./program | grep -q 42",
    "strip program",
    "ldd ./program > /dev/null",
    "install -d stage/usr/bin && install -m 0755 program stage/usr/bin/program",
    "tar czf stage.tar.gz stage",
    "find . -name '*.o' -exec rm -f {} +",
    "",
  ].join("\n"),
};

/** What counts as ordinary here; probes run when this is called. */
export function quietWork(): Quiet[] {
  const lock = "-o DPkg::Lock::Timeout=120";
  return [
    {
      name: "apt-get install of a package from the archive",
      obstacle: canReinstall(),
      run: () => work(`apt-get install --reinstall -y ${lock} hostname\n`),
    },
    {
      name: "apt-get install and purge of a local package",
      obstacle: needsRoot() ?? needsProgram("apt-get") ?? needsProgram("dpkg-deb"),
      run: () =>
        work(
          [
            "dpkg-deb --build --root-owner-group package quiet.deb",
            `apt-get install -y --no-install-recommends ${lock} ./quiet.deb`,
            `apt-get purge -y ${lock} sigil-quiet-test`,
            "",
          ].join("\n"),
          (folder) => write(folder, packageFiles),
        ),
    },
    {
      name: "npm ci",
      obstacle: needsProgram("npm") ?? needsProgram("node"),
      run: () =>
        work(
          [
            "cd tool && npm pack --silent && mv tool-1.0.0.tgz .. && cd ../app",
            "npm install --package-lock-only --ignore-scripts --offline --no-audit --no-fund",
            "npm ci --offline --no-audit --no-fund",
            "npm run build",
            "",
          ].join("\n"),
          (folder) => write(folder, nodeFiles(folder)),
        ),
    },
    {
      name: "git clone of a local repository",
      obstacle: needsProgram("git"),
      run: () =>
        work(
          [
            "git init -q origin && cd origin",
            "git config user.email test@example.org && git config user.name test",
            "cp ../work.sh . && git add . && git commit -qm first && cd ..",
            "git clone -q --no-local origin clone && git clone -q file://$PWD/origin second",
            "cd clone && git fetch -q && git log --oneline && git gc -q",
            "",
          ].join("\n"),
        ),
    },
    {
      name: "a C build",
      obstacle: needsProgram("cc"),
      run: () => work("cd program && ./build.sh\n", (folder) => write(join(folder, "program"), programFiles)),
    },
  ];
}
