import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import {
  interpret,
  linkSigma,
  mapCorrelations,
  NameSlots,
  type ParseResult,
  parseSigma,
  RecordEvent,
  type RuleIr,
  readPipelines,
  type Value,
} from "../mod.ts";
import { fieldConditions, itemConditions, ruleConditions } from "./conditions.ts";
import { EditingRegex } from "./editing-regex.ts";
import { transformations } from "./transformations.ts";

const pipelinesOf = (...texts: string[]) => {
  const { pipelines, diagnostics } = readPipelines(texts.map((text, at) => ({ path: `p${at}.yml`, text })));
  expect(diagnostics).toEqual([]);
  return pipelines;
};

const items = (...list: string[]): string => `name: p\ntransformations:\n${list.map((one) => `  - ${one}\n`).join("")}`;

/** A rule with this detection, its condition `sel` unless given. */
const ruleText = (detection: string, more = ""): string =>
  `title: T\nid: 11111111-1111-4111-8111-111111111111\nlevel: high\nstatus: test\ntags: [attack.t1059]\nlogsource: { product: windows, category: process_creation }\n${more}detection:\n  ${detection.replaceAll("\n", "\n  ")}\n${detection.includes("condition:") ? "" : "  condition: sel\n"}`;

const parse = (text: string, ...pipelines: string[]): ParseResult =>
  parseSigma(text, "r.yml", { pipelines: pipelinesOf(...pipelines) });

function ruleOf(detection: string, ...pipelines: string[]): RuleIr {
  const { rules, diagnostics } = parse(ruleText(detection), ...pipelines);
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  return rules[0]!;
}

function matches(rule: RuleIr, fields: Record<string, Value>): boolean {
  const slots = new NameSlots();
  return interpret(rule, new RecordEvent(fields, slots), slots);
}

const fieldsOf = (rule: RuleIr): (string | null)[] => [...new Set(rule.predicates.map(({ field }) => field))];

/** What a pipeline refuses a rule with. */
function refusal(detection: string, ...pipelines: string[]): string {
  const { rules, diagnostics } = parse(ruleText(detection), ...pipelines);
  expect(rules).toEqual([]);
  return `${diagnostics[0]?.line}:${diagnostics[0]?.column} ${diagnostics[0]?.message}`;
}

describe("field_name_mapping", () => {
  test("renames a field wherever it stands, whatever its modifiers", () => {
    const rule = ruleOf("sel: { A|contains: x, B: y }", items("{ type: field_name_mapping, mapping: { A: a.b } }"));
    expect(fieldsOf(rule)).toEqual(["a.b", "B"]);
    expect(matches(rule, { "a.b": "-X-", B: "y" })).toBe(true);
    expect(matches(rule, { A: "-x-", B: "y" })).toBe(false);
  });

  test("asks any of several fields", () => {
    const rule = ruleOf("sel: { A: [x, y], B: z }", items("{ type: field_name_mapping, mapping: { A: [p, q] } }"));
    expect(matches(rule, { q: "y", B: "z" })).toBe(true);
    expect(matches(rule, { p: "x", B: "z" })).toBe(true);
    expect(matches(rule, { p: "x" })).toBe(false);
  });

  test("asks that none of several fields has what an item with neq names", () => {
    const rule = ruleOf("sel: { A|neq: x }", items("{ type: field_name_mapping, mapping: { A: [p, q] } }"));
    expect(matches(rule, { p: "a", q: "b" })).toBe(true);
    expect(matches(rule, { p: "x", q: "b" })).toBe(false);
    expect(matches(rule, { p: "a", q: "x" })).toBe(false);
  });

  test("drops an item whose field becomes none", () => {
    const rule = ruleOf("sel: { A: x, B: y }", items("{ type: field_name_mapping, mapping: { A: [] } }"));
    expect(matches(rule, { B: "y" })).toBe(true);
  });

  test("renames fields that others are compared with, and the rule's own list", () => {
    const text = ruleText("sel: { A|fieldref: B }", "fields: [B, C]\n");
    const { rules } = parse(text, items("{ type: field_name_mapping, mapping: { B: b } }"));
    expect(rules[0]?.fields).toEqual(["b", "C"]);
    expect(matches(rules[0]!, { A: "same", b: "same" })).toBe(true);
    expect(matches(rules[0]!, { A: "same", B: "same" })).toBe(false);
  });

  test("leaves keywords alone", () => {
    const rule = ruleOf("sel: [x, y]", items("{ type: field_name_mapping, mapping: { A: b } }"));
    expect(matches(rule, { any: "..Y.." })).toBe(true);
  });

  test("goes into lists of maps", () => {
    const rule = ruleOf(
      "sel:\n  - { A: x }\n  - { A: y, B: z }",
      items("{ type: field_name_mapping, mapping: { A: a } }"),
    );
    expect(matches(rule, { a: "x" })).toBe(true);
    expect(matches(rule, { a: "y" })).toBe(false);
    expect(matches(rule, { a: "y", B: "z" })).toBe(true);
  });
});

