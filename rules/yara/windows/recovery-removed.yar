// Programs and scripts that take away the way back before they encrypt.

rule windows_recovery_removed : windows ransomware {
  meta:
    description = "Deletes shadow copies and switches recovery off"
    author = "Sigil"
    date = "2026-11-22"
    reference = "https://attack.mitre.org/techniques/T1490/"
    attack = "T1490"
    severity = "critical"
    license = "Apache-2.0"
  strings:
    $shadow1 = /vssadmin(\.exe)?["']?\s+delete\s+shadows/ ascii wide nocase
    $shadow2 = /wmic(\.exe)?["']?\s+shadowcopy\s+delete/ ascii wide nocase
    $shadow3 = /vssadmin(\.exe)?["']?\s+resize\s+shadowstorage/ ascii wide nocase
    $boot1 = /bcdedit(\.exe)?["']?\s+\/set\s+\{default\}\s+recoveryenabled\s+no/ ascii wide nocase
    $boot2 = /bcdedit(\.exe)?["']?\s+\/set\s+\{default\}\s+bootstatuspolicy\s+ignoreallfailures/ ascii wide nocase
    $backup = /wbadmin(\.exe)?["']?\s+delete\s+(catalog|systemstatebackup)/ ascii wide nocase
  condition:
    filesize < 16MB and any of ($shadow*) and any of ($boot*, $backup)
}
