/** Small pieces of SVG. */

const FONT = "DejaVu Sans, Verdana, sans-serif";

/** Text that may stand in XML, also in an attribute. */
export function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/g, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

/** A whole SVG document. */
export function renderSvg(
  width: number,
  height: number,
  title: string,
  style: string,
  body: readonly string[],
): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" font-family="${FONT}" font-size="13">`,
    `<title>${escapeXml(title)}</title>`,
    `<style>${style}</style>`,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    ...body,
    "</svg>",
    "",
  ].join("\n");
}

/** Coordinates need no more than a hundredth of a pixel. */
export function coordinate(value: number): string {
  return String(Math.round(value * 100) / 100);
}
