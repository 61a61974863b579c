// The page: tabs, and what they hold.

import { attempt, get } from "./api.js";
import { Films } from "./films.js";
import { Jobs } from "./jobs.js";
import { Photos } from "./photos.js";
import { Quality } from "./quality.js";

const tabs = [...document.querySelectorAll("[role=tab]")];

function show(tab) {
  for (const each of tabs) {
    const chosen = each === tab;
    each.setAttribute("aria-selected", String(chosen));
    each.tabIndex = chosen ? 0 : -1;
    document.getElementById(each.getAttribute("aria-controls")).hidden = !chosen;
  }
  history.replaceState(null, "", `#${tab.getAttribute("aria-controls")}`);
}

for (const [at, tab] of tabs.entries()) {
  tab.addEventListener("click", () => show(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(at + step + tabs.length) % tabs.length];
    show(next);
    next.focus();
  });
}

// a file dropped beside a box must not replace the page
window.addEventListener("dragover", (event) => event.preventDefault());
window.addEventListener("drop", (event) => event.preventDefault());

// `vidcolor studio FILE` opens the page with #open=ID
const opened = decodeURIComponent(location.hash.match(/^#open=(.+)$/)?.[1] ?? "");

async function open(source, photos, films) {
  const found = await get("/api/info", { source });
  show(document.getElementById(found.kind === "film" ? "tab-films" : "tab-photos"));
  if (found.kind === "film") films.show(found);
  else photos.insert(found);
}

const wanted = tabs.find((tab) => `#${tab.getAttribute("aria-controls")}` === location.hash);
if (wanted) show(wanted);

await attempt(async () => {
  const server = await get("/api/server");
  // the network's libraries take seconds to load; nothing waits for them but the names of models
  server.models = attempt(() => get("/api/models")).then((found) => found ?? []);
  const at = (name) => document.getElementById(name);
  const jobs = new Jobs(at("jobs"), server);
  const photos = new Photos(at("photos"), server, jobs);
  const films = new Films(at("films"), server, jobs);
  new Quality(at("quality"), server, jobs);
  photos.onFilm = (found) => { films.show(found); show(document.getElementById("tab-films")); };
  films.onPhoto = (found) => { photos.insert(found); show(document.getElementById("tab-photos")); };
  document.body.dataset.ready = "yes";
  if (opened) await open(opened, photos, films);
});