describe("other transformations of names", () => {
  test("field_name_prefix_mapping changes beginnings", () => {
    const rule = ruleOf(
      "sel: { win.a: x, lin.b: y }",
      items("{ type: field_name_prefix_mapping, mapping: { 'win.': 'w_', 'lin.': [l_, m_] } }"),
    );
    expect(fieldsOf(rule)).toEqual(["w_a", "l_b", "m_b"]);
  });

  test("field_name_prefix and field_name_suffix add to every name", () => {
    const rule = ruleOf(
      "sel: { A: x }",
      items("{ type: field_name_prefix, prefix: 'data.' }", "{ type: field_name_suffix, suffix: '.keyword' }"),
    );
    expect(fieldsOf(rule)).toEqual(["data.A.keyword"]);
  });

  test("apply in the order written", () => {
    const rule = ruleOf(
      "sel: { A: x }",
      items("{ type: field_name_mapping, mapping: { A: B } }", "{ type: field_name_mapping, mapping: { B: C } }"),
    );
    expect(fieldsOf(rule)).toEqual(["C"]);
  });

  test("apply in the order of priorities, and then of files", () => {
    const one = `priority: 20\n${items("{ type: field_name_suffix, suffix: 1 }")}`;
    const two = `priority: 10\n${items("{ type: field_name_suffix, suffix: 2 }")}`;
    const three = `priority: 20\n${items("{ type: field_name_suffix, suffix: 3 }")}`;
    expect(fieldsOf(ruleOf("sel: { A: x }", one, two, three))).toEqual(["A213"]);
  });

  test("add_field, remove_field and set_field change the rule's list", () => {
    const list = (...steps: string[]) =>
      parse(ruleText("sel: { A: x }", "fields: [A, B]\n"), items(...steps)).rules[0]?.fields;
    expect(list("{ type: add_field, field: C }")).toEqual(["A", "B", "C"]);
    expect(list("{ type: remove_field, field: [A, Z] }")).toEqual(["B"]);
    expect(list("{ type: set_field, fields: [Q] }")).toEqual(["Q"]);
  });
});

describe("drop_detection_item", () => {
  const drop = items("{ type: drop_detection_item, field_name_conditions: [{ type: include_fields, fields: [A] }] }");

  test("takes items out of selections", () => {
    expect(matches(ruleOf("sel: { A: x, B: y }", drop), { B: "y" })).toBe(true);
  });

  test("takes a selection without items out of the condition, also behind not", () => {
    const rule = ruleOf("sel: { B: y }\nfilter: { A: x }\ncondition: sel and not filter", drop);
    expect(matches(rule, { B: "y" })).toBe(true);
    expect(matches(rule, { B: "n" })).toBe(false);
    const either = ruleOf("a: { A: x }\nb: { B: y }\ncondition: 1 of *", drop);
    expect(matches(either, { B: "y" })).toBe(true);
    expect(matches(either, { B: "n" })).toBe(false);
  });

  test("refuses a rule of which nothing is left", () => {
    expect(refusal("sel: { A: x }", drop)).toContain("leaves nothing");
  });
});

describe("add_condition", () => {
  test("asks for more, or for less", () => {
    const more = ruleOf(
      "sel: { A: x }\nother: { A: y }\ncondition: sel or other",
      items("{ type: add_condition, conditions: { Channel: Security, ID|gt: 5 } }"),
    );
    expect(matches(more, { A: "y", Channel: "security", ID: 6 })).toBe(true);
    expect(matches(more, { A: "x", Channel: "security", ID: 5 })).toBe(false);
    const less = ruleOf("sel: { A: x }", items("{ type: add_condition, conditions: { B: [p, q] }, negated: true }"));
    expect(matches(less, { A: "x", B: "q" })).toBe(false);
    expect(matches(less, { A: "x" })).toBe(true);
  });

  test("fills in the log source of the rule", () => {
    const rule = ruleOf(
      "sel: { A: x }",
      items("{ type: add_condition, conditions: { index: '$product-$" + "{category}-$service' }, template: true }"),
    );
    expect(matches(rule, { A: "x", index: "windows-process_creation-" })).toBe(true);
  });

  test("is seen by what follows, and does not count for 'of them'", () => {
    const rule = ruleOf(
      "sel: { A: x }\ncondition: all of them",
      items("{ type: add_condition, conditions: { B: y } }", "{ type: field_name_mapping, mapping: { B: b } }"),
    );
    expect(matches(rule, { A: "x", b: "y" })).toBe(true);
    expect(matches(rule, { A: "x" })).toBe(false);
  });
});

