// Load the page again if it shows another zone than that of the browser, which was not known yet.

import "./times.js";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const shown = document.getElementById("zone")?.dataset.zone;
const isKept = document.cookie.split("; ").includes(`zone=${zone}`);
const isChosen = new URLSearchParams(location.search).has("zone");
if (zone && shown && shown !== zone && isKept && !isChosen && !sessionStorage.getItem("zone-asked")) {
  sessionStorage.setItem("zone-asked", zone); // the server may not know it
  location.reload();
}
