// Choosing files from the folders that the server was given: nothing is copied.

import { attempt, get } from "./api.js";
import { bytes, el, replace } from "./dom.js";

// `kinds`: which of "photo" and "film" are listed.
export function chooser(server, kinds, onChoose) {
  if (!server.folders.length) return null;
  const list = el("ul", { class: "plain" });
  const where = el("p", { class: "small" });
  const open = async (folder, trail) => {
    const entries = folder ? await attempt(() => get("/api/folders", { folder: folder.id })) : server.folders;
    if (!entries) return;
    where.textContent = trail.map((each) => each.name).join(" / ");
    const up = trail.length
      ? [el("li", {}, el("button", { onclick: () => open(trail.at(-2), trail.slice(0, -1)) }, "↑ up"))] : [];
    const shown = entries.filter((entry) => entry.kind === "folder" || kinds.includes(entry.kind));
    replace(list, ...up, ...shown.map((entry) => el("li", {},
      el("button", { onclick: () => (entry.kind === "folder" ? open(entry, [...trail, entry]) : onChoose(entry)) },
        entry.kind === "folder" ? `${entry.name} /` : entry.name),
      entry.kind === "folder" ? null : el("span", { class: "small" }, ` ${bytes(entry.size)}`))));
    if (!shown.length) list.append(el("li", { class: "quiet" }, "nothing here"));
  };
  const box = el("details", { class: "panel" }, el("summary", {}, "From the server's folders"), where, list);
  box.addEventListener("toggle", () => { if (box.open && !list.children.length) open(null, []); });
  return box;
}