test("change_logsource replaces the log source", () => {
  const rule = ruleOf("sel: { A: x }", items("{ type: change_logsource, product: acme, service: proc }"));
  expect(rule.logsource).toEqual({ product: "acme", service: "proc" });
});

describe("replace_string", () => {
  test("replaces in values with their wildcards, and refers to groups", () => {
    const rule = ruleOf(
      "sel: { Image|endswith: '\\cmd.exe' }",
      items("{ type: replace_string, regex: '^\\*\\\\(.*)\\.exe$', replacement: '/bin/\\1' }"),
    );
    expect(matches(rule, { Image: "/bin/cmd" })).toBe(true);
    expect(matches(rule, { Image: "C:\\cmd.exe" })).toBe(false);
  });

  test("keeps backslashes, wildcards and escaped wildcards what they were", () => {
    const same = items(
      "{ type: replace_string, regex: 'nothing', replacement: 'x' }",
      "{ type: replace_string, regex: 'Z', replacement: 'z' }",
    );
    for (const [value, event] of [
      ["'C:\\Users\\Z'", "C:\\Users\\z"],
      ["'a\\*Z'", "a*z"],
      ["'a\\\\*Z'", "a\\--z"],
      ["'Z?\\?'", "zx?"],
    ] as const) {
      expect(matches(ruleOf(`sel: { A: ${value} }`, same), { A: event })).toBe(true);
    }
    expect(matches(ruleOf("sel: { A: 'a\\*Z' }", same), { A: "abz" })).toBe(false);
    expect(matches(ruleOf("sel: { A|contains: '\\Z\\' }", same), { A: "x\\z\\y" })).toBe(true);
  });

  test("leaves wildcards alone with skip_special, or makes some with interpret_special", () => {
    const literal = items("{ type: replace_string, regex: '-', replacement: '*', skip_special: true }");
    expect(matches(ruleOf("sel: { A|contains: 'a-b' }", literal), { A: "xa*by" })).toBe(true);
    expect(matches(ruleOf("sel: { A|contains: 'a-b' }", literal), { A: "xaQby" })).toBe(false);
    const wild = items(
      "{ type: replace_string, regex: '-', replacement: '*', skip_special: true, interpret_special: true }",
    );
    expect(matches(ruleOf("sel: { A|contains: 'a-b' }", wild), { A: "xaQby" })).toBe(true);
  });

  test("rewrites numbers too, and nothing that is no text", () => {
    const rule = ruleOf(
      "sel: { A: 12, B|re: '1.', C: null }",
      items("{ type: replace_string, regex: '1', replacement: '9' }"),
    );
    expect(matches(rule, { A: "92", B: "12" })).toBe(true);
  });

  test("keeps windash and cased", () => {
    const rule = ruleOf(
      "sel: { A|windash|contains: ' -Enc' }",
      items("{ type: replace_string, regex: 'Enc', replacement: 'e' }"),
    );
    expect(matches(rule, { A: "x /e" })).toBe(true);
    const cased = ruleOf(
      "sel: { A|cased|contains: 'abc' }",
      items("{ type: replace_string, regex: 'b', replacement: 'B' }"),
    );
    expect(matches(cased, { A: "aBc" })).toBe(true);
    expect(matches(cased, { A: "abc" })).toBe(false);
  });

  test("changes no meaning of any value when nothing is replaced", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "\\", "*", "?", "Z", "'"), minLength: 1, maxLength: 8 });
    const step = items(
      "{ type: replace_string, regex: 'Z', replacement: 'Z' }",
      "{ type: map_string, mapping: { nothing: x } }",
      "{ type: replace_string, regex: 'Z$', replacement: 'Z' }",
    );
    fc.assert(
      fc.property(
        text,
        fc.constantFrom("", "|contains", "|endswith", "|startswith"),
        fc.array(text, { maxLength: 6 }),
        (value, modifier, events) => {
          const detection = `sel: { A${modifier}: '${value.replaceAll("'", "''")}' }`;
          const { rules: before } = parseSigma(ruleText(detection), "r.yml");
          const after = ruleOf(detection, step);
          for (const event of [value, `x${value}y`, ...events])
            expect(matches(after, { A: event })).toBe(matches(before[0]!, { A: event }));
        },
      ),
    );
  });
});

