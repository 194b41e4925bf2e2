// The list of files whose being read is worth an event: patterns of absolute paths, found by their last component, which the
// kernel side knows as well.

/** In a pattern `*` stands for anything within one component, `**` for any number of components. The last one is literal. */
export class SensitiveFiles {
  readonly #byName = new Map<string, RegExp[]>();
  #more: SensitiveFiles | undefined;

  constructor(patterns: readonly string[]) {
    for (const pattern of patterns) {
      const name = pattern.slice(pattern.lastIndexOf("/") + 1);
      const known = this.#byName.get(name);
      const compiled = compile(pattern);
      if (known === undefined) this.#byName.set(name, [compiled]);
      else known.push(compiled);
    }
  }

  /** Takes these as well, instead of what was given here before. */
  also(patterns: readonly string[]): void {
    this.#more = patterns.length === 0 ? undefined : new SensitiveFiles(patterns);
  }

  /** The last components: what the kernel side looks for. */
  get names(): string[] {
    return [...new Set([...this.#byName.keys(), ...(this.#more?.names ?? [])])];
  }

  has(path: string): boolean {
    const found = this.#byName.get(path.slice(path.lastIndexOf("/") + 1));
    return found?.some((pattern) => pattern.test(path)) === true || this.#more?.has(path) === true;
  }
}

function compile(pattern: string): RegExp {
  const parts = pattern.split(/(\*\*\/|\*)/).map((part) => {
    if (part === "**/") return "(?:.*/)?";
    return part === "*" ? "[^/]*" : part.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  });
  return new RegExp(`^${parts.join("")}$`, "su");
}

/** Keys, credentials and password databases that are read by few programs. */
export const defaultSensitiveFiles: readonly string[] = [
  "/etc/shadow",
  "/etc/shadow-",
  "/etc/gshadow",
  "/etc/gshadow-",
  "/etc/sudoers",
  "/etc/krb5.keytab",
  "/etc/ssh/ssh_host_rsa_key",
  "/etc/ssh/ssh_host_ecdsa_key",
  "/etc/ssh/ssh_host_ed25519_key",
  "/**/.ssh/id_rsa",
  "/**/.ssh/id_dsa",
  "/**/.ssh/id_ecdsa",
  "/**/.ssh/id_ed25519",
  "/**/.aws/credentials",
  "/**/.azure/accessTokens.json",
  "/**/.azure/msal_token_cache.json",
  "/**/gcloud/credentials.db",
  "/**/gcloud/application_default_credentials.json",
  "/**/.kube/config",
  "/**/.docker/config.json",
  "/**/.git-credentials",
  "/**/.netrc",
  "/**/.pgpass",
  "/**/.my.cnf",
  "/**/.npmrc",
  "/**/.pypirc",
  "/**/.vault-token",
  "/**/.gnupg/secring.gpg",
  "/**/keyrings/login.keyring",
  "/**/kubernetes.io/serviceaccount/**/token",
  "/**/logins.json",
  "/**/key4.db",
  "/**/cookies.sqlite",
  "/**/Login Data",
  "/**/Cookies",
  "/**/Web Data",
];
