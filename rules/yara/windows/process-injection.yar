// Programs that put code into other processes.

rule windows_process_injection : windows injection {
  meta:
    description = "Program that writes code into another process and starts it there"
    author = "Sigil"
    date = "2026-11-22"
    reference = "https://attack.mitre.org/techniques/T1055/"
    attack = "T1055"
    severity = "high"
    license = "Apache-2.0"
  strings:
    $alloc1 = "VirtualAllocEx" ascii fullword
    $alloc2 = "NtAllocateVirtualMemory" ascii fullword
    $alloc3 = "NtMapViewOfSection" ascii fullword
    $write1 = "WriteProcessMemory" ascii fullword
    $write2 = "NtWriteVirtualMemory" ascii fullword
    $start1 = "CreateRemoteThread" ascii fullword
    $start2 = "NtCreateThreadEx" ascii fullword
    $start3 = "QueueUserAPC" ascii fullword
    $start4 = "SetThreadContext" ascii fullword
    $start5 = "RtlCreateUserThread" ascii fullword
    $who1 = "CreateToolhelp32Snapshot" ascii fullword
    $who2 = "NtQuerySystemInformation" ascii fullword
    $who3 = "SeDebugPrivilege" ascii wide
    $debugger = "DebugActiveProcess" ascii fullword
  condition:
    uint16(0) == 0x5a4d and filesize < 4MB and any of ($alloc*) and any of ($write*) and any of ($start*) and any of ($who*) and
    not $debugger
}