describe("transformations of values", () => {
  test("map_string replaces whole values, by one or several", () => {
    const rule = ruleOf(
      "sel: { A: [x, y], B|contains: z }",
      items("{ type: map_string, mapping: { x: [p, q], '*z*': r } }"),
    );
    for (const a of ["p", "q", "y"]) expect(matches(rule, { A: a, B: "r" })).toBe(true);
    expect(matches(rule, { A: "x", B: "r" })).toBe(false);
    expect(matches(rule, { A: "p", B: "-z-" })).toBe(false);
  });

  test("set_value replaces all values of an item", () => {
    const rule = ruleOf(
      "sel: { A|contains: [x, y], B: z }",
      items("{ type: set_value, value: 5, field_name_conditions: [{ type: include_fields, fields: [A] }] }"),
    );
    expect(matches(rule, { A: "5", B: "z" })).toBe(true);
    expect(matches(rule, { A: "x", B: "z" })).toBe(false);
  });

  test("case changes the case of values that are compared with it", () => {
    const rule = ruleOf("sel: { A|cased: 'aB*' }", items("{ type: case, method: upper }"));
    expect(matches(rule, { A: "ABc" })).toBe(true);
    expect(matches(rule, { A: "aBc" })).toBe(false);
  });

  test("hashes_fields makes a field of each algorithm", () => {
    const md5 = "0123456789abcdef0123456789abcdef";
    const step = items("{ type: hashes_fields, valid_hash_algos: [MD5, SHA1], field_prefix: file. }");
    const rule = ruleOf(`sel: { Hashes|contains: ['MD5=${md5}', 'IMPHASH=00', 'SHA1=aa'] }`, step);
    expect(fieldsOf(rule)).toEqual(["file.MD5", "file.SHA1"]);
    expect(matches(rule, { "file.MD5": md5.toUpperCase() })).toBe(true);
    expect(matches(ruleOf(`sel: { Hash: ${md5} }`, step), { "file.MD5": md5 })).toBe(true);
    expect(refusal("sel: { Hashes: 'IMPHASH=00' }", step)).toContain("no digest");
  });
});

describe("placeholders", () => {
  const vars = "vars: { admins: [root, 'svc*'], port: 22 }\n";

  test("get the values of the pipeline's vars", () => {
    const rule = ruleOf(
      "sel: { User|expand: '%admins%', Port|expand: '%port%' }",
      vars + items("{ type: value_placeholders }"),
    );
    expect(matches(rule, { User: "svc_x", Port: 22 })).toBe(true);
    expect(matches(rule, { User: "bob", Port: 22 })).toBe(false);
  });

  test("of which some can be chosen, and the rest be anything", () => {
    const steps = items(
      "{ type: value_placeholders, include: [admins] }",
      "{ type: wildcard_placeholders, exclude: [admins] }",
    );
    const rule = ruleOf("sel: { User|expand: '%admins%', Host|expand: 'h-%other%' }", vars + steps);
    expect(matches(rule, { User: "root", Host: "h-42" })).toBe(true);
    expect(matches(rule, { User: "root", Host: "x" })).toBe(false);
  });

  test("without a value refuse the rule", () => {
    expect(refusal("sel: { User|expand: '%nobody%' }", vars + items("{ type: value_placeholders }"))).toBe(
      "8:23 Cannot expand '%nobody%': the pipeline's 'vars' have no values for it",
    );
  });

  test("fall back to those of the configuration", () => {
    const pipelines = pipelinesOf(items("{ type: field_name_suffix, suffix: _ }"));
    const { rules } = parseSigma(ruleText("sel: { User|expand: '%who%' }"), "r.yml", {
      pipelines,
      placeholders: { who: ["me"] },
    });
    expect(matches(rules[0]!, { User_: "me" })).toBe(true);
  });
});

