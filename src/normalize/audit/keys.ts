// Keys of audit rules. A key is what the administrator's audit configuration calls a rule; Sigma rules that ask for one name the
// configuration they mean, and that configuration is stated here: without auditd nobody could load it.

/** `-w PATH -p x -k susp_activity` of the configuration that SigmaHQ's rule "Suspicious C2 Activities" asks for. */
const watchedPrograms: ReadonlySet<string> = new Set(
  (
    "base64 curl ftp nc nc.openbsd nc.traditional ncat netcat netstat nmap rawshark rdesktop scp sftp socat ss ssh tshark wget " +
    "wireshark wlfreerdp xfreerdp"
  ).split(" "),
);
const programFolders: ReadonlySet<string> = new Set(["/bin", "/usr/bin", "/usr/local/bin"]);

/** Key of the execution of a program by its path, as typed and as resolved; `undefined` when no watch is on it. */
export function executionKey(...paths: readonly string[]): string | undefined {
  const isWatched = paths.some((path) => {
    const slash = path.lastIndexOf("/");
    return watchedPrograms.has(path.slice(slash + 1)) && programFolders.has(path.slice(0, slash));
  });
  return isWatched ? "susp_activity" : undefined;
}

/** `-S connect -F a2=16` and `a2=28` (the size of an address says its family) with `-F success=1`. */
export function connectionKey(destination: string, isSuccess: boolean): string | undefined {
  if (!isSuccess) return undefined;
  return destination.includes(":") ? "network_connect_6" : "network_connect_4";
}
