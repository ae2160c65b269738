/** An answer as elements: the verdict, what is nearby, the candidates beside the query, the credits. */
import { element, linkOut, webAddress } from "./dom.js";
import { icon } from "./icons.js";
import { compass, day, distance, has, nameAndLanguage, named, number, percent, t, whereabouts } from "./language.js";
import { linksView } from "./links.js";

const SURENESS = [[0.95, "sure"], [0.8, "very_likely"], [0.6, "likely"], [0.4, "perhaps"], [0, "guess"]];
const LINKS = ["wikipedia", "website", "wikidata"];
const MOST_CANDIDATES = 50; // far more than are asked for: a bound for answers that are not what they should be
const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {object} Showing
 * @property {string | null} [query] blob: address of the photo that was asked about; null if it cannot be shown
 * @property {boolean} [shared] an answer from a link
 * @property {(address: string, large: boolean) => Promise<string>} [picture] turns the address of a thumbnail into one that
 *   an image can show; `large` if it is shown beside the query
 * @property {(candidate: import("./types.js").Candidate) => void} [onInliers] without it, no button for matching points
 * @property {(index: number) => void} [onCandidate]
 * @property {(index: number) => void} [onSight]
 * @property {HTMLElement[]} [actions] buttons under the verdict
 * @property {HTMLElement[]} [advice] list items: what else can be tried if the photo was not found
 */

/**
 * @param {import("./types.js").Answer} answer
 * @param {Showing} showing
 * @returns {{element: HTMLElement, heading: HTMLElement, choose: (index: number) => void, point: (index: number) => void}}
 *   `heading` takes the focus; `choose` shows a candidate, `point` highlights a sight in the list
 */
export function answerView(answer, showing = {}) {
  const { candidates, nearby } = answer.properties;
  const { top, heading } = answer.properties.found ? foundTop(answer, showing) : notFoundTop(answer, showing);
  const compared = candidates.length > 0 ? comparison(answer, showing) : null;
  const list = nearby.length > 0 ? sights(nearby, showing) : null;
  const whole = element(
    "article",
    { class: "answer" },
    top,
    list?.element,
    compared?.element,
    answer.properties.found ? linksView(answer) : null,
    answer.properties.reason ? reason(answer) : null,
    credits(answer.properties.attribution),
  );
  return { element: whole, heading, choose: compared?.choose ?? (() => {}), point: list?.point ?? (() => {}) };
}

/** What a screen reader says when the answer arrives. @param {import("./types.js").Answer} answer */
export function spoken(answer) {
  const { found, heading_deg, nearby } = answer.properties;
  if (!found) return t("not_found.title") + ". " + t("not_found.kind");
  const parts = [t(`sureness.${sureness(answer)}`), likely(answer)];
  if (heading_deg !== null) parts.push(t("answer.looking", { direction: compass(heading_deg) }));
  if (nearby.length > 0) parts.push(t("nearby.count", { count: nearby.length }));
  return parts.filter((part) => part !== "").map((part) => part.replace(/\.?$/, ".")).join(" ");
}

/** @param {import("./types.js").Answer} answer */
function sureness(answer) {
  const confidence = answer.properties.confidence;
  if (confidence === null) return "somewhere";
  return SURENESS.find(([least]) => confidence >= least)?.[1] ?? "guess";
}

/** "94% likely to be within 8 m of this point". @param {import("./types.js").Answer} answer */
function likely({ properties: { confidence, radius_m } }) {
  if (confidence === null) return radius_m === null ? "" : t("answer.within", { distance: distance(radius_m) });
  const parameters = { percent: percent(confidence), distance: radius_m === null ? "" : distance(radius_m) };
  return t(radius_m === null ? "answer.likely" : "answer.likely_within", parameters);
}

function foundTop(answer, showing) {
  const { confidence, heading_deg } = answer.properties;
  const [lon, lat] = answer.geometry.coordinates;
  const heading = element("h2", { tabindex: "-1", class: "verdict-title" }, t(`sureness.${sureness(answer)}`));
  const facts = element("ul", { class: "facts" });
  if (heading_deg !== null) {
    const turned = icon("arrow");
    turned.style.transform = `rotate(${Number(heading_deg)}deg)`;
    const looking = t("answer.looking", { direction: compass(heading_deg) });
    facts.append(element("li", {}, turned, `${looking} (${number(heading_deg, { maximumFractionDigits: 0 })}°)`));
  }
  facts.append(element("li", {}, icon("pin"), element("span", { class: "coordinates" }, `${lat.toFixed(6)}, ${lon.toFixed(6)}`)));
  const words = element("div", {}, element("p", { class: "kicker" }, t(showing.shared ? "shared.kicker" : "answer.kicker")), heading, element("p", { class: "likely" }, likely(answer)));
  const top = element(
    "header",
    { class: "verdict" },
    element("div", { class: "verdict-head" }, confidence === null ? null : ring(confidence), words),
    facts,
    element("div", { class: "actions" }, ...(showing.actions ?? [])),
  );
  return { top, heading };
}