describe("failures", () => {
  test("rule_failure refuses rules, with its message", () => {
    expect(refusal("sel: { A: x }", items("{ type: rule_failure, message: not for us }"))).toBe(
      "8:3 The pipeline refuses this rule: not for us",
    );
  });

  test("detection_item_failure refuses rules with certain items, at the item", () => {
    const step = items(
      "{ type: detection_item_failure, message: no, field_name_conditions: [{ type: include_fields, fields: [B] }] }",
    );
    expect(refusal("sel:\n  A: x\n  B: y", step)).toBe("10:5 The pipeline refuses this item: no");
    expect(ruleOf("sel: { A: x }", step).predicates).toHaveLength(1);
  });

  test("strict_field_mapping_failure refuses fields that nothing mapped", () => {
    const steps = items("{ type: field_name_mapping, mapping: { A: a } }", "{ type: strict_field_mapping_failure }");
    expect(ruleOf("sel: { A: x }", steps).predicates).toHaveLength(1);
    expect(refusal("sel: { A: x, B: y }", steps)).toContain("no mapping for 'B'");
  });
});

describe("conditions on the rule", () => {
  const applies = (condition: string, detection = "sel: { A: x, N: 5 }"): boolean =>
    fieldsOf(ruleOf(detection, items(`{ type: field_name_suffix, suffix: _, rule_conditions: [${condition}] }`))).every(
      (field) => field?.endsWith("_"),
    );

  test("ask its log source, whatever its case", () => {
    expect(applies("{ type: logsource, product: Windows }")).toBe(true);
    expect(applies("{ type: logsource, product: windows, category: process_creation }")).toBe(true);
    expect(applies("{ type: logsource, product: windows, service: sysmon }")).toBe(false);
    expect(applies("{ type: logsource, product: linux }")).toBe(false);
  });

  test("ask its fields and items", () => {
    expect(applies("{ type: contains_field, field: A }")).toBe(true);
    expect(applies("{ type: contains_field, field: B }")).toBe(false);
    expect(applies("{ type: contains_detection_item, field: A, value: x }")).toBe(true);
    expect(applies("{ type: contains_detection_item, field: A, value: y }")).toBe(false);
    expect(applies("{ type: contains_detection_item, field: N, value: 5 }")).toBe(true);
    expect(applies("{ type: contains_detection_item, field: A, value: '*x*' }", "sel: { A|contains: x }")).toBe(true);
  });

  test("ask what kind of document it is, its tags and attributes", () => {
    expect(applies("{ type: is_sigma_rule }")).toBe(true);
    expect(applies("{ type: is_sigma_correlation_rule }")).toBe(false);
    expect(applies("{ type: tag, tag: attack.t1059 }")).toBe(true);
    expect(applies("{ type: tag, tag: attack.t1060 }")).toBe(false);
    for (const [attribute, op, value, wanted] of [
      ["level", "gte", "medium", true],
      ["level", "gt", "high", false],
      ["status", "lt", "stable", true],
      ["status", "eq", "experimental", false],
      ["title", "eq", "T", true],
      ["title", "ne", "T", false],
      ["tags", "in", "attack.t1059", true],
      ["tags", "not_in", "attack.t1059", false],
      ["absent", "eq", "x", false],
    ] as const) {
      expect([
        attribute,
        op,
        applies(`{ type: rule_attribute, attribute: ${attribute}, op: ${op}, value: ${value} }`),
      ]).toEqual([attribute, op, wanted]);
    }
  });

  test("ask what went before, and states", () => {
    const chain = (second: string, first = ""): string[] =>
      fieldsOf(
        ruleOf(
          "sel: { A: x }",
          items(
            `{ id: one, type: set_state, key: k, val: 3 ${first} }`,
            `{ type: field_name_suffix, suffix: _, ${second} }`,
          ),
        ),
      ) as string[];
    expect(chain("rule_conditions: [{ type: processing_item_applied, processing_item_id: one }]")).toEqual(["A_"]);
    expect(chain("rule_conditions: [{ type: processing_item_applied, processing_item_id: two }]")).toEqual(["A"]);
    expect(
      chain(
        "rule_conditions: [{ type: processing_item_applied, processing_item_id: one }]",
        ", rule_conditions: [{ type: logsource, product: no }]",
      ),
    ).toEqual(["A"]);
    expect(chain("rule_conditions: [{ type: processing_state, key: k, val: 3 }]")).toEqual(["A_"]);
    expect(chain("rule_conditions: [{ type: processing_state, key: k, val: 2, op: gt }]")).toEqual(["A_"]);
    expect(chain("rule_conditions: [{ type: processing_state, key: k, val: 3, op: ne }]")).toEqual(["A"]);
    expect(chain("field_name_conditions: [{ type: processing_state, key: other, val: 3 }]")).toEqual(["A"]);
    expect(chain("detection_item_conditions: [{ type: processing_state, key: k, val: 3 }]")).toEqual(["A_"]);
  });

  test("are linked by and, or, not, or an expression", () => {
    const yes = "{ type: is_sigma_rule }";
    const no = "{ type: is_sigma_correlation_rule }";
    const with_ = (more: string): boolean =>
      fieldsOf(ruleOf("sel: { A: x }", items(`{ type: field_name_suffix, suffix: _, ${more} }`)))[0] === "A_";
    expect(with_(`rule_conditions: [${yes}, ${no}]`)).toBe(false);
    expect(with_(`rule_conditions: [${yes}, ${no}], rule_cond_op: or`)).toBe(true);
    expect(with_(`rule_conditions: [${no}], rule_cond_not: true`)).toBe(true);
    expect(with_(`rule_conditions: { y: ${yes}, n: ${no} }, rule_cond_expr: 'y and not n'`)).toBe(true);
    expect(with_(`rule_conditions: { y: ${yes}, n: ${no} }, rule_cond_expr: 'n or not (y or n)'`)).toBe(false);
  });
});

