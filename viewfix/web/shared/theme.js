/** The theme, "system", "light" or "dark": sets the colours of the page and tells listeners whether it is dark. */

const REMEMBERED = "viewfix.theme";
const THEMES = ["system", "light", "dark"];
const darkDevice = matchMedia("(prefers-color-scheme: dark)");
/** @type {Set<(dark: boolean) => void>} */
const listeners = new Set();
let wanted = "system";

/** @returns {string} the theme that was chosen */
export function theme() {
  return wanted;
}

/** @returns {boolean} */
export function isDark() {
  return wanted === "system" ? darkDevice.matches : wanted === "dark";
}

/** @param {string} choice @param {{remember?: boolean}} [options] */
export function setTheme(choice, { remember = true } = {}) {
  wanted = THEMES.includes(choice) ? choice : "system";
  if (wanted === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = wanted;
  if (remember) {
    try {
      localStorage.setItem(REMEMBERED, wanted);
    } catch {
      // storage is not allowed: the choice holds until the page is closed
    }
  }
  for (const listener of listeners) listener(isDark());
}

/** Use the theme that was chosen before. */
export function startTheme() {
  let before = null;
  try {
    before = localStorage.getItem(REMEMBERED);
  } catch {
    // storage is not allowed: the device decides
  }
  setTheme(before ?? "system", { remember: false });
}

/** @param {(dark: boolean) => void} listener */
export function onTheme(listener) {
  listeners.add(listener);
}

darkDevice.addEventListener("change", () => {
  if (wanted === "system") for (const listener of listeners) listener(isDark());
});
