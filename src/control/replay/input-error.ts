// What may be wrong with an input, as opposed to the program: told as a reason, counted, never a crash.

/** An input is refused or cannot be read any further; `message` says why, to a reader who sees the path beside it. */
export class InputError extends Error {
  override readonly name: string = "InputError";
}

/** Error codes of the system that are about the input. */
const systemCodes: ReadonlySet<string> = new Set([
  "EACCES",
  "EPERM",
  "EIO",
  "EISDIR",
  "ENOENT",
  "ESTALE",
  "ENXIO",
  "ENODEV",
  "ELOOP",
  "EINVAL",
  "ECONNRESET",
]);

/** Whether an error is the input's own: the system refused it, its compression is damaged, or it was refused here. */
export function isInputError(error: unknown): boolean {
  if (error instanceof InputError) return true;
  const code = errorCode(error);
  return (
    systemCodes.has(code) ||
    code.startsWith("Z_") ||
    code.startsWith("ZSTD_error_") ||
    code === "ERR_ENCODING_INVALID_ENCODED_DATA"
  );
}

/** Why an input cannot be read, for an error that is its own. */
export function inputReason(error: unknown): string {
  return error instanceof InputError ? error.message : reasonOf(errorCode(error));
}

/** What a code of the system or of a decompressor means. */
export function reasonOf(code: string): string {
  if (code === "ENOENT") return "there is no such file or directory";
  if (code === "EACCES" || code === "EPERM") return "permission denied";
  if (code === "EISDIR") return "it is a folder";
  if (code === "Z_BUF_ERROR") return "the compressed data ends early";
  if (code === "ZSTD_error_frameParameter_windowTooLarge")
    return "the compressed data asks for more than 128 MiB of memory (a long zstd window)";
  if (code.startsWith("Z_") || code.startsWith("ZSTD_error_")) return "the compressed data is damaged";
  return code;
}

export const errorCode = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error && typeof error.code === "string"
    ? error.code
    : "unknown";
