// A module of the login system that writes what people type to a hidden file.

rule linux_pam_password_thief : linux credentials {
  meta:
    description = "PAM module that keeps passwords in a hidden file"
    author = "Sigil"
    date = "2026-11-22"
    reference = "https://attack.mitre.org/techniques/T1556/003/"
    attack = "T1556.003"
    severity = "critical"
    license = "Apache-2.0"
  strings:
    $module = "pam_sm_authenticate" ascii fullword
    $token1 = "pam_get_authtok" ascii fullword
    $token2 = "pam_get_item" ascii fullword
    $hidden = /\/(tmp|var\/tmp|dev\/shm|var\/log|usr\/(share|include|lib))\/(\.[a-z0-9_-]{1,32}|[a-z0-9_\/-]{1,48}\/\.[a-z0-9_-]{1,32})\x00/
    $format = /%s ?[:|] ?%s\r?\n?\x00/
  condition:
    uint32(0) == 0x464c457f and filesize < 2MB and $module and any of ($token*) and $hidden and $format
}
