// The names of a path that audit rules may use: auditd writes what was passed, our sensors mostly what it leads to. And the files that
// are read to look around, of which rules for auditd take for granted that somebody watches them.

/** Two beginnings of paths that lead to the same place on usual systems: the kernel's own, and the one that people write. */
const twins: readonly (readonly [real: string, usual: string])[] = [
  ["/run/lock/", "/var/lock/"],
  ["/run/", "/var/run/"],
  ["/usr/bin/", "/bin/"],
  ["/usr/sbin/", "/sbin/"],
  ["/usr/lib/", "/lib/"],
  ["/usr/lib64/", "/lib64/"],
  ["/sys/devices/virtual/dmi/id/", "/sys/class/dmi/id/"],
];

/** `/etc/os-release` and its kin are links to here. */
const releaseFile = /^\/usr\/lib\/([a-z-]{1,32}-release)$/;

/** A path and the other names under which it is known. O(length). */
export function pathNames(path: string): readonly string[] {
  const names = [path];
  for (const [real, usual] of twins) {
    if (path.startsWith(real)) names.push(`${usual}${path.slice(real.length)}`);
    else if (path.startsWith(usual)) names.push(`${real}${path.slice(usual.length)}`);
  }
  const release = releaseFile.exec(path);
  if (release !== null) names.push(`/etc/${release[1]}`);
  return names;
}

const below = (folder: string, names: string): readonly string[] => names.split(" ").map((name) => `${folder}${name}`);

/** Files that say what this host is, who may log in, and how. Each is told only while a rule about discovery asks for it. */
const lookedAt: readonly string[] = [
  ...below("/etc/", "issue issue.net hostname hosts passwd group shells login.defs fstab crontab"),
  ...below(
    "/etc/",
    "debian_version lsb-release os-release redhat-release centos-release fedora-release system-release",
  ),
  ...below("/etc/", "SuSE-release alpine-release arch-release gentoo-release oracle-release slackware-version"),
  ...below("/etc/pam.d/", "auth common-account common-auth common-password password-auth system-auth"),
  ...below("/etc/security/", "pwquality.conf faillock.conf"),
  ...below(
    "/sys/class/dmi/id/",
    "bios_version bios_vendor product_name product_version chassis_vendor sys_vendor board_vendor",
  ),
  ...below("/proc/", "version cpuinfo meminfo modules mounts scsi/scsi ide/hd0/model"),
];

/** Of the files that are read to look around those that a rule's test of `name` wants, under all their names. */
export function wantedReads(tests: readonly ((path: string) => boolean)[]): string[] {
  const found = new Set<string>();
  for (const path of lookedAt) {
    if (!tests.some((test) => test(path))) continue;
    for (const name of pathNames(path)) found.add(name);
    const release = /^\/etc\/([a-z-]+-release)$/.exec(path);
    if (release !== null) found.add(`/usr/lib/${release[1]}`);
  }
  return [...found];
}
