// A program that unpacks itself in memory. Packing is no crime; on a server it is rare and worth a look.

rule linux_packed_elf : linux packer {
  meta:
    description = "Program packed with UPX, or with a packer that left its mark and took the section table"
    author = "Sigil"
    date = "2026-11-22"
    reference = "https://attack.mitre.org/techniques/T1027/002/"
    attack = "T1027.002"
    severity = "medium"
    license = "Apache-2.0"
  strings:
    $mark = "UPX!" ascii
  condition:
    uint32(0) == 0x464c457f and filesize < 64MB and (uint16(0x3c) == 0 or uint16(0x30) == 0) and
    ($mark in (0..1024) or $mark in (filesize - 64..filesize))
}
