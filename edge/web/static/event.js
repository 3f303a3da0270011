// One event: the keyboard of the list, for its sounds, its labels, and the events next to it.

import "./times.js";

const SOUNDS = { p: 0, a: 1, f: 2 };
const LABELS = { b: "bird", n: "not bird", o: "other", u: "no label", l: ["lock", "unlock"] };
const LINKS = { j: "next", k: "prev", Escape: "up" };
const sounds = document.querySelectorAll(".sounds audio");

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || document.activeElement !== document.body) return;
  if (event.key in SOUNDS && sounds.length) {
    sounds.forEach((sound) => sound.pause());
    sounds[SOUNDS[event.key]].play().catch(() => {});
  } else if (event.key in LABELS) {
    const actions = [LABELS[event.key]].flat();
    document.querySelector(actions.map((action) => `button[value="${action}"]`).join(","))?.click();
  } else if (event.key === "m") {
    document.getElementById("mask")?.click();
  } else if (event.key in LINKS) {
    document.querySelector(`.pages a[rel="${LINKS[event.key]}"]`)?.click();
  } else return;
  event.preventDefault();
});
