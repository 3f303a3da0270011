// Show times in the zone of the browser; UTC stays as a hint.

const formats = {
  time: new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "medium" }),
  short: new Intl.DateTimeFormat(document.documentElement.lang, { timeStyle: "short" }),
  full: new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" }),
};

// Rewrite each <time datetime="..."> below an element; data-format is "time", "short" or, by default, "full".
export function localTimes(element) {
  for (const time of element.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.textContent = (formats[time.dataset.format] ?? formats.full).format(at);
    time.title = `${at.toISOString().replace("T", " ").slice(0, 19)} UTC`;
  }
}

// The server draws hours of the day, so it has to know the zone.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const path = new URL("../", import.meta.url).pathname;
if (zone) document.cookie = `zone=${zone}; path=${path}; max-age=31536000; SameSite=Strict`;

localTimes(document);
