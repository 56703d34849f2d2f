/** SVG to PNG, with a font of our own so that a machine without fonts draws the same bytes. */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/**
 * @param zoom  pixels for each unit of the drawing
 * @returns a PNG file
 */
export async function rasterise(svg: string, zoom: number): Promise<Uint8Array> {
  const { Resvg } = await import("@resvg/resvg-js");
  const image = new Resvg(svg, {
    fitTo: { mode: "zoom", value: zoom },
    font: {
      loadSystemFonts: false,
      fontFiles: [require.resolve("dejavu-fonts-ttf/ttf/DejaVuSans.ttf")],
      defaultFontFamily: "DejaVu Sans",
    },
  });
  return image.render().asPng();
}
