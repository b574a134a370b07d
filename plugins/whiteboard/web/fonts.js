// Excalidraw's fonts come from our own server and from nowhere else.
//
// Excalidraw adds a public CDN as the last source of each font. A school's network must not see a request
// to a stranger because a pupil typed a letter, so foreign sources are taken out before the browser has them.
// Chinese handwriting is not among our fonts (13 MB); such text is drawn in a font of the device.
export const ASSETS = "/api/v1/boards/assets/";

const own = (source) => {
  const found = /url\(\s*['"]?([^'")]+)/.exec(source);
  return !found || found[1].startsWith("data:") || new URL(found[1], location.href).origin === location.origin;
};

export function useOwnFonts() {
  if (typeof window === "undefined" || window.EXCALIDRAW_ASSET_PATH === ASSETS) return;
  window.EXCALIDRAW_ASSET_PATH = ASSETS;
  const Native = window.FontFace;
  window.FontFace = class FontFace extends Native {
    constructor(family, source, descriptors) {
      const kept = typeof source === "string" ? source.split(/,\s*(?=url\()/).filter(own).join(", ") : source;
      super(family, kept || "local('sans-serif')", descriptors);
    }
  };
}
