// A kernel module that finds what is not exported and hooks what lists files, processes or connections.

rule linux_kernel_rootkit : linux rootkit {
  meta:
    description = "Kernel module that looks up hidden symbols and hooks listings"
    author = "Sigil"
    date = "2026-11-22"
    reference = "https://attack.mitre.org/techniques/T1014/"
    attack = "T1014, T1547.006"
    severity = "critical"
    license = "Apache-2.0"
  strings:
    $module = "vermagic=" ascii
    $lookup = "kallsyms_lookup_name" ascii
    $hook1 = "getdents64" ascii
    $hook2 = "tcp4_seq_show" ascii
    $hook3 = "sys_call_table" ascii
    $hook4 = "find_task_by_vpid" ascii
    $how1 = "ftrace_set_filter_ip" ascii fullword
    $how2 = "register_kprobe" ascii fullword
    $how3 = "prepare_creds" ascii fullword
  condition:
    uint32(0) == 0x464c457f and filesize < 5MB and $module and $lookup and any of ($hook*) and any of ($how*)
}