describe("conditions on items and names", () => {
  const renamed = (condition: string, detection: string): (string | null)[] =>
    fieldsOf(ruleOf(detection, items(`{ type: field_name_suffix, suffix: _, ${condition} }`)));

  test("ask values", () => {
    const on = (condition: string): (string | null)[] =>
      renamed(
        `detection_item_conditions: [${condition}]`,
        "sel: { A: [foo, bar], B|contains: foo, C: 4, D: null, E: 'f*' }",
      );
    expect(on("{ type: match_string, cond: any, pattern: 'fo+$' }")).toEqual(["A_", "B", "C", "D", "E"]);
    expect(on("{ type: match_string, cond: all, pattern: '.*foo' }")).toEqual(["A", "B_", "C", "D", "E"]);
    expect(on("{ type: match_string, cond: all, pattern: '.*foo', negate: true }")).toEqual([
      "A",
      "B",
      "C_",
      "D_",
      "E_",
    ]);
    expect(on("{ type: match_value, cond: any, value: 4 }")).toEqual(["A", "B", "C_", "D", "E"]);
    expect(on("{ type: match_value, cond: any, value: bar }")).toEqual(["A_", "B", "C", "D", "E"]);
    expect(on("{ type: contains_wildcard, cond: any }")).toEqual(["A", "B_", "C", "D", "E_"]);
    expect(on("{ type: is_null, cond: any }")).toEqual(["A", "B", "C", "D_", "E"]);
  });

  test("ask names", () => {
    const on = (condition: string): (string | null)[] =>
      renamed(`field_name_conditions: [${condition}]`, "sel: { AB: x, AC: y, B: z }");
    expect(on("{ type: include_fields, fields: [AB, B] }")).toEqual(["AB_", "AC", "B_"]);
    expect(on("{ type: exclude_fields, fields: [AB, B] }")).toEqual(["AB", "AC_", "B"]);
    expect(on("{ type: include_fields, mode: re, fields: ['A.*'] }")).toEqual(["AB_", "AC_", "B"]);
  });

  test("ask what happened to an item or a name before", () => {
    const steps = (second: string): (string | null)[] =>
      fieldsOf(
        ruleOf(
          "sel: { A: x, B: y }",
          items(
            "{ id: one, type: field_name_mapping, mapping: { A: a } }",
            `{ type: field_name_suffix, suffix: _, ${second} }`,
          ),
        ),
      );
    expect(steps("field_name_conditions: [{ type: processing_item_applied, processing_item_id: one }]")).toEqual([
      "a_",
      "B",
    ]);
    expect(
      steps(
        "field_name_conditions: [{ type: processing_item_applied, processing_item_id: one }], field_name_cond_not: true",
      ),
    ).toEqual(["a", "B_"]);
    expect(steps("detection_item_conditions: [{ type: processing_item_applied, processing_item_id: one }]")).toEqual([
      "a_",
      "B",
    ]);
  });
});

test("nest applies a list of transformations under one condition", () => {
  const nested = (product: string): (string | null)[] =>
    fieldsOf(
      ruleOf(
        "sel: { A: x }",
        `name: p\ntransformations:\n  - type: nest\n    rule_conditions: [{ type: logsource, product: ${product} }]\n    items:\n      - { type: field_name_suffix, suffix: _ }\n      - { type: field_name_prefix, prefix: p. }\n`,
      ),
    );
  expect(nested("windows")).toEqual(["p.A_"]);
  expect(nested("linux")).toEqual(["A"]);
});

