// Starts of processes on Linux as a build, a package installation, an administrator, cron and containers make them: command lines that
// hardly ever repeat, from a seed, so that every run has the same.

import type { NameSlots, SigmaEvent } from "../../../src/detect/sigma/mod.ts";

/** xorshift32: the same events in every run. */
let state = 0x9e3779b9;
function random(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}
const pick = <T>(list: readonly T[]): T => list[random(list.length)]!;
const hex = (digits: number): string => Array.from({ length: digits }, () => random(16).toString(16)).join("");
const word = (): string =>
  pick(["parser", "util", "main", "ring", "table", "codec", "socket", "buffer", "config", "index", "lexer", "cache"]);

interface Shape {
  readonly image: string;
  readonly parent: string;
  line(): string;
}
const usr = "/usr/bin/";
const shapes: readonly Shape[] = [
  {
    image: "/usr/lib/gcc/x86_64-linux-gnu/12/cc1",
    parent: `${usr}x86_64-linux-gnu-gcc-12`,
    line: () =>
      `/usr/lib/gcc/x86_64-linux-gnu/12/cc1 -quiet -I . -I ../include -imultiarch x86_64-linux-gnu -D HAVE_CONFIG_H src/${word()}_${hex(4)}.c -quiet -dumpdir src/ -dumpbase ${word()}.c -mtune=generic -march=x86-64 -g -O2 -Wall -o /tmp/cc${hex(6)}.s`,
  },
  {
    image: `${usr}x86_64-linux-gnu-gcc-12`,
    parent: `${usr}make`,
    line: () =>
      `gcc -DHAVE_CONFIG_H -I. -I../include -g -O2 -Wall -MT ${word()}.o -MD -MP -MF .deps/${word()}_${hex(3)}.Tpo -c -o ${word()}.o ${word()}.c`,
  },
  {
    image: `${usr}dash`,
    parent: `${usr}make`,
    line: () =>
      `/bin/sh -c "gcc -g -O2 -c ${word()}.c -o build/${word()}_${hex(4)}.o && mv -f .deps/${word()}.Tpo .deps/${word()}.Po"`,
  },
  {
    image: `${usr}x86_64-linux-gnu-as`,
    parent: `${usr}x86_64-linux-gnu-gcc-12`,
    line: () => `as -I . --64 -o src/${word()}.o /tmp/cc${hex(6)}.s`,
  },
  { image: `${usr}git`, parent: `${usr}bash`, line: () => `git rev-parse --verify -q refs/heads/feature-${hex(5)}` },
  { image: `${usr}git`, parent: `${usr}git`, line: () => `git fetch --no-tags --depth 1 origin ${hex(40)}` },
  {
    image: `${usr}dpkg`,
    parent: `${usr}apt-get`,
    line: () =>
      `/usr/bin/dpkg --status-fd ${random(90)} --no-triggers --unpack --auto-deconfigure /var/cache/apt/archives/lib${word()}-dev_${random(9)}.${random(20)}-1_amd64.deb`,
  },
  {
    image: `${usr}dpkg-deb`,
    parent: `${usr}dpkg`,
    line: () =>
      `dpkg-deb --fsys-tarfile /var/cache/apt/archives/lib${word()}${random(9)}_${random(9)}.${random(20)}-1_amd64.deb`,
  },
  {
    image: `${usr}perl`,
    parent: `${usr}dpkg`,
    line: () =>
      `/usr/bin/perl -w /usr/share/debconf/frontend /var/lib/dpkg/info/${word()}.postinst configure ${random(9)}.${random(30)}`,
  },
  {
    image: `${usr}node`,
    parent: `${usr}npm`,
    line: () => `node /srv/app/node_modules/.bin/tsc --build packages/${word()}-${hex(3)}/tsconfig.json --incremental`,
  },
  { image: `${usr}bash`, parent: "/usr/sbin/sshd", line: () => "-bash" },
  { image: `${usr}sudo`, parent: `${usr}bash`, line: () => `sudo systemctl restart ${word()}-${hex(2)}.service` },
  { image: `${usr}systemctl`, parent: `${usr}sudo`, line: () => `systemctl restart ${word()}-${hex(2)}.service` },
  {
    image: `${usr}grep`,
    parent: `${usr}bash`,
    line: () => `grep -rn --include=*.ts "${word()}${hex(3)}" src test docs`,
  },
  {
    image: `${usr}sed`,
    parent: `${usr}dash`,
    line: () => `sed -e s/@PREFIX@/\\/usr\\/local/g -e s/@VERSION@/${random(9)}.${random(40)}/ ${word()}.in`,
  },
  {
    image: `${usr}find`,
    parent: `${usr}bash`,
    line: () => `find /var/log/${word()} -type f -name *.log.${random(30)} -mtime +${random(60)}`,
  },
  {
    image: `${usr}python3.11`,
    parent: `${usr}bash`,
    line: () =>
      `python3 /opt/jobs/${word()}_report.py --date 2026-11-${random(28)} --output /srv/reports/${hex(8)}.csv`,
  },
  {
    image: `${usr}curl`,
    parent: `${usr}dash`,
    line: () => `curl -fsS -m 10 --retry 3 -o /dev/null http://127.0.0.1:${8000 + random(999)}/health`,
  },
  {
    image: `${usr}tar`,
    parent: `${usr}bash`,
    line: () => `tar --use-compress-program=zstd -cf /backup/${word()}-${hex(6)}.tar.zst -C /srv ${word()}`,
  },
  { image: `${usr}ls`, parent: `${usr}bash`, line: () => `ls --color=auto -la /home/dev/${word()}` },
  { image: `${usr}cat`, parent: `${usr}bash`, line: () => `cat /proc/${random(60000)}/status` },
  {
    image: "/usr/sbin/runc",
    parent: `${usr}containerd-shim-runc-v2`,
    line: () =>
      `runc --root /run/containerd/runc/k8s.io --log /run/containerd/io.containerd.runtime.v2.task/k8s.io/${hex(64)}/log.json --log-format json exec --process /tmp/runc-process${random(99999)} --detach ${hex(64)}`,
  },
];

const names = ["Image", "CommandLine", "ParentImage", "ParentCommandLine", "CurrentDirectory", "User", "LogonId"];

/** Reads like the live agent's events: by slot, all values text, keywords in the same fields. */
export class ExecEvent implements SigmaEvent {
  readonly #values: readonly string[];
  constructor(values: readonly string[]) {
    this.#values = values;
  }
  get(slot: number): string | undefined {
    return this.#values[slot];
  }
  eachText(visit: (text: string) => void): void {
    for (let i = 0; i < this.#values.length; i++) visit(this.#values[i]!);
  }
}

/** `slots` must be new: the events know their fields by the first slots. */
export function execEvents(count: number, slots: NameSlots): ExecEvent[] {
  for (const [i, name] of names.entries())
    if (slots.slot(name) !== i) throw new RangeError("Cannot make events for a table that has fields already");
  return Array.from({ length: count }, () => {
    const { image, parent, line } = pick(shapes);
    const user = pick(["root", "dev", "www-data"]);
    return new ExecEvent([image, line(), parent, parent, `/home/dev/${word()}`, user, "1000"]);
  });
}
