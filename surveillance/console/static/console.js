// Keys for people who work through lists, a look at a row beside the list, and a palette that finds
// whatever has a name. Everything here can be done without it, and single keys can be switched off:
// they are in the way of screen readers. Texts are set as texts; nothing becomes markup.
const OFF = "longwatch-keys-off";
const RECENT = "longwatch-recent";
const N_RECENT = 8;
const byId = (id) => document.getElementById(id);
const rows = () => [...document.querySelectorAll("tr.matter")];
const dialog = byId("keys");
const opener = byId("show-keys");
const toggle = byId("keys-on");
const isOff = () => localStorage.getItem(OFF) === "1";
let here = -1;
let isGoing = false;

function made(tag, text, attributes = {}) {
  const element = document.createElement(tag);
  element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function move(by) {
  const all = rows();
  if (!all.length) return;
  all[here]?.classList.remove("here");
  here = Math.min(Math.max(here + by, 0), all.length - 1);
  all[here].classList.add("here");
  all[here].scrollIntoView({ block: "nearest" });
  all[here].querySelector("a.open")?.focus({ preventScroll: true });
  if (!byId("peek").hidden) peek();
}

function go(letter) {
  const found = document.querySelector(`nav a[data-key="${letter}"]`);
  if (found) location.assign(found.href);
}

// --- A look at a matter beside the list ----------------------------------------------------------

const inWords = (value) => (value === null || value === undefined ? "\u2013" : String(value));
const nameOf = (key) => key.slice(key.indexOf(":") + 1);

function facts(pairs) {
  const list = document.createElement("dl");
  for (const [name, value] of pairs) list.append(made("dt", name), made("dd", inWords(value)));
  return list;
}

function shown(matter) {
  const found = [made("h2", `${nameOf(matter.product)} and ${nameOf(matter.event)}`)];
  const rank = matter.rank ? `${matter.rank.rank} of ${matter.rank.n_ranked}` : "not on the list";
  const seen = matter.seen ? `${matter.seen.by}, ${matter.seen.on}` : "nobody";
  const open = matter.reviews.filter((one) => !one.answer).map((one) => one.ground);
  found.push(facts([
    ["Rank", rank], ["Band", matter.band || "\u2013"], ["Due", matter.due_on], ["Last seen by", seen],
    ["Reviews open", open.join(", ") || "none"],
  ]));
  for (const one of matter.signals.slice(0, 5)) {
    found.push(made("h3", `${nameOf(one.product)}, ${nameOf(one.event)}`));
    const added = matter.seen ? `, ${one.added.length} added since` : "";
    found.push(facts([
      ["Status", one.status.replaceAll("_", " ")],
      ["n, serious, fatal", `${one.n}, ${one.n_serious}, ${one.n_fatal}${added}`],
      ["Expected", one.expected.toPrecision(3)], ["Lower limit", one.evidence.toPrecision(3)],
    ]));
  }
  const more = matter.signals.length - 5;
  if (more > 0) found.push(made("p", `and ${more} more signals`));
  return found;
}

async function peek() {
  const pane = byId("peek");
  const link = rows()[here]?.querySelector("a.open");
  if (!link) return;
  const address = new URL(link.href);
  pane.hidden = false;
  if (!address.pathname.startsWith("/m/")) {
    pane.replaceChildren(made("p", "Enter opens this row."));
    return;
  }
  pane.replaceChildren(made("p", "Loading\u2026"));
  try {
    const answer = await fetch(`${address.pathname}/matter.json${address.search}`);
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const matter = await answer.json();
    if (rows()[here]?.querySelector("a.open")?.href !== link.href) return;
    pane.replaceChildren(...shown(matter), made("p", "Space or Escape closes, Enter opens."));
  } catch (error) {
    pane.replaceChildren(made("p", `It could not be loaded (${error.message}). Enter opens it.`));
  }
}

function hidePeek() {
  byId("peek").hidden = true;
}

// --- The palette ---------------------------------------------------------------------------------

const palette = byId("palette");
const field = byId("palette-q");
const list = byId("palette-list");
let asking = null;
let later = 0;

function recent() {
  try {
    const held = JSON.parse(localStorage.getItem(RECENT) ?? "[]");
    return Array.isArray(held) ? held.filter((one) => String(one.href).startsWith("/")) : [];
  } catch {
    return [];
  }
}

function remember() {
  if (!/^\/([msr]\/|case|product|event|programme)/.test(location.pathname)) return;
  const own = { kind: "recent", name: document.title.split(" \u00b7 ")[0], href: location.pathname + location.search };
  const others = recent().filter((one) => one.href !== own.href);
  localStorage.setItem(RECENT, JSON.stringify([own, ...others].slice(0, N_RECENT)));
}

function pages() {
  return [...document.querySelectorAll("header nav a")].map((one) => ({
    kind: "page", name: one.textContent.trim(), href: one.getAttribute("href"),
  }));
}

function offer(found, text) {
  list.replaceChildren(...found.map((one, number) => {
    const option = made("li", one.name, { role: "option", id: `palette-${number}` });
    option.dataset.href = one.href;
    option.append(made("span", ` ${one.kind}`, { class: "level" }));
    option.addEventListener("click", () => location.assign(one.href));
    return option;
  }));
  choose(found.length ? 0 : -1);
  byId("palette-status").textContent = text;
}

function choose(number) {
  [...list.children].forEach((one, at) => one.setAttribute("aria-selected", String(at === number)));
  const chosen = list.children[number];
  if (chosen) field.setAttribute("aria-activedescendant", chosen.id);
  else field.removeAttribute("aria-activedescendant");
  chosen?.scrollIntoView({ block: "nearest" });
}

async function find() {
  const wanted = field.value.trim();
  asking?.abort();
  if (!wanted) {
    offer([...recent(), ...pages()], "");
    return;
  }
  asking = new AbortController();
  const at = new URLSearchParams(location.search).get("at");
  const query = new URLSearchParams(at ? { q: wanted, at } : { q: wanted });
  try {
    const answer = await fetch(`/search.json?${query}`, { signal: asking.signal });
    const found = answer.ok ? await answer.json() : [];
    const near = pages().filter((one) => one.name.toLowerCase().includes(wanted.toLowerCase()));
    const all = [...near, ...found];
    offer(all, all.length ? `${all.length} found` : "nothing found");
  } catch (error) {
    if (error.name !== "AbortError") offer([], "It could not be searched.");
  }
}

function openPalette() {
  field.value = "";
  if (!palette.open) palette.showModal();
  field.focus();
  find();
}

field.addEventListener("input", () => {
  clearTimeout(later);
  later = setTimeout(find, 120);
});

field.addEventListener("keydown", (event) => {
  const all = [...list.children];
  const now = all.findIndex((one) => one.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    choose(Math.min(Math.max(now + (event.key === "ArrowDown" ? 1 : -1), 0), all.length - 1));
  }
  if (event.key === "Enter") {
    event.preventDefault();
    if (all[now]) location.assign(all[now].dataset.href);
  }
});

// --- Keys ----------------------------------------------------------------------------------------

const actions = {
  j: () => move(1),
  k: () => move(-1),
  " ": () => (byId("peek").hidden ? peek() : hidePeek()),
  escape: hidePeek,
  "/": () => document.querySelector("main input[type=search]")?.focus(),
  t: () => byId("at")?.focus(),
  g: () => { isGoing = true; },
  "?": () => dialog.showModal(),
};

function isMeant(event, key) {
  if (event.target.closest("input, textarea, select, dialog")) return false;
  if (key === "escape") return !byId("peek").hidden;
  const takesSpace = event.target.closest("button, summary, a:not(.open)");
  return key !== " " || (here >= 0 && !takesSpace);
}

document.addEventListener("keydown", (event) => {
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && !event.altKey && key === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isOff() || !isMeant(event, key)) return;
  if (isGoing) {
    isGoing = false;
    event.preventDefault();
    go(key);
    return;
  }
  const action = actions[key];
  if (!action) return;
  event.preventDefault();
  action();
});

toggle.checked = !isOff();
toggle.addEventListener("change", () => localStorage.setItem(OFF, toggle.checked ? "0" : "1"));
opener.hidden = false;
opener.addEventListener("click", () => dialog.showModal());
byId("show-palette").hidden = false;
byId("show-palette").addEventListener("click", openPalette);
remember();
