// The list of events: the keyboard, one player for all clips, and labels without loading the page again.

import "./times.js";

const list = document.getElementById("list");
const player = document.querySelector(".player");
const rows = list ? [...list.querySelectorAll("tbody tr")] : [];
const names = document.getElementById("names")?.dataset;

function current() {
  return document.activeElement?.closest("tbody tr") ?? null;
}

function move(step) {
  const row = current();
  const next = rows[row ? rows.indexOf(row) + step : 0];
  next?.querySelector(".when a").focus();
  next?.scrollIntoView({ block: "nearest" });
}

let playing = null;

function play(row, sound) {
  const link = row?.querySelector(".play");
  if (!link) return;
  playing?.classList.remove("playing");
  playing = row;
  row.classList.add("playing");
  player.hidden = false;
  const audio = player.querySelector("audio");
  audio.src = sound === "href" ? link.href : link.dataset[sound];
  audio.play().catch(() => {});
  for (const button of player.querySelectorAll("button")) button.ariaPressed = button.dataset.sound === sound;
}

async function change(row, action) {
  const fields = new URLSearchParams({ action, event: row.dataset.event });
  const said = document.getElementById("said");
  try {
    const answer = await fetch(list.getAttribute("action"), {
      method: "POST",
      body: fields,
      headers: { Accept: "application/json", "X-CSRF-Token": list.elements.csrf_token.value },
    });
    if (!answer.ok) throw new Error(await answer.text());
    show(row, (await answer.json())[row.dataset.event]);
    said.textContent = "";
  } catch (error) {
    said.textContent = `${names.failed} ${error.message}`;
  }
}

function show(row, state) {
  const label = row.querySelector("[data-label]");
  label.dataset.label = state.label;
  label.textContent = state.label ? names[state.label === "not bird" ? "notBird" : state.label] : "";
  row.querySelector(".note").textContent = state.note;
  row.querySelector(".lock").hidden = state.mark !== "locked";
}

const LABELS = { b: "bird", n: "not bird", o: "other", u: "no label" };
const SOUNDS = { p: "href", a: "bird", f: "band" };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || !list) return;
  const row = current();
  // Only within the list, or when nothing has the focus: elsewhere a key is text, or belongs to a screen reader.
  if (!row && document.activeElement !== document.body) return;
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  const isLabelled = list.querySelector("[data-label]") !== null;
  if (step) move(step);
  else if (!row) return;
  else if (event.key in SOUNDS) play(row, SOUNDS[event.key]);
  else if (event.key in LABELS && isLabelled) change(row, LABELS[event.key]);
  else if (event.key === "l" && isLabelled) change(row, row.querySelector(".lock").hidden ? "lock" : "unlock");
  else if (event.key === "x" && isLabelled) row.querySelector("input[type=checkbox]").click();
  else return;
  event.preventDefault();
});

list?.addEventListener("click", (event) => {
  const link = event.target.closest(".play");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  link.focus();
  play(link.closest("tr"), "href");
});

for (const button of player?.querySelectorAll("button") ?? []) {
  button.addEventListener("click", () => play(playing, button.dataset.sound));
}

const all = document.getElementById("all");
if (all) {
  all.closest("label").hidden = false;
  all.addEventListener("change", () => {
    for (const box of list.querySelectorAll("[name=event]")) box.checked = all.checked;
  });
}
const keys = document.querySelector(".keys");
if (keys) keys.hidden = false;

// A link back to an event gives its row the focus, so that the keyboard continues there.
document.getElementById(decodeURIComponent(location.hash.slice(1)))?.querySelector(".when a")?.focus();
