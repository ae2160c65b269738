// The first screen: starts the pack that is installed, or installs it first, with a progress bar.

import { preferredLanguage, speak, t } from "../shared/language.js";
import { InstallError, install, offered } from "./install.js";
import { currentVersion, holdVersion } from "./stored.js";

const version = document.documentElement.dataset.version ?? "";
const says = /** @type {HTMLElement} */ (document.getElementById("start-says"));
const bar = /** @type {HTMLProgressElement} */ (document.getElementById("start-progress"));
const again = /** @type {HTMLButtonElement} */ (document.getElementById("start-again"));
const RELOADED = "viewfix.reloaded";

async function start() {
  if (location.protocol === "file:") return; // the page itself says what to do
  document.getElementById("start-help")?.remove();
  await speak(preferredLanguage());
  if (!isSecureContext || !("serviceWorker" in navigator) || !("caches" in globalThis)) return tell(t("phone.needs_https"));
  try {
    const isKept = (await registered()) && (await currentVersion()) === version;
    if (isKept && (crossOriginIsolated || !mayReload())) return await open();
    if (!isKept) await installed();
    restart();
  } catch (error) {
    const kind = error instanceof InstallError ? error.kind : "network";
    console.warn(error);
    tell(t(`phone.install_${kind}`));
    again.textContent = t("failure.again");
    again.hidden = false;
    bar.hidden = true;
  }
}

/** Whether a service worker answers for this page; on the first visit one has to be started. */
async function registered() {
  await navigator.serviceWorker.register(new URL("../../sw.js", import.meta.url), { updateViaCache: "none" }).catch((error) => {
    if (!navigator.serviceWorker.controller) throw error; // without a network, the one that is there goes on
  });
  await navigator.serviceWorker.ready;
  return navigator.serviceWorker.controller !== null;
}

async function installed() {
  bar.hidden = false;
  tell(t("phone.installing"));
  const pack = await offered();
  await install(pack, (done, total) => {
    bar.value = Math.min(1, done / total);
    tell(t("phone.installing_bytes", { done: megabytes(done), total: megabytes(total) }));
  });
  await navigator.storage?.persist?.().catch(() => false);
}

const megabytes = (/** @type {number} */ bytes) => (bytes / 1e6).toFixed(1);

/** Reload: a page that came from the network has no threads, the same page from the service worker has them. */
function restart() {
  sessionStorage.setItem(RELOADED, String(Number(sessionStorage.getItem(RELOADED) ?? 0) + 1));
  location.reload();
}

/** Twice at most: a browser that grants no threads is used without them. */
function mayReload() {
  return Number(sessionStorage.getItem(RELOADED) ?? 0) < 2;
}

async function open() {
  if (crossOriginIsolated) sessionStorage.removeItem(RELOADED);
  holdVersion(version);
  tell(t("phone.starting"));
  const { open: openApp } = await import("./app.js");
  try {
    await openApp(version);
  } catch (error) {
    console.warn(error);
    tell(t("phone.damaged", { message: /** @type {Error} */ (error).message }));
    await replaceDamaged();
  }
}

/** A version that cannot be opened gives way to another one, if the server has one. */
async function replaceDamaged() {
  const pack = await offered().catch(() => null);
  if (pack === null || pack.version === version) return;
  await installed();
  restart();
}

/** @param {string} text */
function tell(text) {
  says.textContent = text;
}

again.addEventListener("click", () => {
  again.hidden = true;
  start();
});
start();
