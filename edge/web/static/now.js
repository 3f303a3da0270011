// The page Now: the live picture, the level, the sound, and the parts of the page that change.

import { Spectrogram } from "./spectrogram.js";
import { localTimes } from "./times.js";

const SILENT_S = 1.5; // without frames, after which the picture continues hatched
const RETRY_S = 2;
const PARTS_EVERY_S = 5, AFTER_EVENT_S = 1.5;

const canvas = document.getElementById("spectrogram");
const { source, connecting, noRecorder, liveText, noSound } = canvas.dataset;
const state = document.getElementById("live-state");
const meter = document.getElementById("level"), decibels = document.getElementById("decibels");
const parts = document.getElementById("parts");
const picture = new Spectrogram(canvas);
const query = new URLSearchParams({ source });
let isConnected = false; // with a recorder
let lastFrameS = 0;

function say(text) {
  if (state.textContent !== text) state.textContent = text;
}

const nowS = () => performance.now() / 1000;

function connect() {
  const url = new URL(`api/stream?${query}`, document.baseURI);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  socket.addEventListener("message", (message) => {
    if (typeof message.data === "string") takeMessage(JSON.parse(message.data));
    else takeFrames(message.data);
  });
  socket.addEventListener("close", () => {
    isConnected = false;
    say(connecting);
    setTimeout(connect, 1000 * RETRY_S);
  });
}

function takeMessage(message) {
  if (message.type === "state") {
    isConnected = message.connected !== false;
    say(isConnected ? liveText : noRecorder);
    if (!isConnected) return;
    picture.resume(message);
    for (const button of document.querySelectorAll("[data-sound]")) button.disabled = !message.audio;
    document.getElementById("no-audio").hidden = message.audio;
  } else if (message.type === "event") {
    picture.addEvent(message);
    canvas.dataset.events = 1 + Number(canvas.dataset.events ?? 0);
    setTimeout(loadParts, 1000 * AFTER_EVENT_S);
  }
}

const dbText = (db) => (db <= -127 ? "−∞" : db.toFixed(0).replace("-", "−")); // -127.5: digital silence

function takeFrames(buffer) {
  const view = new DataView(buffer);
  const marked = picture.push(buffer);
  lastFrameS = nowS();
  say(liveText);
  const rms = -view.getUint8(6) / 2, peak = -view.getUint8(7) / 2;
  meter.value = rms;
  decibels.textContent = `${dbText(rms)} / ${dbText(peak)} dBFS`;
  requestDraw(marked);
}

// Painting waits for the screen; several packets are painted at once. Tests receive an event for each painting.
let markedSinceDraw = 0, isRequested = false;
function requestDraw(marked) {
  markedSinceDraw += marked;
  if (isRequested) return;
  isRequested = true;
  requestAnimationFrame(() => {
    isRequested = false;
    picture.draw();
    canvas.dataset.columns = picture.columns;
    canvas.dispatchEvent(new CustomEvent("painted", { detail: { marked: markedSinceDraw } }));
    markedSinceDraw = 0;
  });
}

let hatchedS = 0;
setInterval(() => {
  if (picture.endUtcS === null) return;
  const missingS = nowS() - Math.max(lastFrameS, hatchedS);
  if (nowS() - lastFrameS < SILENT_S) return;
  if (isConnected) say(noSound);
  picture.skip(missingS);
  hatchedS = nowS();
  requestDraw(0);
}, 250);

async function loadParts() {
  if (document.hidden) return;
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "";
  try {
    const answer = await fetch(`api/now?${query}&${new URLSearchParams({ zone })}`);
    if (!answer.ok) return;
    const loaded = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (parts.contains(document.activeElement)) return; // keep the link that has the focus
    localTimes(loaded);
    parts.replaceChildren(...loaded.body.childNodes);
  } catch {
    // the companion is unavailable; the socket reports it
  }
}

function setUpSound() {
  const audio = new Audio();
  const buttons = document.querySelectorAll("[data-sound]");
  const show = (playing) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button === playing));
  };
  for (const button of buttons) {
    button.addEventListener("click", async () => {
      const stops = button.getAttribute("aria-pressed") === "true";
      audio.pause();
      audio.removeAttribute("src");
      audio.load(); // closes the connection
      show(null);
      if (stops) return;
      const only = button.dataset.sound === "bird" ? { only: "bird" } : {};
      audio.src = `api/listen?${query}&${new URLSearchParams(only)}`;
      show(button);
      try {
        await audio.play();
      } catch (error) {
        if (error.name !== "AbortError") show(null); // another button was pressed meanwhile
      }
    });
  }
  for (const name of ["ended", "error"]) audio.addEventListener(name, () => show(null));
}

for (const element of document.querySelectorAll("[data-live]")) element.hidden = false;
document.getElementById("mask").addEventListener("change", (change) => picture.setMask(change.target.checked));
setUpSound();
connect();
loadParts();
setInterval(loadParts, 1000 * PARTS_EVERY_S);
document.addEventListener("visibilitychange", loadParts);
