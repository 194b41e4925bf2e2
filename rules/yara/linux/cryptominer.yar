// Programs and settings that compute coins for somebody else.

rule linux_cryptominer : linux miner {
  meta:
    description = "Cryptocurrency miner: pool protocol beside algorithms or options of miners"
    author = "Sigil"
    date = "2026-11-22"
    reference = "https://attack.mitre.org/techniques/T1496/001/"
    attack = "T1496.001"
    severity = "high"
    license = "Apache-2.0"
  strings:
    $pool1 = "stratum+tcp://" ascii
    $pool2 = "stratum+ssl://" ascii
    $pool3 = "\"mining.subscribe\"" ascii
    $how1 = "randomx" ascii nocase fullword
    $how2 = "cryptonight" ascii nocase
    $how3 = "donate-level" ascii
    $how4 = "nicehash" ascii nocase fullword
    $how5 = "hashrate" ascii nocase
    $how6 = "kawpow" ascii nocase fullword
    $how7 = "--coin" ascii fullword
  condition:
    filesize < 32MB and any of ($pool*) and 2 of ($how*)
}