function notFoundTop(answer, showing) {
  const heading = element("h2", { tabindex: "-1", class: "verdict-title" }, t("not_found.title"));
  const { confidence, candidates } = answer.properties;
  const why = candidates.length === 0 ? t("not_found.nothing_alike") : t("not_found.why", { percent: percent(confidence ?? 0) });
  const advice = [t("not_found.show_more"), t("not_found.coverage")].map((line) => element("li", {}, line));
  const top = element(
    "header",
    { class: "verdict not-found" },
    element("div", { class: "verdict-head" }, element("span", { class: "nowhere" }, icon("nowhere")),
      element("div", {}, heading, element("p", { class: "likely" }, t("not_found.kind")))),
    element("p", {}, why),
    element("h3", {}, t("not_found.what_now")),
    element("ul", { class: "advice" }, ...advice, ...(showing.advice ?? [])),
    element("div", { class: "actions" }, ...(showing.actions ?? [])),
  );
  return { top, heading };
}

/** The probability as a ring; the words beside it say the same. @param {number} confidence */
function ring(confidence) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 64 64");
  const length = 2 * Math.PI * 27;
  for (const kind of ["track", "share"]) {
    const round = document.createElementNS(SVG, "circle");
    for (const [key, value] of Object.entries({ class: kind, cx: 32, cy: 32, r: 27 })) round.setAttribute(key, String(value));
    if (kind === "share") round.setAttribute("stroke-dasharray", `${length * Math.min(1, Math.max(0, confidence))} ${length}`);
    drawing.append(round);
  }
  return element("div", { class: "ring", "aria-hidden": "true" }, drawing, element("span", {}, percent(confidence)));
}

function sights(nearby, showing) {
  const rows = nearby.map((each, index) => {
    const turned = icon("arrow");
    turned.style.transform = `rotate(${Number(each.bearing_deg)}deg)`;
    const show = element("button", { type: "button", class: "sight", onclick: () => showing.onSight?.(index) },
      element("span", { class: "sight-arrow" }, turned),
      element("span", { class: "sight-words" },
        element("span", { class: "sight-name" }, named(each)),
        element("span", { class: "sight-where" }, kindAndPlace(each))));
    return element("li", {}, show, ...links(each));
  });
  const point = (index) => {
    rows[index]?.scrollIntoView({ block: "nearest" });
    rows[index]?.querySelector("button")?.focus();
  };
  const title = element("h3", {}, t("nearby.title"));
  return { element: element("section", { class: "sights" }, title, element("ul", {}, ...rows)), point };
}

/** "museum · ahead, 120 m". @param {import("./types.js").Nearby} nearby */
function kindAndPlace(nearby) {
  const key = `kind.${nearby.kind.split("=").pop()}`;
  return has(key) ? `${t(key)} · ${whereabouts(nearby)}` : whereabouts(nearby);
}

/** @param {import("./types.js").Nearby} nearby */
function links(nearby) {
  const [kind, address] = bestLink(nearby);
  if (kind === null) return [];
  const link = linkOut(address, t(`nearby.${kind}`));
  link.className = "sight-link";
  link.setAttribute("aria-label", t("nearby.link", { name: named(nearby), site: t(`nearby.${kind}`) }));
  link.append(icon("out"));
  return [link];
}

/**
 * The link that tells most about a sight, in the language of its name: where the article is in another one, Wikidata leads
 * to the article in this one; without an item only one in English will do. The same as best_link in viewfix/pois/links.py.
 * @param {import("./types.js").Nearby} nearby
 * @returns {["wikipedia" | "website" | "wikidata", string] | [null, ""]}
 */
function bestLink(nearby) {
  const { wikipedia: article, website, wikidata: item } = Object.fromEntries(LINKS.map((kind) => [kind, webAddress(nearby.links?.[kind])]));
  const [, code] = nameAndLanguage(nearby);
  if (article && code && new URL(article).hostname !== `${code}.wikipedia.org`) {
    if (!item && new URL(article).hostname === "en.wikipedia.org") return ["wikipedia", article];
    if (!item) return website ? ["website", website] : [null, ""];
    return ["wikipedia", `https://www.wikidata.org/wiki/Special:GoToLinkedPage/${code}wiki/${item.split("/").pop()}`];
  }
  if (article) return ["wikipedia", article];
  if (website) return ["website", website];
  return item ? ["wikidata", item] : [null, ""];
}

