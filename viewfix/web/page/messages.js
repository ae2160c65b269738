/** Messages of the page: for screen readers, and lines that disappear by themselves. */

const TOAST_MS = 6000;
let timer = 0;

/** Say something to screen readers. @param {string} words */
export function say(words) {
  const said = document.getElementById("said");
  if (said) said.textContent = words;
}

/** Show a line that disappears by itself. @param {string} words */
export function toast(words) {
  const line = document.getElementById("toast");
  if (!line) return;
  line.textContent = words;
  clearTimeout(timer);
  timer = window.setTimeout(() => (line.textContent = ""), TOAST_MS);
}