test("set_custom_attribute gives rule_attribute something to ask for", () => {
  const rule = ruleOf(
    "sel: { A: x }",
    items(
      "{ type: set_custom_attribute, attribute: team, value: blue }",
      "{ type: field_name_suffix, suffix: _, rule_conditions: [{ type: rule_attribute, attribute: team, value: blue }] }",
    ),
  );
  expect(fieldsOf(rule)).toEqual(["A_"]);
});

test("filters go through pipelines as the rules that they are about", () => {
  const filter =
    "title: F\nlogsource: { product: windows }\nfilter:\n  rules: any\n  admins: { User: root }\n  condition: not admins\n";
  const pipelines = pipelinesOf(
    items(
      "{ type: field_name_mapping, mapping: { User: user.name, A: a } }",
      "{ type: add_condition, conditions: { on: 1 } }",
    ),
  );
  const { rules, filters } = parseSigma(`${ruleText("sel: { A: x }")}---\n${filter}`, "r.yml", { pipelines });
  const [rule] = linkSigma({ rules, filters, correlations: [] }).rules;
  expect(matches(rule!, { a: "x", on: 1, "user.name": "bob" })).toBe(true);
  expect(matches(rule!, { a: "x", on: 1, "user.name": "root" })).toBe(false);
  expect(matches(rule!, { a: "x", "user.name": "bob" })).toBe(false);
});

describe("correlations", () => {
  const base = ruleText("sel: { A: x }", "name: base\n");
  const correlation = (more: string): string =>
    `title: C\nid: 22222222-2222-4222-8222-222222222222\ncorrelation:\n  type: value_count\n  rules: [base]\n  timespan: 5m\n  ${more.replaceAll("\n", "\n  ")}\n`;
  const map = (more: string, ...steps: string[]) => {
    const pipelines = pipelinesOf(items(...steps))!;
    const { rules, correlations, diagnostics } = parseSigma(`${base}---\n${correlation(more)}`, "r.yml", { pipelines });
    expect(diagnostics).toEqual([]);
    return mapCorrelations(pipelines, rules, correlations);
  };
  const condition = "condition: { gte: 3, field: Target }";

  test("group by and count the renamed fields, and leave aliases alone", () => {
    const { correlations, diagnostics } = map(
      `group-by: [User, who]\naliases: { who: { base: Name } }\n${condition}`,
      "{ type: field_name_mapping, mapping: { User: [u, v], Name: name, Target: target, who: WRONG }, rule_conditions: [{ type: logsource, product: windows }] }",
    );
    expect(diagnostics).toEqual([]);
    const { groupBy, valueFields, aliases } = correlations[0]!;
    expect(groupBy).toEqual(["u", "v", "who"]);
    expect(valueFields).toEqual(["target"]);
    expect(aliases[0]?.fields[0]?.field).toBe("name");
  });

  test("keep the names of fields that the step leaves out", () => {
    const step =
      "{ type: field_name_mapping, mapping: { User: u, Target: t }, field_name_conditions: [{ type: exclude_fields, fields: [User] }] }";
    const { groupBy, valueFields } = map(`group-by: [User]\n${condition}`, step).correlations[0]!;
    expect([groupBy, valueFields]).toEqual([["User"], ["t"]]);
  });

  test("are renamed only when one of their rules meets the condition", () => {
    const step =
      "{ type: field_name_mapping, mapping: { User: u }, rule_conditions: [{ type: logsource, product: linux }] }";
    expect(map(`group-by: [User]\n${condition}`, step).correlations[0]?.groupBy).toEqual(["User"]);
  });

  test("are left out, with an error, when a field that is counted would become several", () => {
    const { correlations, diagnostics } = map(condition, "{ type: field_name_mapping, mapping: { Target: [a, b] } }");
    expect(correlations).toEqual([]);
    expect(diagnostics[0]).toMatchObject({ file: "r.yml", line: 12, severity: "error", code: "pipeline_failure" });
  });
});

