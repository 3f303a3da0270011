// Load the page again if its zone is not the browser's, which the server did not know yet.

import "./times.js";

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const shown = document.getElementById("zone")?.dataset.zone;
const isKept = document.cookie.split("; ").includes(`zone=${zone}`);
const isChosen = new URLSearchParams(location.search).has("zone");
if (zone && shown && shown !== zone && isKept && !isChosen && !sessionStorage.getItem("zone-asked")) {
  sessionStorage.setItem("zone-asked", zone); // the server may not know it
  location.reload();
}