function comparison(answer, showing) {
  const candidates = answer.properties.candidates.slice(0, MOST_CANDIDATES);
  const stage = element("div", { class: "stage" });
  const strip = element("div", { class: "strip", role: "group", "aria-label": t("candidates.choose") });
  const buttons = candidates.map((candidate, index) =>
    element("button", { type: "button", class: "thumb", "aria-pressed": "false", onclick: () => choose(index, true) },
      picture(candidate, "", false, showing), element("span", { class: "thumb-number" }, number(index + 1))));
  buttons.forEach((button, index) => button.setAttribute("aria-label", t("candidates.number", { number: index + 1 })));
  if (buttons.length > 1) strip.append(...buttons);

  /** @param {number} index @param {boolean} tell */
  function choose(index, tell) {
    if (candidates[index] === undefined) return;
    buttons.forEach((button, other) => button.setAttribute("aria-pressed", String(other === index)));
    stage.replaceChildren(...pair(candidates[index], index, showing));
    if (tell) showing.onCandidate?.(index);
  }

  choose(0, false);
  const title = t(answer.properties.found ? "candidates.title" : "candidates.title_not_found");
  const section = element("section", { class: "comparison" }, element("h3", {}, title), stage, strip);
  return { element: section, choose: (/** @type {number} */ index) => choose(index, false) };
}

function pair(candidate, index, showing) {
  const query = showing.query
    ? element("img", { src: showing.query, alt: t("candidates.query") })
    : element("div", { class: "no-picture" }, t("candidates.query_not_shown"));
  if (query instanceof HTMLImageElement) query.addEventListener("error", () => query.replaceWith(element("div", { class: "no-picture" }, t("candidates.query_not_shown"))));
  const both = element(
    "div",
    { class: "pair" },
    element("figure", {}, query, element("figcaption", {}, t("candidates.query"))),
    element("figure", {}, picture(candidate, t("candidates.number", { number: index + 1 }), true, showing),
      element("figcaption", {}, t("candidates.of_map", { number: index + 1 }))),
  );
  const button = showing.onInliers && candidate.thumbnail !== null
    ? element("button", { type: "button", class: "button quiet", onclick: () => showing.onInliers(candidate) }, icon("matches"), t("inliers.show"))
    : null;
  return [both, element("ul", { class: "about-candidate" }, ...about(candidate).map((line) => element("li", {}, line))), button ?? ""];
}

/** @param {import("./types.js").Candidate} candidate @returns {string[]} */
function about(candidate) {
  const lines = [t("candidates.similarity", { similarity: twoDigits(candidate.similarity) })];
  if (candidate.inliers !== null) lines.push(t("candidates.inliers", { count: candidate.inliers }));
  const taken = candidate.taken_at === null ? null : day(candidate.taken_at);
  if (taken !== null) lines.push(t("candidates.taken", { day: taken }));
  const owed = [candidate.attribution, candidate.licence].filter(Boolean).join(", ");
  if (owed) lines.push(t("candidates.owed", { owed }));
  lines.push(t("candidates.id", { id: candidate.id }));
  return lines;
}

/** A similarity as it stands in the reason of an answer, so that both agree. @param {number} similarity */
const twoDigits = (similarity) => number(similarity, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** The picture of a candidate, or an empty box if it must not be shown or cannot be loaded. */
function picture(candidate, alt, large, { picture: address = async (/** @type {string} */ same) => same }) {
  const empty = () => element("div", { class: "no-picture" }, alt === "" ? "" : t("candidates.not_shown"));
  if (candidate.thumbnail === null) return empty();
  const image = /** @type {HTMLImageElement} */ (element("img", { alt, loading: "lazy" }));
  image.addEventListener("error", () => image.replaceWith(empty()));
  address(candidate.thumbnail, large).then((source) => (image.src = source), () => image.replaceWith(empty()));
  return image;
}

/** The sentence of the server, always English, and what its numbers mean. */
function reason(answer) {
  const { took_ms, verify } = answer.properties;
  const lines = [element("p", { lang: "en" }, answer.properties.reason), element("p", {}, t("reason.similarity"))];
  if (took_ms !== undefined && took_ms !== null) lines.push(element("p", {}, t("reason.took", { seconds: number(took_ms / 1000, { maximumSignificantDigits: 2 }) })));
  if (verify && has(`verify.${verify}`)) lines.push(element("p", {}, t("reason.verify", { how: t(`verify.${verify}`) })));
  return element("details", { class: "reason" }, element("summary", {}, t("reason.title")), ...lines);
}

/** @param {string[]} attribution */
function credits(attribution) {
  const owed = (attribution ?? []).filter(Boolean);
  return owed.length === 0 ? null : element("p", { class: "credits" }, t("credits.owed", { owed: owed.join(" · ") }));
}