describe("a pipeline that cannot be used", () => {
  const faults = (text: string): string[] => {
    const { pipelines, diagnostics } = readPipelines([{ path: "p.yml", text }]);
    expect(pipelines).toBeUndefined();
    return diagnostics.map(
      ({ line, column, message, hint }) => `${line}:${column} ${message}${hint === "" ? "" : ` (${hint})`}`,
    );
  };

  test("is told with line, column and the nearest right word, all faults at once", () => {
    const text = [
      "name: p",
      "transformations:",
      "  - { type: field_name_maping, mapping: {} }",
      "  - { type: field_name_mapping, maping: {} }",
      "  - { type: field_name_suffix, suffix: x, prefix: y }",
      "  - { type: replace_string, regex: '(?=x)', replacement: y }",
      "  - { type: replace_string, regex: 'x', replacement: '\\2' }",
      "  - { type: rule_failure, message: m, rule_conditions: [{ type: logsorce, product: x }] }",
      "  - { type: rule_failure, message: m, rule_cond_op: xor }",
      "  - { type: http_placeholders, url: x }",
      "  - { type: add_condition, conditions: { A|contians: x } }",
    ].join("\n");
    expect(faults(text)).toEqual([
      "3:13 Cannot read transformation 'field_name_maping': there is no such transformation (did you mean 'field_name_mapping'?)",
      "4:7 Cannot read transformation 'field_name_mapping': it has no 'mapping' (is it 'maping'?)",
      "5:43 Cannot read transformation 'field_name_suffix': it has no 'prefix'",
      expect.stringMatching(
        /^6:36 Cannot read transformation 'replace_string': '\(\?=x\)' is no regular expression: .* \(RE2 syntax: no look-around, no back-references\)$/,
      ),
      "7:54 Cannot read transformation 'replace_string': 'replacement' cannot be used: there is no group 2",
      "8:65 Cannot read condition 'logsorce': there is no such condition here (did you mean 'logsource'?)",
      "9:53 Cannot read transformation 'rule_failure': 'rule_cond_op' is none of and, or (did you mean 'or'?)",
      "10:13 Cannot read transformation 'http_placeholders': pipelines ask nobody here; give values with value_placeholders and vars",
      "11:44 Cannot read 'A|contians': unknown modifier 'contians' (did you mean 'contains'?)",
    ]);
  });

  test("is told when it is no pipeline, and when its YAML is broken", () => {
    expect(faults("- a")[0]).toStartWith("1:1 Cannot read pipeline: the document is not a map");
    expect(faults("name: [")).toHaveLength(1);
    expect(faults("nmae: x\ntransformations: []")[0]).toBe(
      "1:1 Cannot read pipeline: it has no 'nmae' (did you mean 'name'?)",
    );
    expect(faults("transformations: { a: 1 }")[0]).toContain("not a list");
  });

  test("takes nothing with it that is only about queries of other programs", () => {
    const { pipelines, diagnostics } = readPipelines([
      { path: "p.yml", text: "name: p\npostprocessing: [{ type: x }]\ntransformations: []\n" },
    ]);
    expect(pipelines?.names).toEqual(["p"]);
    expect(diagnostics.map(({ severity, code }) => [severity, code])).toEqual([["warning", "no_meaning"]]);
  });

  test("cannot make a rule grow without end", () => {
    const doubling = items(...Array.from({ length: 30 }, () => "{ type: field_name_mapping, mapping: { A: [A, A] } }"));
    expect(refusal("sel: { A: x }", doubling)).toContain("more than 20000 items");
    const growing = items(
      ...Array.from({ length: 30 }, () => "{ type: replace_string, regex: '(a+)', replacement: '\\1\\1\\1' }"),
    );
    expect(refusal("sel: { A: a }", growing)).toContain("at most 16384 are read");
  });

  test("is a value, never an exception, whatever the text", () => {
    const word = fc.constantFrom(
      "name: p\n",
      "transformations:\n",
      "  - type: ",
      "field_name_mapping\n",
      "    mapping: ",
      "{ A: b }\n",
      "    rule_conditions:\n",
      "      - type: logsource\n",
      "[",
      "]",
      "{",
      "\n",
      "vars: ",
      "nest\n",
      "    items:\n",
      "  ",
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 30 }), (words) => {
        const { pipelines } = readPipelines([{ path: "p", text: words.join("") }]);
        if (pipelines !== undefined) parseSigma(ruleText("sel: { A: x }"), "r.yml", { pipelines });
      }),
    );
  });
});

test("replacements are written as in Python", () => {
  const regex = EditingRegex.compile("(?P<first>a)(b)?");
  if ("fault" in regex) throw new Error(regex.fault);
  expect(regex.replaceAll("ab-a", "[\\g<first>|\\2|\\g<0>|\\\\|\\q]")).toBe("[a|b|ab|\\|\\q]-[a||a|\\|\\q]");
});

test("the reference page names every transformation and condition", () => {
  const page = readFileSync(join(import.meta.dir, "../../../../docs/reference/pipelines.md"), "utf8");
  const names = [transformations, ruleConditions, itemConditions, fieldConditions].flatMap((table) =>
    Object.keys(table),
  );
  expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});
