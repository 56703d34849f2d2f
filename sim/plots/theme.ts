/** Colours of plots, on light and on dark ground. */

/** `auto` is light, and dark where the reader's browser is. */
export type Theme = "auto" | "light" | "dark";
export const THEMES = ["auto", "light", "dark"] as const satisfies readonly Theme[];

interface Colours {
  readonly ground: string;
  readonly text: string;
  readonly faint: string;
  readonly series: readonly string[];
}

/** Okabe and Ito's colours, which colour-blind people can tell apart, as dark as text may be. */
const LIGHT: Colours = {
  ground: "#ffffff",
  text: "#1b1f24",
  faint: "#d5d9de",
  series: ["#0072b2", "#c04a00", "#00795a", "#a3477c", "#8a6d00", "#3b7fa6", "#5a5a5a", "#7a3fb0"],
};
const DARK: Colours = {
  ground: "#14171b",
  text: "#e8eaed",
  faint: "#3a4048",
  series: ["#56b4e9", "#ff9d4d", "#2ecc9e", "#e69ac4", "#e6c229", "#9ad0f0", "#b5b5b5", "#c79cf2"],
};

/** So many series have a colour of their own; more are told apart by their dashes. */
export const SERIES_COLOURS = LIGHT.series.length;

/** The style sheet of a plot, for classes `ground`, `text`, `grid` and `s0`, `s1`, … */
export function renderStyle(theme: Theme): string {
  if (theme !== "auto") return rules(theme === "dark" ? DARK : LIGHT);
  return `${rules(LIGHT)} @media (prefers-color-scheme: dark) { ${rules(DARK)} }`;
}

function rules({ ground, text, faint, series }: Colours): string {
  return [
    `.ground { fill: ${ground} }`,
    `.text { fill: ${text} }`,
    `.grid { stroke: ${faint} }`,
    `.node { fill: ${text} }`,
    ...series.map((colour, i) => `.s${i} { stroke: ${colour} } .f${i} { fill: ${colour} }`),
  ].join(" ");
}
