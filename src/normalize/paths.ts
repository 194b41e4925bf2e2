// Paths as text: what a process passed to a system call, put together with the directory that it starts from.

/** `name` from `directory`, without `.`, `..` and doubled slashes; links are not followed. Linear. */
export function absolutePath(directory: string, name: string): string {
  const whole = name.startsWith("/") ? name : `${directory}/${name}`;
  if (!/\/(?:\.{0,2}(?:\/|$))/.test(whole)) return whole;
  const parts: string[] = [];
  for (const part of whole.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
