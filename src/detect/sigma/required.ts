// Literals without which a test cannot be true: they let the scanners decide, before a costly test runs, that it need not.

import { fold } from "./fold.ts";
import type { LiteralHow, Test } from "./ir.ts";

export interface RequiredLiteral {
  readonly how: LiteralHow;
  readonly text: string;
}

/** Literals (folded) of which at least one occurs in every text that satisfies the test, or `undefined` when none is known. */
export function requiredLiterals(test: Test): RequiredLiteral[] | undefined {
  switch (test.op) {
    case "literal":
      return test.texts.map((text) => ({ how: test.how, text: fold(text) }));
    case "glob": {
      let best = "";
      for (const piece of test.pieces) if (typeof piece === "string" && piece.length > best.length) best = piece;
      return best === "" ? undefined : [{ how: "contains", text: fold(best) }];
    }
    default:
      return undefined;
  }
}
