// The test file that every scanner knows, to see that scanning works from end to end.

rule eicar_test_file : test {
  meta:
    description = "The EICAR test file: harmless, and made to be found"
    author = "Sigil"
    date = "2026-11-22"
    reference = "https://www.eicar.org/download-anti-malware-testfile/"
    severity = "low"
    license = "Apache-2.0"
  strings:
    // In two pieces, so that this rule is not the file.
    $first = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$" ascii
    $second = "-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*" ascii
  condition:
    filesize < 256 and $first at 0 and $second
}
