import { readFileSync } from "node:fs";
import { format } from "prettier";
import { expect, it } from "vitest";
import { renderScenarioReference } from "../../sim/scenario/print.ts";

const FIELDS = /(<!-- fields:[^\n]*-->\n)[\s\S]*?(<!-- \/fields -->)/;

it("stands in docs/simulation.md", async () => {
  const document = readFileSync("docs/simulation.md", "utf8");
  expect(document).toMatch(FIELDS);
  const expected = document.replace(
    FIELDS,
    (_, begin: string, end: string) => `${begin}\n${renderScenarioReference()}\n\n${end}`,
  );
  const formatted = await format(expected, { parser: "markdown", printWidth: 100 });
  await expect(formatted).toMatchFileSnapshot("../../docs/simulation.md");
});
