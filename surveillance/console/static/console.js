// Keys for people who work through lists. Everything here can be done without it, and all of it
// can be switched off: single keys are in the way of screen readers.
const OFF = "longwatch-keys-off";
const rows = () => [...document.querySelectorAll("tr.matter")];
const dialog = document.getElementById("keys");
const opener = document.getElementById("show-keys");
const toggle = document.getElementById("keys-on");
const isOff = () => localStorage.getItem(OFF) === "1";
let here = -1;

function move(by) {
  const all = rows();
  if (!all.length) return;
  all[here]?.classList.remove("here");
  here = Math.min(Math.max(here + by, 0), all.length - 1);
  all[here].classList.add("here");
  all[here].scrollIntoView({ block: "nearest" });
  all[here].querySelector("a.open")?.focus({ preventScroll: true });
}

const actions = {
  j: () => move(1),
  k: () => move(-1),
  "/": () => document.querySelector("input[type=search]")?.focus(),
  t: () => document.getElementById("at")?.focus(),
  "?": () => dialog.showModal(),
};

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select, dialog");
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping || isOff()) return;
  const action = actions[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action();
});

toggle.checked = !isOff();
toggle.addEventListener("change", () => localStorage.setItem(OFF, toggle.checked ? "0" : "1"));
opener.hidden = false;
opener.addEventListener("click", () => dialog.showModal());
