// Programs that copy the memory of the process that holds everybody's credentials.

rule windows_lsass_dump : windows credentials {
  meta:
    description = "Program that dumps the memory of LSASS"
    author = "Sigil"
    date = "2026-11-22"
    reference = "https://attack.mitre.org/techniques/T1003/001/"
    attack = "T1003.001"
    severity = "critical"
    license = "Apache-2.0"
  strings:
    $dump1 = "MiniDumpWriteDump" ascii wide
    $dump2 = "PssNtCaptureSnapshot" ascii wide
    $target1 = "lsass.exe" ascii wide nocase fullword
    $target2 = "lsass" ascii wide nocase fullword
    $right = "SeDebugPrivilege" ascii wide
    $open1 = "NtOpenProcess" ascii
    $open2 = "OpenProcess" ascii fullword
  condition:
    uint16(0) == 0x5a4d and filesize < 8MB and any of ($dump*) and any of ($target*) and $right and any of ($open*)
}
