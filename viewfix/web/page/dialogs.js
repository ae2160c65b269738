/** The dialogs of the page: settings, the key, matching points, a link to copy. */
import { LANGUAGES, language, t } from "../shared/language.js";
import { setTheme, theme } from "../shared/theme.js";
import { element } from "../shared/dom.js";
import { drawInliers } from "./inliers.js";
import { ServiceError } from "./service.js";

/** @param {string} id @returns {any} */
const byId = (id) => document.getElementById(id);

/** Let every dialog be closed by its button or a click outside; the browser itself closes it on Escape. */
export function prepareDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.querySelector("[data-close]")?.addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close(); // its content fills it: only the backdrop is the dialog itself
    });
  }
}

/**
 * @param {{onLanguage: (code: string) => void, onVerify: (how: string) => void, onForget: () => void}} how
 * @returns {(now: {ways: string[], verify: string, hasKey: boolean}) => void} opens the settings
 */
export function settingsDialog({ onLanguage, onVerify, onForget }) {
  const [dialog, languages, verify, forget] = ["settings", "choose-language", "choose-verify", "forget-key"].map(byId);
  for (const [code, name] of Object.entries(LANGUAGES)) languages.append(element("option", { value: code, lang: code }, name));
  languages.addEventListener("change", () => onLanguage(languages.value));
  verify.addEventListener("change", () => onVerify(verify.value));
  forget.addEventListener("click", () => {
    forget.hidden = true;
    onForget();
  });
  for (const radio of dialog.querySelectorAll("[name=theme]")) radio.addEventListener("change", () => setTheme(radio.value));
  return (now) => {
    languages.value = language();
    dialog.querySelector(`[name=theme][value=${theme()}]`).checked = true;
    verify.replaceChildren(...["", ...now.ways].map((way) => element("option", { value: way }, t(`verify.${way || "usual"}`))));
    verify.value = now.verify;
    byId("verify-field").hidden = now.ways.length < 2;
    forget.hidden = !now.hasKey;
    dialog.showModal();
  };
}

/**
 * Ask for the server's key.
 * @param {boolean} wasWrong a key was given, and refused
 * @returns {Promise<string | null>} null if the user closed the dialog
 */
function askForKey(wasWrong) {
  const [dialog, form, value, wrong] = ["key", "key-form", "key-value", "key-wrong"].map(byId);
  value.value = "";
  wrong.textContent = wasWrong ? t("key.wrong") : "";
  dialog.returnValue = "";
  dialog.showModal();
  value.focus();
  return new Promise((tell) => {
    let given = null;
    const submitted = () => (given = value.value.trim() || null);
    form.addEventListener("submit", submitted);
    dialog.addEventListener("close", () => (form.removeEventListener("submit", submitted), tell(given)), { once: true });
  });
}

/**
 * Run a request; if the server requires a key, ask the user for one and run it again.
 * @template T
 * @param {import("./service.js").Service} service @param {() => Promise<T>} request
 * @returns {Promise<T>}
 */
export async function withKey(service, request) {
  for (;;) {
    try {
      return await request();
    } catch (error) {
      if (!(error instanceof ServiceError) || error.kind !== "key") throw error;
      const key = await askForKey(service.key !== null);
      if (key === null) throw error;
      service.key = key;
    }
  }
}

/** Show a link, for browsers that do not let a page write to the clipboard. @param {string} link */
export function showLink(link) {
  byId("link-value").value = link;
  byId("link").showModal();
  byId("link-value").select();
}

/**
 * Show the points that the query shares with a photo of the map.
 * @param {Blob} query
 * @param {() => Promise<string>} thumbnail address of the other picture
 * @param {(signal: AbortSignal) => Promise<import("./inliers.js").Matches & {count: number}>} ask
 */
export async function showInliers(query, thumbnail, ask) {
  const [dialog, said, canvas, lines, drawing] = ["inliers", "inliers-said", "inliers-canvas", "inliers-lines", "inliers-drawing"].map(byId);
  const closed = new AbortController();
  dialog.addEventListener("close", () => closed.abort(), { once: true });
  said.textContent = t("inliers.loading");
  drawing.hidden = true;
  dialog.showModal();
  try {
    const [matches, mine, other] = await Promise.all([ask(closed.signal), bitmap(query), thumbnail().then(loaded, () => null)]);
    if (closed.signal.aborted) return;
    said.textContent = matches.count > 0 ? t("inliers.count", { count: matches.count }) : t("inliers.none");
    canvas.setAttribute("aria-label", t("inliers.drawing", { count: matches.count }));
    drawing.hidden = false;
    const draw = () => drawInliers(canvas, matches, { query: mine, photo: other }, { lines: lines.checked });
    draw();
    lines.addEventListener("change", draw, { signal: closed.signal });
    addEventListener("resize", draw, { signal: closed.signal });
  } catch (error) {
    if (closed.signal.aborted) return;
    const kind = /** @type {any} */ (error).kind;
    said.textContent = kind === "gone" ? t("inliers.missing") : t(`failure.${kind ?? "server"}`);
  }
}

/** @param {Blob} photo @returns {Promise<ImageBitmap | null>} upright; null if the browser cannot read it */
function bitmap(photo) {
  return createImageBitmap(photo, { imageOrientation: "from-image" }).catch(() => null);
}

/** @param {string} address @returns {Promise<HTMLImageElement | null>} */
async function loaded(address) {
  const image = new Image();
  image.src = address;
  return image.decode().then(() => image, () => null);
}
