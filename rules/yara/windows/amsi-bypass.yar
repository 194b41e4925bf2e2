// Programs and scripts that switch off the interface through which Windows shows scripts to scanners.

rule windows_amsi_bypass : windows evasion {
  meta:
    description = "Patch of AmsiScanBuffer, or its result forged by reflection"
    author = "Sigil"
    date = "2026-11-22"
    reference = "https://attack.mitre.org/techniques/T1562/001/"
    attack = "T1562.001"
    severity = "critical"
    license = "Apache-2.0"
  strings:
    $name1 = "AmsiScanBuffer" ascii wide
    $name2 = "amsi.dll" ascii wide nocase
    $make = "VirtualProtect" ascii wide
    // mov eax, 0x80070057; ret
    $patch1 = { B8 57 00 07 80 C3 }
    $patch2 = /0xB8\s*,\s*0x57\s*,\s*0x00\s*,\s*0x07\s*,\s*0x80\s*,\s*0xC3/ ascii wide nocase
    $field1 = "amsiInitFailed" ascii wide nocase
    $field2 = "AmsiUtils" ascii wide nocase
    $field3 = "SetValue" ascii wide nocase
  condition:
    filesize < 8MB and (($name1 and $name2 and $make and any of ($patch*)) or all of ($field*))
}
