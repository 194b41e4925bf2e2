// Pages of a web server that run what a visitor sends them.

rule web_shell_php : web {
  meta:
    description = "PHP page that runs what its visitor sends"
    author = "Sigil"
    date = "2026-11-22"
    reference = "https://attack.mitre.org/techniques/T1505/003/"
    attack = "T1505.003"
    severity = "critical"
    license = "Apache-2.0"
  strings:
    $page = "<?" ascii
    $direct = /\b(eval|assert|system|passthru|shell_exec|exec|popen|proc_open|pcntl_exec|create_function)\s{0,8}\(\s{0,8}(@\s{0,4})?((base64_decode|gzinflate|str_rot13|urldecode|stripslashes|trim|gzuncompress)\s{0,8}\(\s{0,8}){0,4}@?\$_(GET|POST|REQUEST|COOKIE|SERVER|FILES)\s{0,8}[\[{]/ nocase
    $call = /\$_(GET|POST|REQUEST|COOKIE)\s{0,8}\[[^\]\n]{1,64}\]\s{0,8}\(\s{0,8}@?\$_(GET|POST|REQUEST|COOKIE)/ nocase
    $backtick = /`\s{0,8}\{?\$_(GET|POST|REQUEST|COOKIE)\s{0,8}\[/ nocase
  condition:
    filesize < 2MB and $page and ($direct or $call or $backtick)
}

rule web_shell_jsp : web {
  meta:
    description = "JSP page that runs what its visitor sends"
    author = "Sigil"
    date = "2026-11-22"
    reference = "https://attack.mitre.org/techniques/T1505/003/"
    attack = "T1505.003"
    severity = "critical"
    license = "Apache-2.0"
  strings:
    $page1 = "<%" ascii
    $page2 = "<jsp:" ascii
    $direct = /(getRuntime\s{0,8}\(\s{0,8}\)\s{0,8}\.\s{0,8}exec|new\s{1,8}ProcessBuilder)\s{0,8}\([^;\n]{0,128}request\s{0,8}\.\s{0,8}get(Parameter|Header|QueryString)\s{0,8}\(/
    $read = /\b(\w{1,32})\s{0,8}=\s{0,8}request\s{0,8}\.\s{0,8}getParameter\s{0,8}\(\s{0,8}"(cmd|command|c|exec|run|shell)"/
    $run = /getRuntime\s{0,8}\(\s{0,8}\)\s{0,8}\.\s{0,8}exec\s{0,8}\(/
    $define = /defineClass\s{0,8}\([^;\n]{0,200}request\s{0,8}\.\s{0,8}get/
  condition:
    filesize < 2MB and any of ($page*) and ($direct or ($read and $run) or $define)
}
