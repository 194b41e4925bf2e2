// Machine code that opens a connection and puts a shell on it, in the short forms that code without a loader uses.

rule linux_shellcode_connect_back : linux shellcode {
  meta:
    description = "Machine code that connects and starts a shell, without a C library"
    author = "Sigil"
    date = "2026-11-22"
    reference = "https://attack.mitre.org/techniques/T1059/004/"
    attack = "T1059.004, T1095"
    severity = "high"
    license = "Apache-2.0"
  strings:
    // push 41; pop rax … push 2; pop rdi; push 1; pop rsi … syscall: socket(AF_INET, SOCK_STREAM)
    $socket64 = { 6A 29 58 [0-8] 6A 02 5F 6A 01 5E [0-8] 0F 05 }
    // push 42; pop rax; syscall: connect
    $connect64 = { 6A 2A 58 [0-8] 0F 05 }
    // push 33; pop rax; syscall: dup2
    $dup64 = { 6A 21 58 0F 05 }
    // push 102; pop eax or mov al, 102; int 0x80: socketcall
    $call32 = { ( 6A 66 58 | B0 66 ) [0-12] CD 80 }
    // mov al, 63; int 0x80: dup2
    $dup32 = { ( B0 3F | 6A 3F 58 ) [0-4] CD 80 }
    $shell1 = "/bin/sh" ascii
    $shell2 = "h//shh/bin" ascii
    $shell3 = { 68 2F 73 68 00 [0-6] 68 2F 62 69 6E }
  condition:
    filesize < 1MB and any of ($shell*) and (($socket64 and $connect64 and $dup64) or (#call32 > 1 and $dup32))
}
