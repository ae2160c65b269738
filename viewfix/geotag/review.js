"use strict";
// The review page of `viewfix geotag`: a plan of the proposed places, and a decision about each photo.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const STATES = { placed: "new position", unsure: "not sure", wrong: "contradicts its own position",
    positioned: "has a position", written: "written already", skipped: "cannot be read" };
  const MOVED_RADIUS_M = 10;

  const items = data.items.map((item, index) => ({ ...item, index, decision: item.state === "placed"
    || (item.state === "wrong" && data.mend) ? "accept" : null, at: item.tag ? [item.tag.lat, item.tag.lon] : null,
    moved: false }));
  const decidable = (item) => !["positioned", "written", "skipped"].includes(item.state);
  let current = null, moving = null, unsaved = false;

  // The list

  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
      else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
    }
    made.append(...children.filter((each) => each !== null));
    return made;
  };
  const figure = (source, alt, caption) => element("figure", {},
    source ? element("img", { src: source, alt, loading: "lazy", decoding: "async" }) : element("p", { class: "absent" }, "no picture"),
    element("figcaption", {}, caption));
  const percent = (value) => `${Math.min(Math.floor(100 * value), 99)} %`;

  function card(item) {
    const tag = item.tag;
    const button = (decision, text) => element("button", { type: "button", "aria-pressed": "false",
      "data-decision": decision, onclick: () => { select(item); decide(item, decision); } }, text);
    const name = tag && (tag.place || tag.road);
    const sure = tag && tag.confidence !== null ? `${percent(tag.confidence)} within ${Math.round(tag.radius_m)} m, by ${tag.by}` : null;
    item.field = element("input", { class: "field place", "aria-label": `Latitude and longitude of ${item.photo}`,
      placeholder: "latitude, longitude", value: item.at ? text(item.at) : "", onchange: () => typed(item) });
    item.said = element("span", { class: "soft" });
    item.card = element("li", { class: "item", onfocusin: () => select(item), onclick: () => select(item) },
      element("div", { class: "pictures" }, figure(item.picture, item.photo, "your photo"),
        item.like ? figure(item.like, item.likeName, `like ${item.likeName}`) : null),
      element("div", {},
        element("h2", {}, item.photo),
        element("p", { class: "soft" }, element("span", { class: "say" }, STATES[item.state]), ` ${item.takenAt || "no time"}`),
        sure ? element("p", {}, element("b", {}, sure), name ? `, ${name}` : "") : null,
        element("p", { class: "soft" }, item.reason)),
      decidable(item) ? element("div", { class: "wide-part" }, item.field,
        element("div", { class: "deeds" }, button("accept", "Accept"), button("reject", "Reject"),
          element("button", { type: "button", onclick: () => { select(item); move(item); } }, "Place on the plan")),
        item.said) : null);
    return item.card;
  }

  const text = ([lat, lon]) => `${lat.toFixed(6)}, ${lon.toFixed(6)}`;

  function typed(item) {
    const found = /^\s*(-?\d+(?:\.\d+)?)\s*[,; ]\s*(-?\d+(?:\.\d+)?)\s*$/.exec(item.field.value);
    const at = found && [Number(found[1]), Number(found[2])];
    if (at && Math.abs(at[0]) <= 90 && Math.abs(at[1]) <= 180) { put(item, at); look(item); }
    else { item.field.value = item.at ? text(item.at) : ""; say("Type latitude and longitude in degrees, such as 60.170412, 24.941873"); }
  }

  function decide(item, decision) {
    if (decision === "accept" && !item.at) { move(item); return; }
    item.decision = item.decision === decision ? null : decision;
    unsaved = true;
    show(item);
    count();
    draw();
  }

  function put(item, at) {
    item.at = at; item.moved = true; item.decision = "accept"; item.field.value = text(at); unsaved = true;
    show(item); count(); draw();
  }

  function show(item) {
    item.card.className = `item ${item.decision || ""} ${item === current ? "current" : ""}`;
    for (const button of item.card.querySelectorAll("[data-decision]")) {
      button.setAttribute("aria-pressed", String(button.dataset.decision === item.decision));
    }
    item.said.textContent = item.moved ? "placed by hand" : "";
  }

  function select(item, scroll = false) {
    if (item === current) return;
    const before = current;
    current = item;
    if (moving && moving !== item) move(null);
    if (before) show(before);
    show(item);
    if (scroll) item.card.scrollIntoView({ block: "start", behavior: "smooth" });
    else look(item);
    draw();
  }

  function count() {
    const accepted = items.filter((item) => item.decision === "accept").length;
    const rejected = items.filter((item) => item.decision === "reject").length;
    const open = items.filter((item) => decidable(item) && !item.decision).length;
    $("count").textContent = `${accepted} accepted, ${rejected} rejected, ${open} open`;
  }

  // The plan: metres east and north of the middle of everything

  const canvas = $("plan"), pen = canvas.getContext("2d");
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const places = items.flatMap((item) => [item.at, item.own].filter(Boolean));
  const known = places.length ? places : data.dots;
  const origin = known.length ? known[Math.floor(known.length / 2)] : [0, 0];
  const NORTH = 110574, EAST = Math.max(111320 * Math.cos(origin[0] * Math.PI / 180), 1);
  const around = (degrees) => ((degrees + 540) % 360) - 180;
  const metres = ([lat, lon]) => [around(lon - origin[1]) * EAST, (lat - origin[0]) * NORTH];
  const degrees = ([east, north]) => [origin[0] + north / NORTH, around(origin[1] + east / EAST)];
  const dots = data.dots.map(metres), roads = data.roads.map((line) => line.map(metres));
  const view = { east: 0, north: 0, scale: 1 };
  const pixel = ([east, north]) => [canvas.clientWidth / 2 + (east - view.east) * view.scale,
    canvas.clientHeight / 2 - (north - view.north) * view.scale];
  const ground = (x, y) => [view.east + (x - canvas.clientWidth / 2) / view.scale,
    view.north - (y - canvas.clientHeight / 2) / view.scale];

  function fit() {
    const all = known.map(metres);
    if (!all.length) return;
    const [east, north] = [0, 1].map((axis) => all.map((each) => each[axis]).sort((a, b) => a - b));
    const ends = (values) => [values[0], values[values.length - 1]];
    const [west, right] = ends(east), [south, top] = ends(north);
    view.east = (west + right) / 2; view.north = (south + top) / 2;
    view.scale = Math.min((canvas.clientWidth - 60) / Math.max(right - west, 60),
      (canvas.clientHeight - 60) / Math.max(top - south, 60));
  }

  function look(item) {
    const at = item.at || item.own;
    if (!at) return;
    [view.east, view.north] = metres(at);
    view.scale = Math.max(view.scale, canvas.clientHeight / 600);
    draw();
  }

  function circle([x, y], radius, fill, line) {
    pen.beginPath(); pen.arc(x, y, radius, 0, 2 * Math.PI);
    if (fill) { pen.fillStyle = fill; pen.fill(); }
    if (line) { pen.strokeStyle = line; pen.stroke(); }
  }

  function draw() {
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const near = ([x, y]) => x > -20 && y > -20 && x < width + 20 && y < height + 20;
    pen.lineWidth = 3; pen.lineJoin = pen.lineCap = "round"; pen.strokeStyle = style("--line");
    pen.beginPath();
    for (const line of roads) {
      line.forEach((point, i) => { const [x, y] = pixel(point); if (i) pen.lineTo(x, y); else pen.moveTo(x, y); });
    }
    pen.stroke();
    for (const dot of dots) { const at = pixel(dot); if (near(at)) circle(at, 2.2, style("--photo")); }
    pen.lineWidth = 2;
    const colour = { accept: style("--good"), reject: style("--bad") };
    for (const item of [...items.filter((each) => each !== current), ...(current ? [current] : [])]) marker(item, colour, near);
    scaleBar(width, height);
  }

  function marker(item, colour, near) {
    const paper = style("--card"), at = item.at && pixel(metres(item.at)), own = item.own && pixel(metres(item.own));
    const shade = colour[item.decision] || style("--accent");
    if (own && near(own)) {
      pen.fillStyle = style("--photo"); pen.fillRect(own[0] - 4, own[1] - 4, 8, 8);
      if (at && item === current) {
        pen.setLineDash([4, 4]); pen.strokeStyle = shade;
        pen.beginPath(); pen.moveTo(...own); pen.lineTo(...at); pen.stroke(); pen.setLineDash([]);
      }
    }
    if (!at || !near(at)) return;
    if (item === current) {
      const radius = (item.moved ? MOVED_RADIUS_M : item.tag.radius_m || 0) * view.scale;
      pen.globalAlpha = 0.18; circle(at, radius, shade); pen.globalAlpha = 1; circle(at, radius, null, shade);
      if (item.tag && item.tag.heading_deg !== null) {
        const angle = (item.tag.heading_deg - 90) * Math.PI / 180;
        pen.globalAlpha = 0.5; pen.fillStyle = shade; pen.beginPath(); pen.moveTo(...at);
        pen.arc(at[0], at[1], 34, angle - 0.45, angle + 0.45); pen.closePath(); pen.fill(); pen.globalAlpha = 1;
      }
    }
    circle(at, item === current ? 9 : 6, shade, paper);
  }

  function scaleBar(width, height) {
    const most = width / 4 / view.scale, power = 10 ** Math.floor(Math.log10(most));
    const length = Math.max(...[1, 2, 5].map((step) => step * power).filter((each) => each <= most));
    const x = width - 16 - length * view.scale, y = height - 14;
    pen.strokeStyle = pen.fillStyle = style("--ink"); pen.lineWidth = 1.5; pen.font = "600 12px system-ui, sans-serif";
    pen.beginPath(); pen.moveTo(x, y - 5); pen.lineTo(x, y); pen.lineTo(width - 16, y); pen.lineTo(width - 16, y - 5); pen.stroke();
    pen.textAlign = "right"; pen.fillText(length >= 1000 ? `${length / 1000} km` : `${length} m`, width - 16, y - 8);
  }

  function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
    const [east, north] = ground(x, y);
    view.scale = Math.min(Math.max(view.scale * factor, 1e-5), 50);
    const [east2, north2] = ground(x, y);
    view.east += east - east2; view.north += north - north2;
    draw();
  }

  function move(item) {
    moving = item;
    canvas.classList.toggle("moving", Boolean(item));
    say(item ? `Choose on the plan where ${item.photo} was taken. Escape leaves it.` : "");
    if (item) canvas.focus({ preventScroll: true });
  }

  function say(words) { $("hint").replaceChildren(...(words ? [element("span", {}, words)] : [])); }

  function chosen(x, y) {
    if (moving) { const item = moving; move(null); put(item, degrees(ground(x, y))); return; }
    let best = null, least = 22;
    for (const item of items) {
      if (!item.at && !item.own) continue;
      const [px, py] = pixel(metres(item.at || item.own)), away = Math.hypot(px - x, py - y);
      if (away < least && !item.card.hidden) { least = away; best = item; }
    }
    if (best) select(best, true);
  }

  const fingers = new Map();
  let travelled = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
    if (fingers.size === 1) travelled = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = [event.offsetX, event.offsetY];
    if (fingers.size === 2) {
      const other = [...fingers.entries()].find(([id]) => id !== event.pointerId)[1];
      const apart = (point) => Math.max(Math.hypot(point[0] - other[0], point[1] - other[1]), 1);
      zoom(apart(now) / apart(before), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      travelled = 99;
    } else {
      travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
      if (travelled > 5) {
        view.east -= (now[0] - before[0]) / view.scale; view.north += (now[1] - before[1]) / view.scale;
        draw();
      }
    }
    fingers.set(event.pointerId, now);
  });
  canvas.addEventListener("pointerup", (event) => {
    fingers.delete(event.pointerId);
    if (travelled <= 5) chosen(event.offsetX, event.offsetY);
  });
  canvas.addEventListener("pointercancel", (event) => fingers.delete(event.pointerId));
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const step = 40 / view.scale;
    const ways = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (ways[event.key]) { view.east += ways[event.key][0]; view.north += ways[event.key][1]; draw(); }
    else if (event.key === "+") zoom(1.5);
    else if (event.key === "-") zoom(1 / 1.5);
    else if (event.key === "Enter" && moving) chosen(canvas.clientWidth / 2, canvas.clientHeight / 2);
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") move(null); });
  $("in").addEventListener("click", () => zoom(1.5));
  $("out").addEventListener("click", () => zoom(1 / 1.5));
  new ResizeObserver(draw).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  // The bar

  const states = Object.keys(STATES).filter((state) => items.some((item) => item.state === state));
  $("filter").append(element("option", { value: "" }, `all ${items.length}`), ...states.map((state) =>
    element("option", { value: state }, `${items.filter((item) => item.state === state).length}: ${STATES[state]}`)));
  $("filter").addEventListener("change", () => {
    for (const item of items) item.card.hidden = Boolean($("filter").value) && item.state !== $("filter").value;
  });
  $("least").value = data.least;
  $("all").addEventListener("click", () => {
    const least = Number($("least").value);
    for (const item of items) {
      if (["placed", "unsure"].includes(item.state) && item.tag && !item.moved && item.decision !== "reject") {
        item.decision = item.tag.confidence >= least ? "accept" : null;
        show(item);
      }
    }
    unsaved = true; count(); draw();
  });

  function decision(item) {
    if (item.decision !== "accept") return { photo: item.photo, decision: item.decision };
    const heading = item.tag ? item.tag.heading_deg : null;
    const tag = item.moved ? { lat: item.at[0], lon: item.at[1], radius_m: MOVED_RADIUS_M, heading_deg: heading, by: "hand" } : item.tag;
    return { photo: item.photo, decision: "accept", ...tag };
  }

  $("save").addEventListener("click", () => {
    const told = { viewfix_geotag_decisions: data.form, root: data.root, target: data.target,
      photos: items.filter((item) => item.decision).map(decision) };
    const link = element("a", { download: data.savedAs,
      href: URL.createObjectURL(new Blob([JSON.stringify(told, null, 1)], { type: "application/json" })) });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    unsaved = false;
    $("file").textContent = data.savedAs;
    $("after").hidden = false;
    $("after").focus({ preventScroll: true });
  });
  window.addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });

  $("list").append(...items.map(card));
  items.filter(decidable).forEach(show);
  items.filter((item) => !decidable(item)).forEach((item) => { item.card.className = "item"; });
  fit(); count(); draw();
})();
