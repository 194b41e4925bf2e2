// PowerShell that fetches or unpacks more PowerShell and runs it from memory.

rule windows_powershell_loader : windows script {
  meta:
    description = "PowerShell that runs what it downloads or unpacks, with its window hidden"
    author = "Sigil"
    date = "2026-11-22"
    reference = "https://attack.mitre.org/techniques/T1059/001/"
    attack = "T1059.001, T1027, T1105"
    severity = "high"
    license = "Apache-2.0"
  strings:
    $run1 = /\b(IEX|Invoke-Expression)\b/ ascii wide nocase
    $run2 = "[Reflection.Assembly]::Load" ascii wide nocase
    $get1 = "DownloadString" ascii wide nocase
    $get2 = "DownloadData" ascii wide nocase
    $get3 = "FromBase64String" ascii wide nocase
    $get4 = "GzipStream" ascii wide nocase
    $hide1 = /-w(indowstyle)?\s+hid/ ascii wide nocase
    $hide2 = /-e(nc|ncodedcommand|p\s+bypass|xecutionpolicy\s+bypass)\b/ ascii wide nocase
    $hide3 = "Net.WebClient" ascii wide nocase
    $hide4 = "MemoryStream" ascii wide nocase
  condition:
    filesize < 1MB and uint16(0) != 0x5a4d and any of ($run*) and any of ($get*) and 2 of ($hide*)
}
