// A library that the dynamic loader puts in front of all others and that lies about folders and processes.

rule linux_preload_rootkit : linux rootkit {
  meta:
    description = "Shared library that replaces the reading of folders and hides the preload file"
    author = "Sigil"
    date = "2026-11-22"
    reference = "https://attack.mitre.org/techniques/T1574/006/"
    attack = "T1574.006, T1014"
    severity = "critical"
    license = "Apache-2.0"
  strings:
    $preload = "/etc/ld.so.preload" ascii
    $next = "dlsym" ascii fullword
    $hook1 = "readdir" ascii fullword
    $hook2 = "readdir64" ascii fullword
    $hook3 = "__xstat" ascii fullword
    $hook4 = "__lxstat64" ascii fullword
    $who1 = "/proc/self/fd/%d" ascii
    $who2 = "/proc/net/tcp" ascii
    $who3 = "/proc/%s/cmdline" ascii
    $who4 = "/proc/%s/stat" ascii
  condition:
    uint32(0) == 0x464c457f and filesize < 2MB and $preload and $next and any of ($hook*) and any of ($who*)
}
