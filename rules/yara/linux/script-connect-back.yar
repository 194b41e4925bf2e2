// Scripts that give a shell to whoever they connect to.

rule linux_shell_connect_back : linux script {
  meta:
    description = "Shell script that ties an interactive shell to a network device"
    author = "Sigil"
    date = "2026-11-22"
    reference = "https://attack.mitre.org/techniques/T1059/004/"
    attack = "T1059.004"
    severity = "high"
    license = "Apache-2.0"
  strings:
    $bash = /(ba)?sh\s+-i\s*(>&|&>|<>|>)\s*\/dev\/(tcp|udp)\/[^\s\/]{1,255}\/\d{1,5}/
    $exec = /exec\s+\d{1,3}<>\s*\/dev\/(tcp|udp)\/[^\s\/]{1,255}\/\d{1,5}/
    $loop = /while\s+read\s[^\n]{0,80}<&\d{1,3}/
    $pipe = /mkfifo\s+\S{1,200}[^\n]{0,100}\|\s*(\/bin\/)?(ba)?sh\s+-i[^\n]{0,100}\|\s*(nc|ncat|netcat|telnet|openssl)\s/
  condition:
    filesize < 1MB and uint32(0) != 0x464c457f and ($bash or ($exec and $loop) or $pipe)
}

rule script_interpreter_connect_back : script {
  meta:
    description = "Python, Perl or Ruby that ties a shell to a socket"
    author = "Sigil"
    date = "2026-11-22"
    reference = "https://attack.mitre.org/techniques/T1059/006/"
    attack = "T1059.006"
    severity = "high"
    license = "Apache-2.0"
  strings:
    $python1 = /socket\.socket\s*\(/
    $python2 = /\.connect\s*\(\s*\(/
    $python3 = /os\.dup2\s*\(\s*\w{1,32}\.fileno\(\)\s*,\s*[012]\s*\)/
    $python4 = /(pty\.spawn|subprocess\.(call|Popen|run)|os\.system)\s*\(\s*\[?\s*['"]\/bin\/(ba|da|z)?sh['"]/
    $perl1 = /socket\s*\(\s*\w{1,16}\s*,\s*PF_INET/
    $perl2 = /open\s*\(?\s*STD(IN|OUT|ERR)\s*,\s*['"]>?&\w{1,16}['"]/
    $perl3 = /exec\s*\(?\s*\{?['"]\/bin\/(ba)?sh/
    $ruby = /TCPSocket\.(new|open)\s*\([^\n]{1,200}(exec|IO\.popen|spawn)\b?[^\n]{1,100}(\/bin\/sh|cmd)/
  condition:
    filesize < 1MB and (all of ($python*) or all of ($perl*) or $ruby)
}
